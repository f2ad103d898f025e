"""Markdown of people: what they may do with it, and what they may not."""

import re

import pytest
from markupsafe import Markup

from portal.core.markdown import to_html

ALLOWED_TAG = re.compile(r"</?(p|br|strong|em|s|a|ul|ol|li|blockquote|code|pre|hr)\b[^<>]*>")


def test_the_usual_marks() -> None:
    text = "Hello **Emma**,\nthe *second* line\n\n- one\n- two\n\n> quoted\n\n`code`\n\n3. three"
    assert to_html(text) == (
        "<p>Hello <strong>Emma</strong>,<br>\nthe <em>second</em> line</p>\n"
        "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n"
        "<blockquote>\n<p>quoted</p>\n</blockquote>\n"
        "<p><code>code</code></p>\n"
        '<ol start="3">\n<li>three</li>\n</ol>\n'
    )
    assert isinstance(to_html(text), Markup)


def test_a_heading_is_bold_and_no_part_of_the_page() -> None:
    assert to_html("# Title\n\nText") == "<p><strong>Title</strong></p>\n<p>Text</p>\n"


def test_a_link_leads_out_without_a_trail() -> None:
    assert to_html("[shop](https://example.com/a?b=c&d=e)") == (
        '<p><a href="https://example.com/a?b=c&amp;d=e" rel="nofollow noopener noreferrer">shop</a></p>\n'
    )


def test_a_picture_is_not_fetched() -> None:
    html = to_html("![look](https://evil.example/pixel.png)")
    assert "<img" not in html
    assert 'href="https://evil.example/pixel.png"' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick=alert(1)>b</b> c",
        "<svg/onload=alert(1)>",
        "<!-- comment --><style>*{display:none}</style>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&#58;alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        '[x](https://e.example "\\" onmouseover=alert(1) \\"")',
        '<https://e.example/?"onmouseover=alert(1)>',
        "```html\n<script>alert(1)</script>\n```",
        "[a]: javascript:alert(1)\n\n[a]",
        "\x00<script\x00>alert(1)</script>",
        "> " * 200 + "<script>",
    ],
)
def test_markup_of_others_stays_text(text: str) -> None:
    html = to_html(text)
    assert "<" not in ALLOWED_TAG.sub("", html)
    for tag in re.findall(r"<[^>]*>", html):
        assert not re.search(r"\son\w+\s*=", re.sub(r'"[^"]*"', '""', tag)), tag
        href = re.search(r'href="([^"]*)"', tag)
        assert href is None or re.match(r"(https?|mailto|tel):", href[1]), tag


def test_nothing_is_nothing() -> None:
    assert to_html("") == ""
