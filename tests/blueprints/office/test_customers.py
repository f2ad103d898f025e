"""Customers in the office: finding, making and inviting them, and accepting on the customer's side."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.mail_message import MailMessage
from portal.domain.invoices.models import CreditEntry, CreditUse
from portal.domain.people import staff_queries
from portal.domain.people.models import Customer, Invitation, Membership, Person, Role
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.blueprints.auth.conftest import Mailbox, text_of
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse
from tests.page_client import text_of as words_of
from tests.rows import HOSTILE, make_contact, make_ticket, write_customers
from tests.statements import counted, plans

LIST = "/office/customers"
NEW = {"kind": "consumer", "name": "Piet Peters", "email": "Piet@Example.net", "country": "NL"}
SLOW = re.compile(r"TEMP B-TREE|SCAN (?!anon_|CONSTANT)|Sort|Seq Scan")


def text(response: Any) -> str:
    return words_of(parse(response.get_data(as_text=True)))


def names(response: Any) -> list[str]:
    links = find_all(parse(response.get_data(as_text=True)), "a")
    return [words_of(link) for link in links if "row-link" in link.attrib.get("class", "")]


@pytest.fixture
def mailbox(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    return Mailbox(app, monkeypatch)


@pytest.fixture
def emmas(on_stage: Any, ids: Any) -> str:
    with on_stage():
        return str(db.session.get_one(Customer, ids.emma_account).public_id)


def link_in(mailbox: Mailbox) -> str:
    found = re.findall(r"https://[^/\s]+(/invitation/\S+)", text_of(mailbox.one()))
    assert len(found) == 1
    return str(found[0])


def value_of(page: Any, name: str) -> str:
    """What a field of a page has in it."""
    found = [e for e in find_all(parse(page.text), "input") if e.attrib.get("name") == name]
    assert len(found) == 1, name
    return str(found[0].attrib.get("value", ""))


def text_of_heading(page: Any) -> str:
    return words_of(find_all(parse(page.text), "h1")[0])


def test_the_list_by_name_and_its_search(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        number = make_invoice(ids.emma_account).number
    saskia = login("saskia")
    assert names(saskia.get(LIST)) == ["Emma de Vries", "Jansen BV"]
    for search, expected in {
        "vries": ["Emma de Vries"], "JANSEN bv": ["Jansen BV"], "jan@": ["Jansen BV"], "@example": 2,
        number: ["Emma de Vries"], "%": [], "_": [], "dora": [], "ries": [], "emma jan": [], "Êmma": ["Emma de Vries"],
        "emma@example.com": ["Emma de Vries"], "jan@example.net": [], "'": [], "\\": [], "x" * 300: [],
    }.items():  # fmt: skip
        found = names(saskia.get(LIST, query_string={"q": search}))
        assert found == expected or len(found) == expected, search
    assert "No customers found" in text(saskia.get(f"{LIST}?q=dora"))
    assert names(login("wim").get(LIST)) == ["Dora Dekker"]


def test_twenty_six_are_two_pages(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for number in range(24):
            db.session.add(Customer(name=f"A{number:02}", email=f"a{number}@example.net", created_at=START))
    saskia = login("saskia")
    first = saskia.get(f"{LIST}?q=e")
    assert len(names(first)) == 25
    onward = next(a for a in find_all(parse(first.text), "a") if a.attrib.get("rel") == "next")
    second = saskia.get(onward.attrib["href"])
    assert names(second) == ["Jansen BV"] and "q=e" in onward.attrib["href"]


@pytest.mark.parametrize("search", ["", "nobody of this name", "c", "c example"])
def test_ten_thousand_are_read_by_an_index_without_a_sort(
    app: Flask, on_stage: Any, ids: Any, search: str
) -> None:
    with on_stage():
        write_customers(ids.shop, 10_000)
    with on_stage(), plans(app) as found:
        page = staff_queries.list_customers(search=search)
    assert len(page.rows) == (0 if "nobody" in search else 25)
    for plan in found:
        assert not SLOW.search(plan), plan


def test_a_page_shows_all_there_is(login: Any, on_stage: Any, ids: Any, emmas: str) -> None:
    with on_stage():
        number = make_invoice(ids.emma_account).number
        make_ticket(ids.emma_account, subject="About my delivery")
        make_contact(ids.emma_account, name=HOSTILE)
        db.session.get_one(Customer, ids.emma_account).city = "Utrecht"
    page = login("kees").get(f"{LIST}/{emmas}")
    for words in (
        "Utrecht",
        number,
        "About my delivery",
        "Bram Bakker",
        "Read only",
        "bookkeeping",
        "emma@example.com",
    ):
        assert words.lower() in text(page).lower(), words
    assert "<script>alert" not in page.text


def test_the_statements_of_a_page(app: Flask, login: Any, on_stage: Any, ids: Any, emmas: str) -> None:
    saskia = login("saskia")
    saskia.get(f"{LIST}/{emmas}")
    with counted(app) as few:
        saskia.get(f"{LIST}/{emmas}")
    with on_stage():
        for number in range(25):
            make_invoice(ids.emma_account)
            make_ticket(ids.emma_account)
            make_contact(ids.emma_account, email=f"a{number}@example.net")
    with counted(app) as many:
        saskia.get(f"{LIST}/{emmas}")
    assert len(few) == len(many) <= 7, "\n\n".join(many)
    with counted(app) as listed:
        saskia.get(f"{LIST}?q=x")
    assert len(listed) <= 5


def test_credit_is_shown_by_currency_and_mode(login: Any, on_stage: Any, ids: Any, emmas: str) -> None:
    page, saskia = f"{LIST}/{emmas}", login("saskia")
    assert "not used yet" not in text(saskia.get(page))
    with on_stage():
        for minor, currency, mode in (
            (6000, "EUR", Mode.TEST), (-1000, "EUR", Mode.TEST), (700, "USD", Mode.TEST), (900, "EUR", Mode.LIVE),
            (500, "GBP", Mode.TEST), (-500, "GBP", Mode.TEST),
        ):  # fmt: skip
            db.session.add(
                CreditEntry(
                    mode=mode,
                    customer_id=ids.emma_account,
                    currency=currency,
                    amount_minor=minor,
                    use=CreditUse.OVERPAID,
                )
            )
    shown = text(saskia.get(page))
    assert shown.count("not used yet") == 2 and "€ 50.00" in shown and "$7.00" in shown.replace(" ", "")


def test_a_new_customer_with_an_invitation(login: Any, on_stage: Any, client: Any, mailbox: Mailbox) -> None:
    saskia = login("saskia")
    details = {"phone": "06 12345678", "postal_code": "3511aa", "city": "Utrecht"}
    made = saskia.send(f"{LIST}/new", {**NEW, **details, "invites": "y"})
    assert made.status_code == 303
    page = text(saskia.get(made.location))
    assert "3511 AA Utrecht" in page and "+31 6 12345678" in page and "Invited" in page
    link = link_in(mailbox)
    shown = client.get(link)
    assert shown.status_code == 200
    with on_stage():
        assert db.session.scalars(sa.select(Invitation)).one().accepted_at is None, "a GET accepts nothing"
    name = {each: value_of(shown, each) for each in ("given_name", "family_name")}
    assert name == {"given_name": "Piet", "family_name": "Peters"}, "the address is the customer's own"
    accepted = client.send(link, {**name, "password": "four words that differ"})
    assert (accepted.status_code, accepted.location) == (303, "/customer")
    assert "Piet" in client.get("/customer").text
    assert client.get(link).status_code == 404 and client.send(link, {"password": "x"}).status_code == 404
    assert "Owner" in text(saskia.get(made.location))


def test_who_comes_to_somebody_elses_account_is_themselves(
    login: Any, on_stage: Any, client: Any, mailbox: Mailbox, emmas: str, ids: Any
) -> None:
    login("saskia").send(f"{LIST}/{emmas}/invite", {"email": "gerda@example.net", "role": "owner"})
    link, password = link_in(mailbox), {"password": "four words that differ"}
    page = client.get(link)
    assert [value_of(page, each) for each in ("given_name", "family_name")] == ["", ""]
    assert client.send(link, password).status_code == 422
    refused = client.send(link, {**password, "given_name": "", "family_name": "Groot"})
    assert refused.status_code == 422 and "Fill in your first name." in refused.text
    assert value_of(refused, "family_name") == "Groot"
    client.send(link, {**password, "given_name": "Gerda", "family_name": "Groot"})
    home = client.get("/customer")
    assert "Gerda Groot" in home.text and "Emma" not in text_of_heading(home)
    told = mailbox.one()
    assert told["To"] == "emma@example.com"
    for words in ("Gerda Groot", "gerda@example.net", "Emma de Vries", "Owner", "De Halve Maan invited"):
        assert words in text_of(told), words


def test_who_has_a_password_and_no_name_is_asked_for_it(
    login: Any, on_stage: Any, client: Any, mailbox: Mailbox, emmas: str, ids: Any
) -> None:
    with on_stage():
        jan = db.session.get_one(Person, ids.jan)
        jan.given_name = jan.family_name = ""
    login("saskia").send(f"{LIST}/{emmas}/invite", {"email": "jan@example.com", "role": "support"})
    link = link_in(mailbox)
    assert 'type="password"' not in client.get(link).text
    assert client.send(link).status_code == 422
    assert client.send(link, {"given_name": "Johan", "family_name": "Jansen"}).status_code == 303
    with on_stage():
        assert db.session.get_one(Person, ids.jan).name == "Johan Jansen"


def test_without_an_invitation_nobody_is_mailed(login: Any, on_stage: Any) -> None:
    assert login("saskia").send(f"{LIST}/new", NEW).status_code == 303
    with on_stage():
        assert db.session.scalars(sa.select(MailMessage)).all() == []
        assert db.session.scalars(sa.select(Person).where(Person.email == "piet@example.net")).all() == []


def test_who_logs_in_with_the_address_owns_it_at_once(login: Any, on_stage: Any, ids: Any) -> None:
    made = login("saskia").send(f"{LIST}/new", {**NEW, "email": "bram@example.com", "invites": "y"})
    assert made.status_code == 303
    with on_stage():
        assert db.session.scalars(sa.select(MailMessage)).all() == []
        roles = db.session.scalars(sa.select(Membership.role).where(Membership.person_id == ids.bram)).all()
        assert roles == [Role.READ_ONLY, Role.OWNER]


@pytest.mark.parametrize(
    ("field", "value", "status", "words"),
    [
        ("email", "emma@example.com", 409, "There is an account with this e-mail address already."),
        ("company", "Piet BV", 422, "Only a business has a company"),
        ("kind", "business", 422, "Fill in the name of the company."),
        ("postal_code", "12", 422, "A postal code of this country"),
        ("vat_number", "NL1", 422, "VAT number"),
    ],
)
def test_what_is_refused_is_shown_again(
    login: Any, on_stage: Any, field: str, value: str, status: int, words: str
) -> None:
    refused = login("saskia").send(f"{LIST}/new", {**NEW, field: value})
    assert refused.status_code == status and words in text(refused) and "Piet Peters" in refused.text
    with on_stage():
        assert db.session.query(Customer).count() == 2


def test_two_at_once_make_one_customer(login: Any, on_stage: Any) -> None:
    assert [login("saskia").send(f"{LIST}/new", NEW).status_code for _ in range(2)] == [303, 409]


def test_an_invitation_is_revoked_and_its_link_is_dead(
    login: Any, client: Any, mailbox: Mailbox, emmas: str, on_stage: Any
) -> None:
    saskia = login("saskia")
    for _twice in range(2):
        assert (
            saskia.send(f"{LIST}/{emmas}/invite", {"email": "g@example.net", "role": "billing"}).status_code
            == 303
        )
    mails = [mail for mail in mailbox.collect() if "/invitation/" in text_of(mail)]
    assert len(mails) == 1, "of two that follow each other the first brings no link"
    link = re.findall(r"(/invitation/\S+)", text_of(mails[0]))[0]
    with on_stage():
        revoke = [
            f"{LIST}/{emmas}/invitations/{each.public_id}/revoke"
            for each in db.session.scalars(sa.select(Invitation).where(Invitation.revoked_at.is_(None)))
        ]
    for _twice in range(2):
        assert saskia.send(revoke[0]).status_code == 303
    assert client.get(link).status_code == 404
    assert "Invited" not in text(saskia.get(f"{LIST}/{emmas}"))


def test_who_has_a_password_only_agrees(
    login: Any, client: Any, mailbox: Mailbox, emmas: str, on_stage: Any, ids: Any
) -> None:
    login("saskia").send(f"{LIST}/{emmas}/invite", {"email": "jan@example.com", "role": "orders"})
    link = link_in(mailbox)
    assert 'type="password"' not in client.get(link).text
    assert client.send(link).location == "/customer"
    assert client.get("/customer").location.startswith("/login"), "the link itself signs nobody in"
    with on_stage():
        found = db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.jan)).all()
        assert {each.role for each in found} == {Role.OWNER, Role.ORDERS}


def test_who_is_a_member_is_not_invited(login: Any, emmas: str) -> None:
    refused = login("saskia").send(f"{LIST}/{emmas}/invite", {"email": "bram@example.com", "role": "owner"})
    assert refused.status_code == 409 and "can log in to the account already" in text(refused)


def test_one_that_ran_out_says_so(login: Any, emmas: str, on_stage: Any) -> None:
    login("saskia").send(f"{LIST}/{emmas}/invite", {"email": "g@example.net", "role": "billing"})
    with on_stage():
        db.session.scalars(sa.select(Invitation)).one().expires_at = START - timedelta(days=900)
    assert "Invitation has run out" in text(login("saskia").get(f"{LIST}/{emmas}"))


def test_support_only_looks(login: Any, emmas: str) -> None:
    page = login("kees").get(f"{LIST}/{emmas}").text
    assert "/invite" not in page and "/new" not in login("kees").get(LIST).text


EDITED = {
    "kind": "consumer", "name": "Emma Jansen", "email": "emma@example.com", "company": "", "phone": "",
    "street": "Oudegracht 1", "postal_code": "3511 AB", "city": "Utrecht", "country": "NL", "vat_number": "",
    "chamber_number": "", "language": "nl",
}  # fmt: skip


def version_on(page: Any) -> str:
    return next(
        str(field.attrib["value"])
        for field in find_all(parse(page.text), "input")
        if field.attrib.get("name") == "version"
    )


def test_a_customer_is_edited(login: Any, emmas: str) -> None:
    saskia, path = login("saskia"), f"{LIST}/{emmas}/edit"
    assert path in saskia.get(f"{LIST}/{emmas}").text
    page = saskia.get(path)
    assert 'value="Emma de Vries"' in page.text and 'value="Lange Nieuwstraat 2"' in page.text
    saved = saskia.send(path, EDITED | {"version": version_on(page)})
    assert (saved.status_code, saved.location) == (303, f"{LIST}/{emmas}")
    shown = text(saskia.get(f"{LIST}/{emmas}"))
    assert "Emma Jansen" in shown and "Oudegracht 1" in shown and "The details are saved." in shown
    assert names(saskia.get(f"{LIST}?q=jansen")) == ["Emma Jansen", "Jansen BV"]


def test_two_that_edit_are_one_and_one_that_is_told(login: Any, emmas: str) -> None:
    saskia, path = login("saskia"), f"{LIST}/{emmas}/edit"
    version = version_on(saskia.get(path))
    assert saskia.send(path, EDITED | {"version": version}).status_code == 303
    late = saskia.send(path, EDITED | {"version": version, "city": "Zeist"})
    assert late.status_code == 409 and 'value="Zeist"' in late.text, "what was typed is still there"
    assert "Somebody changed these details meanwhile" in text(late)
    assert "Zeist" not in text(saskia.get(f"{LIST}/{emmas}"))
    assert saskia.send(path, EDITED | {"version": version_on(late), "city": "Zeist"}).status_code == 303
    assert "Zeist" in text(saskia.get(f"{LIST}/{emmas}"))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("company", "Emma BV", "Only a business has a company"),
        ("kind", "business", "Fill in the name of the company."),
        ("postal_code", "12", "A postal code of this country"),
        ("email", "nowhere", "This is not a complete e-mail address."),
        ("email", "books@example.org", "A contact person of this customer has this address"),
        ("name", "", "Fill in a name."),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    login: Any, on_stage: Any, ids: Any, emmas: str, field: str, value: str, words: str
) -> None:
    with on_stage():
        make_contact(ids.emma_account, email="books@example.org")
    saskia, path = login("saskia"), f"{LIST}/{emmas}/edit"
    refused = saskia.send(path, EDITED | {"version": version_on(saskia.get(path)), field: value})
    assert refused.status_code == 422 and words in text(refused)
    with on_stage():
        emma = db.session.get_one(Customer, ids.emma_account)
        assert (emma.name, emma.email) == ("Emma de Vries", "emma@example.com")


def test_the_address_of_another_customer_is_refused(login: Any, on_stage: Any, ids: Any, emmas: str) -> None:
    with on_stage():
        taken = db.session.get_one(Customer, ids.jan_account).email
    saskia, path = login("saskia"), f"{LIST}/{emmas}/edit"
    wanted = EDITED | {"version": version_on(saskia.get(path)), "email": taken}
    refused = saskia.send(path, wanted)
    assert refused.status_code == 409 and f'value="{taken}"' in refused.text, "what was typed is still there"
    assert "There is an account with this e-mail address already." in text(refused)
    assert saskia.send(path, wanted | {"version": version_on(refused)}).status_code == 409, "twice too"
    with on_stage():
        assert db.session.get_one(Customer, ids.emma_account).email == "emma@example.com"
        assert db.session.scalars(sa.select(MailMessage)).all() == []


def test_the_address_before_is_told_and_the_log_in_is_not_touched(
    login: Any, on_stage: Any, ids: Any, emmas: str
) -> None:
    saskia, path = login("saskia"), f"{LIST}/{emmas}/edit"
    page = saskia.get(path)
    assert "How they log in does not change." in text(page)
    moved = saskia.send(path, EDITED | {"version": version_on(page), "email": "new@example.org"})
    assert moved.status_code == 303
    with on_stage():
        assert db.session.get_one(Person, ids.emma).email == "emma@example.com"
        assert db.session.get_one(Customer, ids.emma_account).email == "new@example.org"
        assert db.session.scalars(sa.select(MailMessage)).one().to == ["emma@example.com"]


def test_a_single_person_chooses_the_language(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        jans = db.session.get_one(Customer, ids.jan_account).public_id
    page = login("saskia").get(f"{LIST}/{jans}/edit")
    assert 'name="language"' not in page.text and "the customer chose" in text(page)


def test_who_may_not_change_customers_edits_none(login: Any, emmas: str) -> None:
    kees = login("kees")
    assert "/edit" not in kees.get(f"{LIST}/{emmas}").text
    assert kees.get(f"{LIST}/{emmas}/edit").status_code == 403
    assert kees.send(f"{LIST}/{emmas}/edit", EDITED | {"version": "1"}).status_code == 403
    assert login("wim").get(f"{LIST}/{emmas}/edit").status_code == 404
