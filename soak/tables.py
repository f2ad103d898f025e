"""Changes the tables beside functions, one entry at a time: an entry gone, another word, the next number.

mutmut leaves everything outside functions alone, and states and rights are just that. Each change is tried in a process
of its own, forked from one that has the test tools loaded, in which the changed text stands in for the module's.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from soak.mutation import PROJECT, Group

#: How long the tests of one change may take; one that hangs was noticed.
SECONDS = 300
#: How pytest ends when all tests passed, some failed, or a changed module could not be imported by a test or by what
#: all tests share (which tells of itself first, by the run of each module as it is). Whatever hangs is
#: ended by a signal.
_TOLD = (0, 1, 2, 4)
#: What the portal and its tests use from elsewhere.
LOADED_BEFORE = (
    "argon2", "babel.numbers", "flask", "flask_babel", "flask_limiter", "flask_login", "flask_mail", "flask_migrate",
    "flask_sqlalchemy", "flask_wtf", "html5lib", "hypothesis", "psycopg", "pytest", "reportlab.platypus", "rq",
    "sqlalchemy.orm", "wtforms", "xhtml2pdf.pisa",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """A module with one thing changed."""

    module: str
    what: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.module} {self.what}"


def changes_of(path: str) -> Iterator[Change]:
    """Every change to the tables of a module: what is assigned to its names, outside functions and classes."""
    source = (PROJECT / path).read_text(encoding="utf-8")
    tree = ast.parse(source)
    words = _words(tree)
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            for what, changed in _within(source, statement.value, words):
                yield Change(path, f"{ast.unparse(target)} {what}", changed)


def _within(source: str, value: ast.expr, words: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """What is changed, and the whole text with it changed."""
    for node in ast.walk(value):
        if isinstance(node, ast.Dict):
            for key, entry in zip(node.keys, node.values, strict=True):
                first, last = (key or entry), entry
                yield _cut(source, first, last, before="**" if key is None else "")
                if key is not None:
                    yield from _others(source, entry, words)
        elif isinstance(node, ast.DictComp):
            yield from _others(source, node.value, words)
        elif isinstance(node, ast.Set | ast.Tuple | ast.List) and not _is_key(node, value):
            for entry in node.elts:
                after = node.elts[node.elts.index(entry) + 1 :]
                is_pair = isinstance(node, ast.Tuple) and len(node.elts) == 2
                if not (is_pair and after and isinstance(after[0], ast.Starred)):
                    # Without the first of such a pair no tuple would be left, only a mistake of grammar.
                    yield _cut(source, entry, entry)
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            yield _put(source, node, str(node.value + 1), f"{node.value} becomes {node.value + 1}")


def _is_key(node: ast.expr, value: ast.expr) -> bool:
    """Whether a tuple is the key of a table: without a part it would be no key at all."""
    tables = [each for each in ast.walk(value) if isinstance(each, ast.Dict)]
    keys = [key for table in tables for key in table.keys]
    keys += [each.key for each in ast.walk(value) if isinstance(each, ast.DictComp)]
    return any(node is key for key in keys)


def _words(tree: ast.Module) -> dict[str, list[str]]:
    """The words that a module uses of each enumeration: for `S.OPEN`, `S` has `OPEN`."""
    words: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper():
            known = words.setdefault(node.value.id, [])
            if node.attr not in known:
                known.append(node.attr)
    return words


def _others(source: str, entry: ast.expr, words: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """The next word of the same enumeration in place of this one."""
    if isinstance(entry, ast.Attribute) and isinstance(entry.value, ast.Name):
        known = words.get(entry.value.id, [])
        if entry.attr in known and len(known) > 1:
            other = known[(known.index(entry.attr) + 1) % len(known)]
            yield _put(source, entry, f"{entry.value.id}.{other}", f"{entry.attr} becomes {other}")


def _offsets(source: str, first: ast.expr, last: ast.expr) -> tuple[int, int]:
    lines = source.encode().splitlines(keepends=True)
    begins = sum(map(len, lines[: first.lineno - 1])) + first.col_offset
    ends = sum(map(len, lines[: (last.end_lineno or 1) - 1])) + (last.end_col_offset or 0)
    return begins, ends


def _cut(source: str, first: ast.expr, last: ast.expr, before: str = "") -> tuple[str, str]:
    begins, ends = _offsets(source, first, last)
    raw = source.encode()
    gone = raw[begins:ends].decode()
    begins = raw.rindex(before.encode(), 0, begins) if before else begins
    rest = raw[ends:].lstrip()
    # A comma is left before the end of a row; only where nothing else is left in it, there is none.
    after = rest[1:] if rest.startswith(b",") else raw[ends:]
    changed = (raw[:begins] + after).decode()
    try:
        ast.parse(changed)
    except SyntaxError:
        changed = (raw[:begins].rstrip().removesuffix(b",") + b" " + after).decode()
    return f"without {' '.join(gone.split())[:100]}", changed


def _put(source: str, node: ast.expr, text: str, what: str) -> tuple[str, str]:
    begins, ends = _offsets(source, node, node)
    raw = source.encode()
    return what, (raw[:begins] + text.encode() + raw[ends:]).decode()


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves the changed text when the module is imported."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.name = change.module.removesuffix(".py").replace("/", ".")

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, PROJECT / self.change.module, loader=self)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.change.source, str(PROJECT / self.change.module), "exec"), module.__dict__)


def try_tables(group: Group, processes: int) -> tuple[int, list[str]]:
    """Every change to the tables of a group against its tests: how many, and the ones that nothing noticed."""
    # Loading these is most of what a run of a few tests costs.
    for name in LOADED_BEFORE:
        importlib.import_module(name)
    assert not any(name.split(".")[0] == "portal" for name in sys.modules), (
        "a fork would keep the unchanged module"
    )
    # Of tests that fail already, or find nothing to run, nothing follows: first each module as it is.
    for path in group.modules:
        as_it_is = Change(path, "as it is", (PROJECT / path).read_text(encoding="utf-8"))
        if (status := os.waitpid(_start(as_it_is, group), 0)[1]) != 0:
            raise RuntimeError(f"the tests of {path} end with {status} without any change")
    waiting = [change for path in group.modules for change in changes_of(path)]
    made, survived, running = len(waiting), list[str](), dict[int, Change]()
    while waiting or running:
        while waiting and len(running) < processes:
            change = waiting.pop(0)
            running[_start(change, group)] = change
        pid, status = os.wait()
        change = running.pop(pid)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) not in _TOLD:
            raise RuntimeError(f"pytest ended with {os.WEXITSTATUS(status)} for {change.name}")
        if status == 0:
            survived.append(change.name)
            print(f"not noticed: {change.name}", file=sys.stderr, flush=True)
    return made, survived


def _start(change: Change, group: Group) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        import signal

        import pytest

        signal.alarm(SECONDS)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.chdir(PROJECT)
        sys.meta_path.insert(0, _Instead(change))
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "soak.mutation_profile"]
        code = int(pytest.main([*options, *group.tests_of(change.module)]))
    finally:
        os._exit(code)
