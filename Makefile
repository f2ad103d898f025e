# Loket's commands. `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
ENVIRONMENT := $(PYTHON) -I portal/installation/environment.py
# Processes the tests run in; the suites with servers of their own want memory more than processors.
# One more than there are processors, as they wait for browsers and servers half of the time.
TEST_PROCESSES ?= 3
PYTEST_ARGS ?=
# Parts of the soak, and the number its chances come from; empty: all, and a new one.
ONLY ?=
SEED ?=
# What runs a second time, on PostgreSQL: money, and what keeps shops and readers apart. All the rest does in the soak.
POSTGRES_TESTS := tests/domain/invoices tests/domain/payments tests/blueprints/hooks \
	tests/blueprints/sandbox/test_journey.py::test_the_banks_tab_is_closed tests/blueprints/sandbox/test_at_once.py \
	tests/core/test_sessions.py tests/architecture/test_scope.py \
	--ignore-glob="*/test_bundle*" --ignore-glob="*/test_importing.py" --ignore-glob="*/test_rendering.py"

.DEFAULT_GOAL := help
.PHONY: help run serve test programs soak bench check format translations vendor

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '%-18s %s\n' "$$name" "$$text"; done

run: ## Start the demo shop on this machine: http://127.0.0.1:8000
	@$(ENVIRONMENT) run
	@exec $(BIN)/python app.py --demo

serve: ## Start a real, empty installation
	@$(ENVIRONMENT) run
	@exec $(BIN)/python app.py

test: ## Run every check and every test; needs Chromium, Redis, PostgreSQL and Poppler
	@$(MAKE) --no-print-directory -j2 programs check
	@LOKET_REQUIRE_SERVICES=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder \
		$(PYTEST_ARGS)
	@LOKET_TEST_DATABASE=postgres LOKET_REQUIRE_SERVICES=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) \
		--dist loadfile $(POSTGRES_TESTS) -m "not slow" -q

programs:
	@$(ENVIRONMENT) programs

soak: ## Break it on purpose, for an hour: ONLY=kills,faults SEED=7 for some of it, or again
	@$(ENVIRONMENT) dev
	@$(ENVIRONMENT) programs
	@LOKET_REQUIRE_SERVICES=1 $(BIN)/python -m soak --only "$(ONLY)" --seed "$(SEED)"

check: ## Lint, formatting, types and translations
	@$(ENVIRONMENT) dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -I portal/installation/translations.py check

bench: ## Measure against the bars; ONLY=pdf,mail takes parts, QUICK=1 a quarter of an hour
	@$(ENVIRONMENT) dev
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

format: ## Put the code into the one format
	@$(ENVIRONMENT) dev
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

translations: ## Add new texts to the catalogues, to be translated by hand
	@$(ENVIRONMENT) run
	@$(BIN)/python -I portal/installation/translations.py update

vendor: ## Build the front-end files kept in portal/static/vendor; needs Node 20
	cd portal/static/vendor && npm ci && node build.mjs && rm -rf node_modules
