"""Who may import whom, who may commit, and what the domain must not know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PORTAL = Path(__file__).resolve().parents[2] / "portal"
AREAS = (
    "shops", "people", "catalog", "invoices", "methods", "payments", "orders", "subscriptions", "collections",
    "tickets", "notices",
)  # fmt: skip

#: What the domain must not know: the web, the queue, and the faces.
FORBIDDEN_IN_DOMAIN = (
    "flask_login",
    "flask_wtf",
    "wtforms",
    "rq",
    "redis",
    "portal.blueprints",
    "portal.providers",
)
FLASK_IN_DOMAIN = {"request", "session", "g", "current_app", "url_for", "flash"}

#: The edges: who may commit. A folder stands for everything in it.
MAY_COMMIT = (
    "blueprints/", "cli.py", "commands/", "demo/", "installation/hooks.py", "installation/restore.py",
    "core/database.py", "core/outbox_runner.py", "core/lease.py", "core/schedule.py", "core/touch.py",
)  # fmt: skip


def modules() -> list[Path]:
    return sorted(path for path in PORTAL.rglob("*.py") if "static" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(PORTAL).as_posix()


def imports(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Every imported module with the names taken from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, set()
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {alias.name for alias in node.names}
            yield node.module, names
            # `from portal.domain import payments` imports the module portal.domain.payments.
            if node.module.startswith("portal"):
                for name in names:
                    yield f"{node.module}.{name}", set()


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    name = name_of(path)
    for module, names in imports(path):
        if name.startswith("core/"):
            assert not module.startswith(
                ("portal.domain", "portal.blueprints", "portal.providers", "portal.cli")
            ), (
                f"{name} imports {module}: the core gets what it needs of the business by portal/core/wiring.py"
            )
        if name.startswith("domain/") and name != "domain/wiring.py":
            check_domain(name, module, names)
        if name.startswith("providers/") and name != "providers/__init__.py":
            allowed = (
                "portal.domain.payments.provider",
                "portal.core.money",
                "portal.core.errors",
                "portal.providers",
            )
            assert not module.startswith("portal.") or module.startswith(allowed), (
                f"{name} imports {module}: a provider knows the protocol, money and errors, nothing else"
            )
        if (
            name.startswith("blueprints/")
            and name.count("/") >= 2
            and module.startswith("portal.blueprints.")
        ):
            own = name.split("/")[1]
            assert module.split(".")[2] == own, (
                f"{name} imports {module}: what two sections share lives in portal/domain or portal/core"
            )


def check_domain(name: str, module: str, names: set[str]) -> None:
    assert not module.startswith(FORBIDDEN_IN_DOMAIN), (
        f"{name} imports {module}: the domain knows no web and no queue"
    )
    if module == "flask":
        assert not names & FLASK_IN_DOMAIN, (
            f"{name} takes {names & FLASK_IN_DOMAIN} from flask: pass it as an argument"
        )
    own = name.split("/")[1]
    if module.startswith("portal.domain.") and own in AREAS:
        other = module.split(".")[2]
        if other in AREAS:
            assert AREAS.index(other) <= AREAS.index(own), (
                f"{name} imports {module}: areas import to their left; a reaction to the right is a signal"
            )


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_the_edge_commits(path: Path) -> None:
    name = name_of(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            assert name.startswith(MAY_COMMIT), (
                f"{name}:{node.lineno} commits: let the view, the runner or the command do it"
            )


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_money_is_never_a_float(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        if is_call and name_of(path).startswith(
            ("domain/", "blueprints/", "providers/", "core/money", "core/vat")
        ):
            pytest.fail(f"{name_of(path)}:{node.lineno} calls float(): money is int, rates are Decimal")
        if isinstance(node, ast.Attribute) and node.attr in ("Numeric", "Float", "REAL"):
            pytest.fail(f"{name_of(path)}:{node.lineno} uses {node.attr}: use minor() or Scaled4")


def test_rq_is_known_in_two_places_only() -> None:
    found = {
        name_of(path) for path in modules() for module, _ in imports(path) if module.split(".")[0] == "rq"
    }
    assert found <= {"core/jobs.py", "core/schedule.py"}


def test_only_config_reads_the_environment() -> None:
    for path in modules():
        text = path.read_text()
        if name_of(path) == "__init__.py" or name_of(path).startswith("installation/"):
            continue
        assert "os.environ" not in text and "getenv" not in text, f"{name_of(path)}: read it in config.py"


def test_no_pickles_and_no_leftovers() -> None:
    for path in modules():
        for module, _ in imports(path):
            assert module.split(".")[0] not in ("pickle", "shelve", "marshal"), name_of(path)
        for mark in ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"):
            assert mark not in path.read_text(), f"{name_of(path)} holds {mark}"
