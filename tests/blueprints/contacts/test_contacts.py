"""The list of contact persons; adding, changing and removing one: by whom, twice, and with bad input."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from portal.domain.people.contacts import MOST, list_contacts
from portal.domain.people.models import ContactPerson, ContactRole, Customer, Membership, Role
from portal.extensions import db
from tests.page_client import find_all, parse
from tests.pages import links, row_headers, text
from tests.rows import HOSTILE, make_contact
from tests.statements import counted

LIST = "/customer/contacts"
NEW = f"{LIST}/new"
ANNA = {
    "name": "Anna Admin",
    "email": "anna@example.net",
    "phone": "+31 (0)30 123 45 67",
    "role": "technical",
    "billing_mails": "y",
    "account_mails": "y",
}
MAY_SEE = {Role.OWNER, Role.BILLING, Role.READ_ONLY}
MAY_CHANGE = {Role.OWNER, Role.BILLING}


@pytest.fixture
def account(on_stage: Any, ids: Any) -> str:
    """The public id of Emma's account, as her forms carry it."""
    with on_stage():
        return str(db.session.get_one(Customer, ids.emma_account).public_id)


@pytest.fixture
def address(on_stage: Any, ids: Any) -> str:
    """The page of a bookkeeper of Emma's."""
    with on_stage():
        return f"{LIST}/{make_contact(ids.emma_account).public_id}"


def known(on_stage: Any, account: int) -> list[tuple[str, str, ContactRole, bool, bool]]:
    with on_stage():
        return [(c.name, c.email, c.role, c.billing_mails, c.account_mails) for c in list_contacts(account)]


def errors(response: Any) -> list[str]:
    page = parse(response.get_data(as_text=True))
    found = [e for e in find_all(page, "p") if e.attrib.get("class") == "field-error"]
    return ["".join(e.itertext()).strip() for e in found]


def field(response: Any, name: str) -> str:
    (found,) = [
        e
        for e in find_all(parse(response.get_data(as_text=True)), "input")
        if e.attrib.get("name") == name and e.attrib.get("type") != "checkbox"
    ]
    return found.attrib.get("value", "")


# The list.


def test_without_anybody_the_page_says_what_will_be_there(login: Any) -> None:
    response = login("emma").get(LIST)
    assert row_headers(response) == []
    assert "No contact persons yet" in text(response)
    assert links(response)[NEW] == "Add contact person"
    assert NEW not in links(login("bram").get(LIST))


def test_who_gets_what(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for number, (billing, other) in enumerate(((1, 1), (1, 0), (0, 1), (0, 0))):
            make_contact(
                ids.emma_account,
                name=f"Nr {number}",
                email=f"{number}@example.net",
                billing_mails=bool(billing),
                account_mails=bool(other),
            )
        make_contact(ids.jan_account, name="of Jan")
    shown = text(login("emma").get(LIST))
    for row in (
        "Nr 0 0@example.net Bookkeeping Billing and account e-mails",
        "Nr 1 1@example.net Bookkeeping Billing e-mails",
        "Nr 2 2@example.net Bookkeeping Account e-mails",
        "Nr 3 3@example.net Bookkeeping Nothing at the moment",
    ):
        assert row in shown
    assert "of Jan" not in shown


def test_a_full_list_offers_no_more(login: Any, on_stage: Any, ids: Any, account: str) -> None:
    with on_stage():
        for number in range(MOST):
            make_contact(ids.emma_account, email=f"{number}@example.net")
    emma = login("emma")
    page = emma.get(LIST)
    assert len(row_headers(page)) == MOST
    assert NEW not in links(page) and "as many as there can be: 10" in text(page)
    assert emma.get(NEW).location == LIST
    answer = emma.send(NEW, {**ANNA, "account": account})
    assert answer.status_code == 422 and "at most 10" in text(answer)
    assert len(known(on_stage, ids.emma_account)) == MOST


def test_a_full_list_costs_what_a_short_one_does(
    app: Any, login: Any, on_stage: Any, ids: Any, address: str
) -> None:
    emma = login("emma")
    emma.get(LIST)
    with counted(app) as few:
        emma.get(LIST)
    with on_stage():
        for number in range(MOST - 1):
            make_contact(ids.emma_account, email=f"{number}@example.net")
    with counted(app) as many:
        emma.get(LIST)
    assert len(few) == len(many) <= 5, "\n\n".join(many)


# Adding.


def test_adding(login: Any, on_stage: Any, ids: Any, account: str) -> None:
    emma = login("emma")
    form = emma.get(NEW)
    assert field(form, "account") == account
    main = find_all(parse(form.text), "main")[0]
    assert ["data-once" in each.attrib for each in find_all(main, "form")] == [True], (
        "or two clicks show an error"
    )
    answer = emma.send(NEW, {**ANNA, "account": account})
    assert (answer.status_code, answer.location) == (303, LIST)
    assert "Anna Admin was added." in text(emma.get(LIST))
    assert known(on_stage, ids.emma_account) == [
        ("Anna Admin", "anna@example.net", ContactRole.TECHNICAL, True, True)
    ]
    # Twice is once.
    again = emma.send(NEW, {**ANNA, "account": account})
    assert again.status_code == 422 and errors(again) == [
        "A contact person with this address is on the list already."
    ]
    assert field(again, "phone") == ANNA["phone"], "what was typed is still there"
    assert len(known(on_stage, ids.emma_account)) == 1


def test_without_a_tick_nothing_is_sent(login: Any, on_stage: Any, ids: Any, account: str) -> None:
    unticked = {key: value for key, value in ANNA.items() if not key.endswith("mails")}
    assert login("emma").send(NEW, {**unticked, "account": account}).status_code == 303
    assert [row[3:] for row in known(on_stage, ids.emma_account)] == [(False, False)]


def test_the_accounts_own_address_is_refused(login: Any, on_stage: Any, ids: Any, account: str) -> None:
    answer = login("emma").send(NEW, {**ANNA, "email": "EMMA@example.com", "account": account})
    assert answer.status_code == 422 and errors(answer) == [
        "The account itself gets its mails at this address already."
    ]
    assert known(on_stage, ids.emma_account) == []


def test_a_form_of_another_account_adds_to_neither(login: Any, on_stage: Any, ids: Any, account: str) -> None:
    """The other one was chosen in another window meanwhile."""
    with on_stage():
        db.session.add(Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.OWNER))
        other = db.session.get_one(Customer, ids.jan_account).public_id
    emma = login("emma")
    emma.send("/preferences/account", {"account": other})
    for sent in (account, "", "x"):
        answer = emma.send(NEW, {**ANNA, "account": sent})
        assert answer.status_code == 409 and "another account" in text(answer)
    assert known(on_stage, ids.emma_account) == known(on_stage, ids.jan_account) == []
    assert emma.send(NEW, {**ANNA, "account": other}).status_code == 303


# Changing.


def test_changing(login: Any, on_stage: Any, ids: Any, address: str) -> None:
    emma = login("emma")
    form = emma.get(address)
    assert (field(form, "email"), field(form, "version")) == ("anna@example.net", "1")
    answer = emma.send(address, {**ANNA, "name": "Anna Anders", "version": "1"})
    assert (answer.status_code, answer.location) == (303, LIST)
    assert "Anna Anders was saved." in text(emma.get(LIST))
    assert known(on_stage, ids.emma_account) == [
        ("Anna Anders", "anna@example.net", ContactRole.TECHNICAL, True, True)
    ]


def test_of_two_who_change_the_second_is_told(login: Any, on_stage: Any, ids: Any, address: str) -> None:
    emma = login("emma")
    emma.send(address, {**ANNA, "name": "First", "version": "1"})
    answer = emma.send(address, {**ANNA, "name": "Second", "version": "1"})
    assert answer.status_code == 409 and "changed this contact person meanwhile" in text(answer)
    assert field(answer, "name") == "Second" and known(on_stage, ids.emma_account)[0][0] == "First"
    assert (
        emma.send(address, {**ANNA, "name": "Second", "version": field(answer, "version")}).status_code == 303
    )
    assert known(on_stage, ids.emma_account)[0][0] == "Second"
    for odd in ("", "x", "-1", "9" * 400, "\u0661"):
        assert emma.send(address, {**ANNA, "name": "Third", "version": odd}).status_code == 409


# Removing.


def test_removing_asks_first_and_works_without_scripts(
    login: Any, on_stage: Any, ids: Any, address: str
) -> None:
    emma = login("emma")
    page = parse(emma.get(address).text)
    (link,) = [a for a in find_all(page, "a") if a.attrib.get("data-dialog")]
    assert link.attrib["href"] == f"{address}/remove"
    asked = emma.get(link.attrib["href"])
    assert "Remove Anna Admin?" in text(asked) and "no more copies" in text(asked)
    assert len(known(on_stage, ids.emma_account)) == 1, "asking removes nothing"
    answer = emma.send(f"{address}/remove")
    assert (answer.status_code, answer.location) == (303, LIST)
    assert "Anna Admin was removed" in text(emma.get(LIST))
    assert known(on_stage, ids.emma_account) == []
    for path in (address, f"{address}/remove"):
        assert emma.get(path).status_code == emma.send(path, {**ANNA, "version": "1"}).status_code == 404


# By whom.


@pytest.mark.parametrize("role", Role)
def test_what_each_role_may_do(
    login: Any, on_stage: Any, ids: Any, address: str, account: str, role: Role
) -> None:
    with on_stage():
        db.session.execute(sa.update(Membership).where(Membership.person_id == ids.bram).values(role=role))
    bram = login("bram")
    assert bram.get(LIST).status_code == (200 if role in MAY_SEE else 403)
    assert ("Contact persons" in bram.get("/customer").text) == (role in MAY_SEE)
    other = {**ANNA, "email": "other@example.net", "account": account, "version": "1"}
    answers = {
        "form": bram.get(NEW).status_code,
        "add": bram.send(NEW, other).status_code,
        "page": bram.get(address).status_code,
        "change": bram.send(address, {**ANNA, "version": "1"}).status_code,
        "ask": bram.get(f"{address}/remove").status_code,
        "remove": bram.send(f"{address}/remove").status_code,
    }
    if role in MAY_CHANGE:
        assert answers == {"form": 200, "add": 303, "page": 200, "change": 303, "ask": 200, "remove": 303}
        return
    assert set(answers.values()) == {403}
    assert known(on_stage, ids.emma_account) == [
        ("Anna Admin", "anna@example.net", ContactRole.BOOKKEEPING, True, False)
    ]
    if role in MAY_SEE:
        assert address not in links(bram.get(LIST))


@pytest.mark.parametrize("who", ["jan", "dora"])
def test_to_a_stranger_there_is_nobody(login: Any, on_stage: Any, ids: Any, address: str, who: str) -> None:
    stranger = login(who)
    for path in (address, f"{address}/remove"):
        assert stranger.get(path).status_code == 404
        assert stranger.send(path, {**ANNA, "version": "1"}).status_code == 404
    assert len(known(on_stage, ids.emma_account)) == 1


# With bad input.


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("name", " ", "Fill in a name."),
        ("name", "x" * 201, "This is too long."),
        ("name", "a\0b", "This contains characters that cannot be used."),
        ("email", "", "Fill in an e-mail address."),
        ("email", "anna@", "This is not a complete e-mail address."),
        ("email", "a@example.net, b@example.net", "This is not a complete e-mail address."),
        ("email", "a@example.net\r\nBcc: b@example.net", "This contains characters that cannot be used."),
        ("phone", "call me", "Write it in digits, with a plus in front of a country code."),
        ("phone", "0" * 41, "This is too long."),
        ("phone", "\u0660\u0661\u0662", "Write it in digits, with a plus in front of a country code."),
        ("role", "king", "Not a valid choice."),
    ],
)
def test_what_is_refused_is_said_beside_its_field(
    login: Any, on_stage: Any, ids: Any, account: str, name: str, value: str, said: str
) -> None:
    answer = login("emma").send(NEW, {**ANNA, name: value, "account": account})
    assert answer.status_code == 422 and errors(answer)[:1] == [said]
    assert known(on_stage, ids.emma_account) == []


def test_a_hostile_name_is_shown_as_typed(login: Any, account: str, on_stage: Any, ids: Any) -> None:
    emma = login("emma")
    names = [HOSTILE, "=SUM(A1)", "\u202eevil", "\U0001f600 مرحبا"]
    for number, name in enumerate(names):
        sent = {**ANNA, "name": name, "email": f"{number}@example.net", "account": account}
        assert emma.send(NEW, sent).status_code == 303
    page = emma.get(LIST)
    assert row_headers(page) == names and "<script>alert" not in page.text
    for path in [path for path in links(page) if re.fullmatch(rf"{LIST}/[\w-]{{22}}", path)]:
        for shown in (emma.get(path), emma.get(f"{path}/remove")):
            assert shown.status_code == 200 and "<script>alert" not in shown.text


def test_in_dutch(login: Any, address: str) -> None:
    emma, dutch = login("emma"), {"Accept-Language": "nl"}
    assert "Mails over betalen" in text(emma.get(LIST, headers=dutch))
    assert "Boekhouding" in emma.get(address, headers=dutch).text
    assert "Anna Admin verwijderen?" in text(emma.get(f"{address}/remove", headers=dutch))
    answer = emma.send(NEW, {}, headers=dutch)
    assert errors(answer)[:2] == ["Vul een naam in.", "Vul een e-mailadres in."]


def test_a_removed_contact_leaves_a_trace(login: Any, on_stage: Any, ids: Any, address: str) -> None:
    from portal.core.audit import AuditEntry

    login("emma").send(f"{address}/remove")
    with on_stage():
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "contact.removed")).one()
        assert (entry.actor_kind, entry.actor_id) == ("person", ids.emma)
        assert entry.data == {"customer_id": ids.emma_account}, "no name and no address"
        assert db.session.query(ContactPerson).count() == 0
