"""What the crawl reads of a page's forms."""

from __future__ import annotations

from soak.fuzzing.crawl import Form, forms_of
from tests.page_client import parse

PAGE = """<!doctype html><title>x</title>
<form method="post" action="/pay"><input name="amount" value="1.00"><button name="way" value="a" formaction="/later">
</button><select name="bank"><option value="1">A</option><option value="2">B</option></select></form>
<form id="search"><input name="q"></form>
<textarea name="note" form="search">hello</textarea>
"""


def test_each_form_with_everything_that_belongs_to_it() -> None:
    fields = (("amount", "1.00"), ("way", "a"), ("bank", "1"), ("bank", "2"))
    assert forms_of(parse(PAGE), "emma", "/page?x=1") == [
        Form("emma", "/page?x=1", "POST", "/later", fields),
        Form("emma", "/page?x=1", "POST", "/pay", fields),
        Form("emma", "/page?x=1", "GET", "/page", (("q", ""), ("note", "hello"))),
    ]
