"""Every icon that code or a template names is in the sprite; what is put together while running is checked there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import jinja2
from jinja2 import nodes

import portal

HERE = Path(portal.__file__).parent
VENDOR = HERE / "static" / "vendor"
GIVEN = {"icon", "glyph"}


def names(file: str) -> set[str]:
    """The names in a list of the vendored files."""
    lines = (VENDOR / file).read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def strings(value: ast.expr) -> Iterator[str]:
    """The texts that an expression may be."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from strings(value.body)
        yield from strings(value.orelse)


def of_python() -> Iterator[tuple[str, str]]:
    """File and icon: what is given by name, by place to a class with such a field, or stands in a table of icons."""
    trees = {path: ast.parse(path.read_text()) for path in HERE.rglob("*.py")}
    places: dict[str, int] = {}
    for tree in trees.values():
        for made in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            fields = [
                f.target.id
                for f in made.body
                if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)
            ]
            places.update({made.name: fields.index("icon")} if "icon" in fields else {})
    for path, tree in trees.items():
        where = str(path.relative_to(HERE))
        for node in ast.walk(tree):
            found: list[ast.expr] = []
            if isinstance(node, ast.Call):
                found += [given.value for given in node.keywords if given.arg in GIVEN]
                place = places.get(node.func.id) if isinstance(node.func, ast.Name) else None
                if place is not None and len(node.args) > place:
                    found.append(node.args[place])
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("ICONS"):
                assert isinstance(node.value, ast.Dict)
                found += [each.elts[0] if isinstance(each, ast.Tuple) else each for each in node.value.values]
            for value in found:
                for name in strings(value):
                    yield where, name


def texts(value: nodes.Node) -> Iterator[str]:
    """The texts that an expression of a template may be."""
    if isinstance(value, nodes.Const) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, nodes.CondExpr):
        for side in (value.expr1, value.expr2):
            if side is not None:
                yield from texts(side)
    elif isinstance(value, nodes.Dict):
        for pair in value.items:
            yield from texts(pair.value)
    elif isinstance(value, nodes.Call) and isinstance(value.node, nodes.Getattr) and value.node.attr == "get":
        yield from texts(value.node.node)
        for each in value.args[1:]:
            yield from texts(each)


def of_templates() -> Iterator[tuple[str, str]]:
    """Template and icon: what is given to a macro that draws one."""
    env = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    folder = HERE / "templates"
    trees = {path: env.parse(path.read_text()) for path in folder.rglob("*.html")}
    places = {"icon": 0}
    for tree in trees.values():
        for macro in tree.find_all(nodes.Macro):
            given = [arg.name for arg in macro.args]
            for each in GIVEN & set(given):
                places[macro.name] = given.index(each)
    for path, tree in trees.items():
        for call in tree.find_all(nodes.Call):
            if not isinstance(call.node, nodes.Name) or call.node.name not in places:
                continue
            place = places[call.node.name]
            given = [each.value for each in call.kwargs if each.key in GIVEN] + call.args[place : place + 1]
            for value in given:
                for name in texts(value):
                    yield str(path.relative_to(folder)), name


def test_the_sprite_is_what_its_list_says() -> None:
    sprite = (VENDOR / "icons.svg").read_text()
    assert {part.split('"')[0] for part in sprite.split('<symbol id="')[1:]} == names("icons.txt")


def test_every_icon_is_in_the_sprite() -> None:
    used = [*of_python(), *of_templates()]
    assert {"arrow-back-up", "file-invoice", "credit-card", "logout", "lock"} <= {name for _, name in used}
    assert len(used) > 60
    missing = sorted({f"{where}: {name}" for where, name in used if name not in names("icons.txt")})
    assert not missing, "add to portal/static/vendor/icons.txt and run `make vendor`: " + ", ".join(missing)
