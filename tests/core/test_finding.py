"""Words as they are kept and as they are typed: whatever the case, the accents and what stands between them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.core.finding import LONGEST_WORD, MOST_WORDS, typed, words


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", set()),
        ("Emma de Vries", {"emma", "de", "vries"}),
        ("JANSEN  &\tZn.", {"jansen", "zn"}),
        ("Zoë Müller-Größe", {"zoe", "muller", "grosse", "mullergrosse"}),
        ("ĲSBRAND ĳsselmeer IJ", {"ijsbrand", "ijsselmeer", "ij"}),
        ("Søren Łukasz Æsir ŒUVRE", {"soren", "lukasz", "aesir", "oeuvre"}),
        ("İstanbul ISTANBUL ıstanbul", {"istanbul"}),
        ("O'Brien d’Arc", {"o", "brien", "obrien", "d", "arc", "darc"}),
        ("100% _under_ back\\slash", {"100", "under", "back", "slash", "backslash"}),
        ("☕🐘", set()),
        ("Koffie☕Huis", {"koffie", "huis", "koffiehuis"}),
        ("شركة النور", {"شركة", "النور"}),
        ("חברה בע״מ", {"חברה", "בע", "מ", "בעמ"}),
        ("東京 株式会社", {"東京", "株式会社"}),
        ("ﬁets ①²", {"fiets", "12"}),
        ("e\u0301en\u0300", {"een"}),
        ("zero\u200bwidth a\x00b\x07c\u202ed", {"zerowidth", "abcd"}),
        ("x" * 200, {"x" * LONGEST_WORD}),
        ("emma@example.com", {"emma@example.com", "emma", "example", "com"}),
        ("<J.de-Wit+a_b@X.NL>,", {"j.de-wit+a_b@x.nl", "j", "de", "wit", "a", "b", "x", "nl"}),
        ("NL123456782B90", {"nl123456782b90"}),
        ("@ @@ -", set()),
    ],
)  # fmt: skip
def test_what_is_kept(text: str, kept: set[str]) -> None:
    assert words(text) == kept


@pytest.mark.parametrize(
    ("text", "beginnings"),
    [
        ("Vries", ["vries"]),
        ("de vries", ["vries", "de"]),
        ("jan JANSEN jans", ["jansen"]),
        ("O'Brien", ["brien", "o"]),
        ("jan@", ["jan@"]),
        ("Emma@Example.COM", ["emma@example.com"]),
        ("<emma@example.com>;", ["emma@example.com"]),
        ("@example", ["example"]),
        ("2025-1234", ["1234", "2025"]),
        ("%", []),
        ("_", []),
        ("\\'\"", []),
        ("🐘", []),
        ("x" * 300, ["x" * LONGEST_WORD]),
    ],
)
def test_what_is_typed(text: str, beginnings: list[str]) -> None:
    assert typed(text) == beginnings


def test_only_so_many_words_count() -> None:
    assert len(typed(" ".join(f"{letter}z" for letter in "abcdefghijklmnop"))) == MOST_WORDS


@example("@0:0")
@given(st.text(max_size=60))
def test_a_text_is_found_by_itself(text: str) -> None:
    kept = words(text)
    assert all(any(word.startswith(beginning) for word in kept) for beginning in typed(text))
    assert words(*kept) >= {word for word in kept if "@" not in word}
    assert all(word == word.strip() and 0 < len(word) <= LONGEST_WORD for word in kept)
