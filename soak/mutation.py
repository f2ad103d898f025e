"""What is mutated, by which tests each module is to be caught, and how the mutation tool is run on it.

mutmut changes what functions do. The tables beside them (which status may follow which, who may do what) it leaves
alone; `soak/tables.py` changes those. Where all of a group's changes would take hours, each run tries a part of them
that its seed chooses; ``LOKET_MUTANTS=all`` tries every one.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from soak import tools

PROJECT = tools.PROJECT


@dataclass(frozen=True)
class Group:
    """Modules that the same tests are about."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    #: How many in ten of the changes to functions a run tries.
    tenths: int = 10

    def chosen(self, seed: int) -> str:
        """The last digits of the numbers of those changes."""
        tenths = 10 if os.environ.get("LOKET_MUTANTS") == "all" else self.tenths
        return "".join(sorted(random.Random(f"{seed} {self.name}").sample("0123456789", tenths)))

    def tests_of(self, module: str) -> tuple[str, ...]:
        """The tests of one module by its name, or all of the group's where it has no such file."""
        folder, _, file = module.partition("/")[2].rpartition("/")
        begins = f"tests/{folder}/test_{file.removesuffix('.py')}"
        return tuple(test for test in self.tests if test.startswith(begins)) or self.tests


GROUPS = (
    Group(
        "money and states",
        (
            "portal/core/money.py",
            "portal/core/vat.py",
            "portal/core/lifecycle.py",
            "portal/domain/collections/states.py",
            "portal/domain/invoices/states.py",
            "portal/domain/methods/states.py",
            "portal/domain/orders/states.py",
            "portal/domain/payments/states.py",
            "portal/domain/subscriptions/cadence.py",
            "portal/domain/subscriptions/forecast.py",
            "portal/domain/subscriptions/notice.py",
            "portal/domain/subscriptions/prices.py",
            "portal/domain/subscriptions/states.py",
            "portal/domain/tickets/states.py",
        ),
        (
            "tests/core/test_money.py",
            "tests/core/test_money_refusals.py",
            "tests/core/test_vat.py",
            "tests/core/test_lifecycle.py",
            "tests/domain/collections/test_states.py",
            "tests/domain/invoices/test_states.py",
            "tests/domain/methods/test_states.py",
            "tests/domain/orders/test_states.py",
            "tests/domain/payments/test_states.py",
            "tests/domain/subscriptions/test_cadence.py",
            "tests/domain/subscriptions/test_forecast.py",
            "tests/domain/subscriptions/test_notice.py",
            "tests/domain/subscriptions/test_prices.py",
            "tests/domain/subscriptions/test_states.py",
            "tests/domain/tickets/test_states.py",
        ),
    ),
    Group(
        "access",
        (
            "portal/core/access.py",
            "portal/domain/people/permissions.py",
            "portal/domain/people/staff_permissions.py",
        ),
        (
            "tests/core/test_access.py",
            "tests/core/test_access_rules.py",
            "tests/core/test_forgetful_views.py",
            "tests/core/test_kept.py",
            "tests/domain/people/test_permissions.py",
            "tests/architecture/test_access.py",
            # Of the walk what access itself decides; all of it would take minutes for every change.
            "tests/walk/test_walk.py::test_who_lacks_the_right_is_told_so",
            "tests/walk/test_walk.py::test_support_opens_no_invoice",
            "tests/walk/test_walk.py::test_staff_without_the_right_are_told_so",
        ),
    ),
    Group(
        "booking",
        (
            "portal/domain/invoices/booking.py",
            "portal/domain/invoices/balance.py",
            "portal/domain/invoices/ledger.py",
        ),
        (
            "tests/domain/invoices/test_booking.py",
            "tests/domain/invoices/test_balance.py",
            "tests/domain/invoices/test_crediting.py",
            "tests/domain/invoices/test_spending.py",
            "tests/domain/payments/test_applying.py",
            "tests/domain/payments/test_undoing.py",
            "tests/domain/payments/test_undoing_credited.py",
        ),
        tenths=3,
    ),
    Group(
        "taking back",
        (
            "portal/domain/invoices/crediting.py",
            "portal/domain/invoices/spending.py",
            "portal/domain/invoices/taking_back.py",
            "portal/domain/payments/refunding.py",
            "portal/domain/payments/refunding_jobs.py",
            "portal/domain/payments/undoing.py",
            "portal/domain/tickets/paying_out.py",
        ),
        (
            "tests/domain/invoices/test_crediting.py",
            "tests/domain/invoices/test_spending.py",
            "tests/domain/invoices/test_taking_back.py",
            "tests/domain/payments/test_refund_setbacks.py",
            "tests/domain/payments/test_refunding.py",
            "tests/domain/payments/test_undoing.py",
            "tests/domain/payments/test_undoing_credited.py",
            "tests/domain/tickets/test_paying_out.py",
        ),
        tenths=3,
    ),
)

#: What every mutated copy needs beside the portal and the tests.
BESIDE = ("app.py", "config.py", "migrations", "soak", "requirements.txt", "requirements-dev.txt")
_RESULT = re.compile(r"^\s+(\S+__mutmut_\d+): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Mutants:
    """How many changes were made to a group, of how many that there are, and the ones that no test noticed."""

    made: int
    known: int
    survivors: dict[str, str]


def copy_project(folder: Path) -> None:
    """The files of the project, without what git does not know, for a tool that changes them."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)


def run_mutmut(group: Group, seed: int) -> Mutants:
    """Each function of a group's modules changed in the ways mutmut knows, against the group's tests."""
    command, folder = tools.mutator(), tools.HOME / "mutants" / group.name.replace(" ", "-")
    copy_project(folder)
    settings = {
        "source_paths": ["portal"],
        "only_mutate": list(group.modules),
        "pytest_add_cli_args_test_selection": list(group.tests),
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "soak.mutation_profile"],
        "also_copy": list(BESIDE),
    }
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\nuse_git_change_detection = false\n")
        # On a busy machine a test is slow long before it hangs.
        file.write("timeout_constant = 20.0\n")
        file.writelines(f"{name} = {values!r}\n" for name, values in settings.items())
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    children = ["--max-children", str(os.cpu_count() or 2)]
    chosen = [f"*__mutmut_*[{group.chosen(seed)}]"]
    done = subprocess.run(
        [*command, "run", *children, *chosen],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise tools.Missing(f"mutmut ended with {done.returncode}: {done.stdout[-800:]}{done.stderr[-400:]}")
    told = subprocess.run(
        [*command, "results", "--all", "true"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    known = dict(_RESULT.findall(told))
    results = {name: status for name, status in known.items() if status != "not checked"}
    survived = [name for name, status in results.items() if status not in ("killed", "timeout")]
    return Mutants(
        len(results),
        len(known),
        {name: f"{results[name]}\n{_change(command, folder, name)}" for name in survived},
    )


def _change(command: list[str], folder: Path, name: str) -> str:
    """The lines that a mutant changes."""
    shown = subprocess.run(
        [*command, "show", name], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    return "\n".join(line for line in shown.splitlines() if re.match(r"[-+](?![-+])", line))
