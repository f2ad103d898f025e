"""Theme, language and the chosen account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from portal.core.sessions import SessionRow
from portal.domain.invoices.links import payment_token
from portal.domain.people.models import Customer, Membership, Person, Role
from portal.extensions import db
from tests.cast import HOST, OTHER_HOST, Ids, make_invoice
from tests.page_client import PageClient, find_all, parse
from tests.pages import text

Stage = Callable[..., Any]
Login = Callable[..., PageClient]


def face(client: PageClient, path: str = "/") -> tuple[str, str]:
    """Language and colour scheme of a page."""
    page = parse(client.get(path).text)
    scheme = next(
        m.attrib["content"] for m in find_all(page, "meta") if m.attrib.get("name") == "color-scheme"
    )
    return find_all(page, "html")[0].attrib["lang"], scheme


def test_a_visitors_choice_lives_in_a_cookie(client: PageClient, on_stage: Stage) -> None:
    assert face(client) == ("en", "light dark")
    assert client.send("/preferences", {"theme": "dark", "next": "/login"}).location == "/login"
    assert face(client) == ("en", "dark")
    client.send("/preferences", {"locale": "nl"})
    assert face(client, "/login") == ("nl", "dark")
    client.send("/preferences", {"locale": "auto", "theme": "system"})
    assert face(client) == ("en", "light dark")
    with on_stage():
        assert db.session.query(SessionRow).count() == 0


def test_auto_follows_the_browser_and_a_choice_does_not(client: PageClient) -> None:
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "nl-NL,nl;q=0.9,en;q=0.5"
    assert face(client)[0] == "nl"
    client.send("/preferences", {"locale": "en"})
    assert face(client)[0] == "en"


def test_a_persons_choice_is_kept_for_every_device(login: Login, on_stage: Stage, ids: Ids) -> None:
    login("emma").send("/preferences", {"theme": "light", "locale": "nl"})
    assert face(login("emma"), "/customer") == ("nl", "light")
    assert face(login("bram"), "/customer") == ("en", "light dark")
    with on_stage():
        emma = db.session.get_one(Person, ids.emma)
        assert (emma.theme, emma.language) == ("light", "nl")


def test_one_of_the_two_leaves_the_other(login: Login, on_stage: Stage, ids: Ids) -> None:
    client = login("emma")
    client.send("/preferences", {"theme": "dark"})
    client.send("/preferences", {"locale": "nl"})
    with on_stage():
        emma = db.session.get_one(Person, ids.emma)
        assert (emma.theme, emma.language) == ("dark", "nl")


@pytest.mark.parametrize(
    "target",
    ["https://evil.example.test/", "//evil.example.test", "/\\evil.example.test", "\\\\evil", "javascript:alert(1)",
     "/a\r\nX: y", "", "x", "/" + "x" * 600, "http:/evil"],
)  # fmt: skip
def test_the_way_back_never_leaves_the_shop(client: PageClient, target: str) -> None:
    assert client.send("/preferences", {"theme": "dark", "next": target}).location == "/"


def footer_leads_to(page: str) -> list[str]:
    """Where the footer's form of a page leads back to; nowhere where there is none."""
    return [e.attrib["value"] for e in find_all(parse(page), "input") if e.attrib.get("name") == "next"]


def test_a_visitors_footer_leads_back_to_the_page_it_was_on(client: PageClient) -> None:
    assert footer_leads_to(client.get("/register?a=%26b").text) == ["/register?a=%26b"]


def test_the_footer_of_a_refused_form_leads_to_where_it_stood(
    client: PageClient, on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        page = f"/pay/{payment_token(make_invoice(ids.emma_account))}"
    answer = client.send(page, {"method": "x"}, headers={"Referer": f"https://{HOST}{page}"})
    assert answer.status_code == 422
    assert footer_leads_to(answer.text) == [page]


def test_who_is_signed_in_has_settings_and_no_form_in_the_footer(
    login: Login, client: PageClient, on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        link = f"/pay/{payment_token(make_invoice(ids.emma_account))}"
    for page in ("/", link):
        assert footer_leads_to(client.get(page).text) == [page]
        assert footer_leads_to(login("emma").get(page).text) == []
    assert footer_leads_to(login("bram").get("/customer").text) == []
    assert '/customer/settings"' in login("bram").get("/customer").text


def test_a_session_that_ended_while_paying_comes_back_to_the_invoice(
    client: PageClient, on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        page = f"/customer/invoices/{make_invoice(ids.emma_account).public_id}"
    answer = client.send(f"{page}/pay", {"method": "ideal"}, headers={"Referer": f"https://{HOST}{page}"})
    assert answer.location == f"/login?next={page}"


# The account switch.


@pytest.fixture
def two(on_stage: Stage, ids: Ids) -> tuple[str, str]:
    """Emma reads Jan's account too; the public ids of both."""
    with on_stage():
        db.session.add(Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.READ_ONLY))
        make_invoice(ids.jan_account)
        accounts = (db.session.get_one(Customer, each) for each in (ids.emma_account, ids.jan_account))
        mine, theirs = (account.public_id for account in accounts)
    return mine, theirs


def test_the_chosen_account_is_what_lists_are_about(login: Login, two: tuple[str, str]) -> None:
    client = login("emma")
    assert "2026-0001" not in text(client.get("/customer/invoices"))
    assert client.send("/preferences/account", {"account": two[1]}).location == "/customer"
    assert "2026-0001" in text(client.get("/customer/invoices"))
    client.send("/preferences/account", {"account": two[0]})
    assert "2026-0001" not in text(client.get("/customer/invoices"))


def test_the_choice_is_of_one_session(login: Login, two: tuple[str, str]) -> None:
    first, second = login("emma"), login("emma")
    first.send("/preferences/account", {"account": two[1]})
    assert "2026-0001" not in text(second.get("/customer/invoices"))


def test_an_account_of_somebody_else_is_404(login: Login, client: PageClient, two: tuple[str, str]) -> None:
    assert login("bram").send("/preferences/account", {"account": two[1]}).status_code == 404
    assert login("dora").send("/preferences/account", {"account": two[0]}).status_code == 404
    assert client.send("/preferences/account", {"account": two[0]}).status_code == 404


def test_a_single_account_has_no_switch(login: Login) -> None:
    assert "/preferences/account" not in login("jan").get("/customer").text


def test_a_choice_stays_in_its_shop(app: Any, client: PageClient) -> None:
    client.send("/preferences", {"theme": "dark"})
    client.host = OTHER_HOST
    assert face(client) == ("en", "light dark")
