"""Nothing that people read stands in a template or in the code without being marked for translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

PORTAL = Path(__file__).resolve().parents[1] / "portal"
TEMPLATES = sorted(path for end in ("html", "txt") for path in (PORTAL / "templates").rglob(f"*.{end}"))
#: The command line speaks English to whoever runs it.
MODULES = sorted(path for path in PORTAL.rglob("*.py") if PORTAL / "commands" not in path.parents)
FORMS = sorted((PORTAL / "blueprints").rglob("*forms*.py"))

#: Names, the same in every language.
NAMES = {"Loket", "English", "Nederlands", "IBAN", "BIC", "KvK", "PDF", "iDEAL", "Wero", "nbsp"}
READ_ALOUD = {
    "alt",
    "aria-description",
    "aria-label",
    "aria-placeholder",
    "aria-roledescription",
    "label",
    "placeholder",
    "title",
}
TRANSLATES = {
    "_",
    "_l",
    "_n",
    "gettext",
    "ngettext",
    "pgettext",
    "npgettext",
    "lazy_gettext",
    "lazy_ngettext",
    "lazy_pgettext",
}
#: What shows its first argument to people.
SHOWS = {"flash", "DomainError", "Conflict", "ValidationError", "StopValidation"}
#: Validators that write a text of WTForms' own unless they are given one.
CHECKS = {
    "AnyOf",
    "DataRequired",
    "Email",
    "EqualTo",
    "InputRequired",
    "Length",
    "NumberRange",
    "Regexp",
    "URL",
}

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_TRANS = re.compile(r"\{%-?\s*trans\b.*?\bendtrans\s*-?%\}", re.DOTALL)
#: Blocks that hold a class or a style sheet.
_NO_TEXT = re.compile(
    r"\{%-?\s*block (?:html_class|width|style)\s*-?%\}.*?\{%-?\s*endblock\b[^%]*%\}", re.DOTALL
)
_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LITERAL = r'(?:"[^"]*"|\'[^\']*\')'
_MARKED = re.compile(rf"\b(?:_|gettext|ngettext|pgettext)\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})?")
_SENTENCE = re.compile(r"^[A-Z][a-z]+(?![A-Za-z]*Field$)\b|[a-z]{2,},? [a-z]{2,}.*[.!?:]$")
_WORD = re.compile(r"[^\W\d_]{2,}")


def words(text: str) -> list[str]:
    """The words of a text that are no names."""
    return [word for word in _WORD.findall(text) if word not in NAMES]


class Reader(HTMLParser):
    """Collects what a page shows or reads aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in ("script", "style")
        self.found += [value for name, value in attrs if name in READ_ALOUD and value]

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.found.append(data)


def unmarked(source: str) -> Iterator[str]:
    """The texts of a template outside the marks, and the strings in its code that look like texts."""
    source = _NO_TEXT.sub("", _TRANS.sub("", _COMMENT.sub("", source)))
    for code in _CODE.findall(source):
        for literal in re.findall(_LITERAL, _MARKED.sub("", code)):
            if _SENTENCE.search(literal[1:-1]) and words(literal):
                yield literal
    reader = Reader()
    reader.feed(_CODE.sub(" ", source))
    reader.close()
    yield from (" ".join(text.split()) for text in reader.found if words(text))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(PORTAL)))
def test_a_template_marks_its_texts(template: Path) -> None:
    assert list(unmarked(template.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello</p>",
        "<p>{{ _('Hello') }} there</p>",
        '<a title="Close it" href="#">{{ icon("x") }}</a>',
        '{{ badge("Paid") }}',
        "{{ x or 'Nothing to see here.' }}",
        "{% set title = 'Invoices' %}",
    ],
)
def test_the_search_finds_an_unmarked_text(source: str) -> None:
    assert list(unmarked(source))


@pytest.mark.parametrize(
    "source",
    [
        '<p class="Big">{{ _("Hello %(name)s", name=shop.name) }} · IBAN {{ iban }}</p>',
        '{# A comment #}{% trans %}Hello{% endtrans %}{{ icon("chevron-right", "icon-go") }}',
        '{{ ngettext("%(num)s day", "%(num)s days", count) }}<style>.a { color: red }</style>',
        '{% if field.type == "BooleanField" %}{% endif %}{% block width %}wide{% endblock %}',
    ],
)
def test_the_search_lets_the_rest_alone(source: str) -> None:
    assert list(unmarked(source)) == []


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def bare(node: ast.AST) -> bool:
    """Whether this is a text written here and now, without a mark."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and bool(words(node.value))
    if isinstance(node, ast.JoinedStr):
        return any(bare(value) for value in node.values)
    if isinstance(node, ast.IfExp):
        return bare(node.body) or bare(node.orelse)
    return isinstance(node, ast.BinOp) and (bare(node.left) or bare(node.right))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PORTAL)))
def test_a_module_marks_what_it_says_to_people(module: Path) -> None:
    tree = ast.parse(module.read_text())
    wrong = [
        f"{module.name}:{call.lineno} {name}"
        for name, call in calls(tree)
        if name in SHOWS and call.args and bare(call.args[0])
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            getattr(base, "id", "") == "LabelEnum" for base in node.bases
        ):
            wrong += [
                f"{module.name}:{line.lineno} {node.name}"
                for line in node.body
                if isinstance(line, ast.Assign)
                and isinstance(line.value, ast.Tuple)
                and bare(line.value.elts[1])
            ]
    assert wrong == []


@pytest.mark.parametrize("module", FORMS, ids=lambda path: str(path.relative_to(PORTAL)))
def test_a_form_writes_its_own_errors_and_labels(module: Path) -> None:
    """WTForms has texts too, in its own words and not in ours."""
    wrong = []
    for name, call in calls(ast.parse(module.read_text())):
        given = {keyword.arg for keyword in call.keywords}
        if name in CHECKS and "message" not in given and not (call.args and is_marked(call.args[-1])):
            wrong.append(f"{module.name}:{call.lineno} {name} has no message")
        if (name.endswith("Field") or name == "text_field") and call.args and bare(call.args[0]):
            wrong.append(f"{module.name}:{call.lineno} {name} has a bare label")
    assert wrong == []


def is_marked(node: ast.AST) -> bool:
    """Whether a validator's argument is a marked text, or a name that holds one."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") in TRANSLATES
    return isinstance(node, ast.Name)
