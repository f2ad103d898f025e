"""What somebody wrote, without what their mail program put below, between and behind it."""

from __future__ import annotations

import time

import pytest

from portal.core import mail_text, markdown

WRITTEN = {
    "nothing to cut": ("Hello,\n\nBefore eight.\n\nEmma", "Hello,\n\nBefore eight.\n\nEmma"),
    "English": (
        "Yes.\n\nOn Mon, Nov 2, 2026 at 9:00 AM De Halve Maan <a@b.example> wrote:\n\n> When?",
        "Yes.",
    ),
    "English over three lines": (
        "Yes.\n\nOn Mon, Nov 2, 2026 at 9:00 AM\nDe Halve Maan via the\nportal <a@b.example> wrote:\nWhen?",
        "Yes.",
    ),
    "Dutch": ("Ja.\n\nOp ma 2 nov 2026 om 09:00 schreef De Halve Maan <a@b.example>:\n> Wanneer?", "Ja."),
    "Dutch, Apple": (
        "Ja.\n\nOp 2 nov 2026, om 09:00 heeft Jan <a@b.example> het volgende geschreven:\n\n> W",
        "Ja.",
    ),
    "Dutch, Thunderbird": ("Ja.\n\nJan Jansen schreef op 02-11-2026 om 09:00:\n> Wanneer?", "Ja."),
    "a name first": ("Yes.\n\nJan Jansen wrote:\n> When?", "Yes."),
    "a sentence that looks like it": ("My sister wrote:\nnever again", "My sister wrote:\nnever again"),
    "below the quotation": ("On Monday Jan wrote:\n> When?\n> Really\n\nBefore eight.", "Before eight."),
    "between the quotations": (
        "On Monday Jan wrote:\n> When?\n\nAt eight.\n\n> Where?\n\nAt home.",
        "At eight.\n\nAt home.",
    ),
    "Outlook, English": (
        "Yes.\n\nFrom: De Halve Maan <a@b.example>\nSent: Monday\nTo: Emma\nSubject: Delivery\n\nWhen?",
        "Yes.",
    ),
    "Outlook, Dutch, with a rule": (
        "Ja.\n________________________________\nVan: De Halve Maan\nVerzonden: maandag\nAan: Emma\nOnderwerp: X\n\nW?",
        "Ja.",
    ),
    "Outlook, bold": ("Yes.\n\n*From:* Shop\n*Sent:* Monday\n*To:* Emma\n\nWhen?", "Yes."),
    "a line that begins with From": (
        "From: Utrecht\nand then to Amersfoort",
        "From: Utrecht\nand then to Amersfoort",
    ),
    "original message": ("Yes.\n\n-----Original Message-----\nWhen?", "Yes."),
    "oorspronkelijk bericht": ("Ja.\n\n-----Oorspronkelijk bericht-----\nWanneer?", "Ja."),
    "a signature": ("Yes.\n\n-- \nEmma de Vries\nBakery", "Yes."),
    "dashes in a text": ("One\n---\nTwo -- three", "One\n---\nTwo -- three"),
    "forwarded without a word": (
        "---------- Forwarded message ----------\nFrom: Jan\nSubject: Hi\n\nThe text.",
        "---------- Forwarded message ----------\nFrom: Jan\nSubject: Hi\n\nThe text.",
    ),
    "quoted lines only": ("> When?\n> Where?", "> When?\n> Where?"),
    "Windows line ends": ("One\r\nTwo\r\n\r\n\r\n\r\nThree\r\n", "One\nTwo\n\nThree"),
    "nothing": (" \n\t\n", ""),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_written(name: str) -> None:
    text, expected = WRITTEN[name]
    assert mail_text.written(text) == expected


def test_characters_that_no_database_takes_are_left_out() -> None:
    assert mail_text.plain("a\0b\x1b[31m\x85c\ud800d\ufeff\te\n") == "ab[31mcd\te\n"


HTML = {
    "paragraphs": ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"),
    "what is not seen": ("<style>p{}</style><script>alert(1)</script><title>T</title><b>One</b>", "One"),
    "a quotation": ("<p>Yes.</p><blockquote><p>When?</p></blockquote>", "Yes.\n\n> When?"),
    "entities": ("1 &lt; 2 &amp;&nbsp;3 &#8364; &nosuch;", "1 < 2 & 3 € &nosuch;"),
    "never closed": ("<div><p>One <b>two<div", "One two<div"),
    "a comment": ("a<!-- <p>b</p> -->c<!--[if mso]>x<![endif]-->d", "acd"),
    "an open script": ("a<script>b", "a"),
    "list": ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
}


@pytest.mark.parametrize("name", HTML)
def test_a_page_as_text(name: str) -> None:
    page, expected = HTML[name]
    assert mail_text.from_html(page) == expected


SHOWN = [
    "[click here](https://evil.example)",
    "![x](https://evil.example/pixel.gif)",
    "<script>alert(1)</script> <https://evil.example>",
    "# Not a heading",
    "**bold** _not_ `code` ~~gone~~",
    "a \\* b",
    "        four and more blanks",
]


@pytest.mark.parametrize("text", SHOWN)
def test_a_text_is_shown_as_it_was_written(text: str) -> None:
    assert (
        markdown.to_text(mail_text.escaped(text)).strip()
        == text.strip().replace("<", "&lt;").replace(">", "&gt;")
        or markdown.to_text(mail_text.escaped(text)).strip() == text.strip()
    )
    html = str(markdown.to_html(mail_text.escaped(text)))
    assert "<a" not in html and "<strong" not in html and "<code" not in html and "<img" not in html


@pytest.mark.parametrize(
    "text",
    [
        "On " * 300_000,
        "On x\n" * 200_000,
        "> " * 500_000,
        "From: x\n" * 120_000,
        "_" * 999_999,
        "a wrote" * 90_000,
    ],
)
def test_a_text_written_to_cost_time_costs_little(text: str) -> None:
    started = time.process_time()
    mail_text.written(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "page", ["<" * 500_000, "<a b='" * 100_000, "<!--" * 200_000, "<div>" * 200_000, "&#" + "1" * 900_000]
)
def test_a_page_written_to_cost_time_costs_little(page: str) -> None:
    started = time.process_time()
    mail_text.from_html(page)
    assert time.process_time() - started < 5
