"""Lines that fit, whatever stands in them."""

from __future__ import annotations

import random

import pytest
from reportlab.pdfbase.pdfmetrics import stringWidth

from portal.core.pdf_text import break_lines, pack

FACE, SIZE = "Helvetica", 10.0


def broken(text: str, width: float) -> list[str]:
    return break_lines(text, width, FACE, SIZE)


def test_words_go_on_the_next_line() -> None:
    assert broken("one two three four", stringWidth("one two", FACE, SIZE)) == ["one two", "three", "four"]


@pytest.mark.parametrize("text", ["", "short", "a\n\nb"])
def test_what_fits_stays(text: str) -> None:
    assert broken(text, 100) == text.split("\n")


def test_a_long_word_is_cut_where_it_fits() -> None:
    width = stringWidth("mmmm", FACE, SIZE)
    assert broken("a " + "m" * 10 + " b", width) == ["a", "mmmm", "mmmm", "mm b"]


def test_what_stands_between_parts_ends_no_line() -> None:
    width = stringWidth("one · two", FACE, SIZE)
    assert pack(["one", "two", "three", "four"], " · ", width, FACE, SIZE) == ["one · two", "three", "four"]
    assert pack(["one", "m" * 30], " · ", width, FACE, SIZE)[0] == "one"
    assert pack([""], " · ", width, FACE, SIZE) == [""]


def test_narrower_than_a_character() -> None:
    assert broken("abc", 0.1) == ["a", "b", "c"]


def test_nothing_is_lost_and_everything_fits() -> None:
    chance = random.Random(7)
    for _ in range(300):
        text = "".join(chance.choice("abcimw  .\n") for _ in range(chance.randrange(120)))
        width = chance.uniform(12, 120)
        lines = broken(text, width)
        assert all(stringWidth(line, FACE, SIZE) <= width for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())
