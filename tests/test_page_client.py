"""What page tests look through: a page like one that was right already is read quickly, and its faults are seen."""

from __future__ import annotations

import pytest

from tests import page_client
from tests.page_client import PageError, check_page, find_all, parse, text_of

PAGE = """<!doctype html>
<html lang="en">
<head>
<title>Invoices &amp; more</title>
<link rel="stylesheet" href="/portal.css">
</head>
<body>
<h1>Invoices</h1>
<svg class="icon" viewBox="0 0 9 9"><use href="/icons.svg#x"/></svg>
<form method="post" action="/pay"><input type="hidden" name="csrf_token" value="a&#34;b">
<label for="one">One</label><input id="one" name="one" required>
<label for="two">Two</label><textarea id="two" name="two">\r
\r
two lines</textarea></form>
<table><tbody><tr><td>1</td></tr></tbody></table>
</body>
</html>
"""


@pytest.fixture(autouse=True)
def known() -> None:
    """A page of the same shape was right."""
    page_client._read.cache_clear()
    check_page(PAGE.replace("Invoices", "Orders"), "/orders")


def test_one_of_a_known_shape_is_read_without_the_strict_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = page_client.html5lib.HTMLParser(namespaceHTMLElements=False).parse(PAGE)
    monkeypatch.setattr(page_client, "html5lib", None)
    check_page(PAGE, "/invoices")
    page = parse(PAGE)
    assert page_client._are_equal(page, strict)
    assert text_of(find_all(page, "title")[0]) == "Invoices & more"
    assert find_all(page, "input")[0].attrib["value"] == 'a"b'
    assert find_all(page, "textarea")[0].text == "\ntwo lines"


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        # Of the same shape.
        ('id="one"', 'id="two"', "stands twice"),
        ('for="two"', 'for="no"', "has no label"),
        ("csrf_token", "token", "has no CSRF token"),
        ('href="/portal.css"', 'href="//elsewhere.example/x.css"', "loads from elsewhere"),
        ("Invoices &amp; more", "\n", "no title"),
        ("two lines", "None", "the word None is shown"),
        # Of another.
        ("<h1>Invoices</h1>", "<h2>Invoices</h2>", "0 h1"),
        ("</td></tr>", "</tr>", ""),
        ("<h1>Invoices</h1>", "<h1>Invoices</h1></p>", "invalid HTML"),
        ("<td>1</td>", "1", ""),
        ("<tr><td>", "x<tr><td>", ""),
        ('<input type="hidden"', '<input type="hidden" type="text"', "duplicate-attribute"),
        ("Invoices &amp; more", "Invoices &nothing; more", "invalid HTML"),
        ("Invoices &amp; more", "Invoices &#0; more", "invalid HTML"),
        ("two lines", "two\0lines", "invalid HTML"),
        ('name="one"', 'name="one" style="x"', "an inline style"),
        ('name="one"', "name=one'", "invalid HTML"),
        ("<h1>", "<script>1</script><h1>", "an inline script"),
        ("<!doctype html>\n", "", "invalid HTML"),
        ("</html>", "</html>x", "invalid HTML"),
        ("</head>", "", ""),
    ],
)
def test_what_is_wrong_with_it_is_told(right: str, wrong: str, told: str) -> None:
    """Of what the strict parser only puts right nothing is told, and the tree is that parser's."""
    page = PAGE.replace(right, wrong, 1)
    assert page != PAGE
    for _ in range(2):
        page_client._read.cache_clear()
        if told:
            with pytest.raises(PageError, match=told):
                check_page(page, "/invoices")
        else:
            check_page(page, "/invoices")
        strict = page_client.html5lib.HTMLParser(namespaceHTMLElements=False).parse(page)
        assert page_client._are_equal(parse(page), strict)
