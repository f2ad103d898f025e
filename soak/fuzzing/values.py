"""What is typed: attacks by name, and whatever hypothesis makes up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.walk.forms import ATTACKS

#: An element and an attribute that no page of ours has: in an answer, they came from what was typed.
ELEMENT, ATTRIBUTE = "loketx", "onloketx"
#: A header that no answer of ours has.
HEADER = "X-Loketx"
#: A product that is in no page; its factors are written in the signs of four template languages.
PRODUCT = "72930977"
_FACTORS = "8501*8579"

MARKUP = (
    f"<{ELEMENT}>", f"\"><{ELEMENT} x=\"", f"'><{ELEMENT}>", f'" {ATTRIBUTE}=1 x="', f"' {ATTRIBUTE}=1 x='",
    f"</title></textarea></script><{ELEMENT}>", f"<!--><{ELEMENT}>-->", f"\u2028<{ELEMENT}\n>", f"<\0{ELEMENT}>",
    f"&lt;{ELEMENT}&gt;<{ELEMENT}>", f"javascript:{ELEMENT}",
    f"<svg/{ATTRIBUTE}=1>",
)  # fmt: skip
TEMPLATES = (f"{{{{{_FACTORS}}}}}", f"${{{_FACTORS}}}", f"#{{{_FACTORS}}}",
             f"<%={_FACTORS}%>", f"{{%print({_FACTORS})%}}",
             "%(password)s", "{0.__class__}", "%s%s%s%n")  # fmt: skip
LINES = (
    f"x\r\n{HEADER}: 1",
    f"x\n{HEADER}: 1",
    f"x\r\n\r\n<{ELEMENT}>",
    "x\r\nBcc: x@example.com\r\n",
    "\u2029x\x85y",
)
DATABASE = ("'", "''", '"', "\\", "'; DROP TABLE shops; --", "1 OR 1=1", "%", "_%", "\\'", "$$",
            "E'\\000'", ") OR (1=1",
            "9223372036854775808", "-9223372036854775809", "99999999999999999999", "1e309", "0x10", "١٢٣")  # fmt: skip
SCRIPTS = (
    "\u202eevil\u202c", "\u202e\u2066\u2067\u2069", "\u200f\u200e", "\ud800", "\udfff\ud800", "a\udcffb", "\ufeff",
    "\ufffe",
    "e" + "\u0301" * 200, "\U000e0001", "\ud83d", "ﷺ" * 100, "İı", "ß" * 90, "\u1160\u3164",
)  # fmt: skip
ADDRESSES = (
    "//evil.example.test", "/\\evil.example.test", "https://evil.example.test/", "/\tevil", "javascript:alert(1)",
    "/customer/../..//evil.example.test", "\\\\evil.example.test", "https:evil.example.test", "/%0d%0aX-Loketx:1",
    "http://127.0.0.1:9/", "file:///etc/passwd", "..%2f..%2fetc%2fpasswd", "/.//evil.example.test",
)  # fmt: skip
SIZES = (
    "x" * 200,
    "x" * 255,
    "x" * 256,
    "x" * 1000,
    "9" * 30,
    "x" * 70_000,
    "\u20ac" * 20_000,
    "a@" + "b." * 400 + "nl",
)

#: Each is tried in each field on its own, before chance mixes them.
NAMED = tuple(dict.fromkeys((*ATTACKS, *MARKUP, *TEMPLATES, *LINES, *DATABASE, *SCRIPTS, *ADDRESSES, *SIZES)))
_NAMED = st.sampled_from(NAMED)
_ANY = st.characters(codec=None, categories=None, exclude_categories=())
_MADE = st.one_of(
    st.text(_ANY, max_size=40),
    st.text("0123456789.,-+eE \u00a0", max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.decimals().map(str),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.builds(lambda part, times: part * times, st.text(_ANY, min_size=1, max_size=8), st.integers(2, 3000)),
    st.tuples(st.text(max_size=6), st.sampled_from((*MARKUP, *LINES, *DATABASE)), st.text(max_size=6)).map(
        "".join
    ),
)
#: Any value of a field.
text = st.one_of(_NAMED, _MADE)

#: Any value of a field of JSON.
json_value: SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=6,
)


@dataclass(frozen=True)
class Call:
    """A request as it is drawn."""

    who: str
    path: str
    query: str
    fields: tuple[tuple[str, str], ...] = ()
    kind: str = "form"
    body: bytes = b""
    token: str = "own"

    def __repr__(self) -> str:
        shown = [self.who, _short(self.path + ("?" + self.query if self.query else ""))]
        if self.fields:
            shown.append(", ".join(f"{_short(name)}={_short(value)}" for name, value in self.fields))
        if self.body:
            shown.append(repr(self.body[:80]))
        return f"{self.kind} by {' '.join(shown)}" + (f" token {_short(self.token)}" if self.fields else "")


def _short(value: str) -> str:
    return ascii(value if len(value) <= 120 else f"{value[:40]}…({len(value)})")[1:-1]
