"""Words as searches compare them: what is kept of a text, and what somebody typed who looks for it."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import sqlalchemy as sa

#: What is kept of a word; longer ones are cut, and so is what is typed.
LONGEST_WORD = 100
#: So many words of a search count: each costs a look into the index.
MOST_WORDS = 8

#: Behind every character there is, in the order of bytes that words are kept in.
_LAST = "\U0010ffff"
#: Letters that Unicode does not take for one with a mark on it, as people type them who have no such key.
_PLAIN = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ı": "i"}
)
_WORD = re.compile(r"[^\W_]+")
#: What surrounds an address that was copied from somewhere.
_AROUND = re.compile(r"^[\W_]+|[^\w@.+-]+$")


def words(*texts: str) -> set[str]:
    """The distinct words of some texts, without case and accents; what holds an @ is one as a whole as well."""
    found: set[str] = set()
    for piece in (piece for text in texts for piece in _bare(text).split()):
        parts = _WORD.findall(piece)
        found.update(parts)
        address = _address(piece)
        if "@" in address:
            found.add(address)
        elif len(parts) > 1:
            # O'Brien is typed OBrien too, and Jan-Willem in one.
            found.add("".join(parts))
    return {word[:LONGEST_WORD] for word in found if word}


def typed(text: str) -> list[str]:
    """The beginnings of words that somebody looks for, the longest first; none when no letter or digit was typed.

    All of them are to be found. An address counts as a whole as soon as its @ is there.
    """
    found: set[str] = set()
    for piece in _bare(text).split():
        address = _address(piece)
        found.update([address] if "@" in address else _WORD.findall(piece))
    beginnings = sorted({word[:LONGEST_WORD] for word in found}, key=lambda each: (-len(each), each))
    # What begins with "jansen" begins with "jan".
    needed = [
        word
        for at, word in enumerate(beginnings)
        if not any(longer.startswith(word) for longer in beginnings[:at])
    ]
    return needed[:MOST_WORDS]


def begins(column: Any, beginning: str) -> sa.ColumnElement[bool]:
    """Whether a column that is ordered by bytes begins with something, as a range of its index."""
    condition: sa.ColumnElement[bool] = sa.and_(column >= beginning, column < beginning + _LAST)
    return condition


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = (
        char for char in folded if char.isspace() or (char.isprintable() and not unicodedata.combining(char))
    )
    return "".join(kept).translate(_PLAIN)


def _address(piece: str) -> str:
    return _AROUND.sub("", piece)
