"""The page of settings: each thing saved as it changes and by the button, by whom, and what two at once end in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core.audit import AuditEntry
from portal.domain.people.models import Customer, Membership, Person, Role
from portal.domain.people.recipients import Switch, account_language
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import Ids
from tests.page_client import PageClient, find_all, parse
from tests.pages import text
from tests.statements import counted

PAGE = "/customer/settings"
Login = Callable[..., PageClient]
Stage = Callable[..., Any]
#: Who sees the account's part and who may change it; everybody has their own part.
MAY_SEE = {Role.OWNER, Role.BILLING, Role.READ_ONLY}
MAY_CHANGE = {Role.OWNER, Role.BILLING}


def form(client: PageClient, page: str | None = None) -> dict[str, str]:
    """What a browser without scripts sends for the form as the page shows it."""
    tree = parse(page or client.get(PAGE).text)
    (shown,) = [e for e in find_all(tree, "form") if "settings" in e.attrib.get("class", "")]
    return {
        e.attrib["name"]: e.attrib["value"]
        for e in find_all(shown, "input")
        if e.attrib.get("type") == "hidden" or "checked" in e.attrib
    }


def stored(on_stage: Stage, ids: Ids) -> tuple[dict[str, bool], str]:
    """The switches of Emma's account that are on, and the language of its documents."""
    with on_stage():
        account = db.session.get_one(Customer, ids.emma_account)
        return {switch.value: getattr(account, switch.value) for switch in Switch}, account.language


def look(on_stage: Stage, person_id: int) -> tuple[str, str]:
    with on_stage():
        person = db.session.get_one(Person, person_id)
        return person.theme, person.language


def changed(client: PageClient, name: str, value: str | None = None, **more: str) -> int:
    """The status of what the script sends when one thing changes."""
    sent = {"changed": name, "account": form(client).get("account", ""), **more}
    return client.send(PAGE, sent if value is None else {**sent, name: value}).status_code


def has_role(on_stage: Stage, person_id: int, role: Role) -> None:
    with on_stage():
        db.session.execute(sa.update(Membership).where(Membership.person_id == person_id).values(role=role))


def alone(on_stage: Stage, ids: Ids) -> None:
    """Emma is the only person of her account."""
    with on_stage():
        db.session.execute(sa.delete(Membership).where(Membership.person_id == ids.bram))


ALL_ON = {switch.value: True for switch in Switch}


# As it changes.


@pytest.mark.parametrize("switch", Switch)
def test_a_switch_is_saved_as_it_changes(login: Login, on_stage: Stage, ids: Ids, switch: Switch) -> None:
    emma = login("emma")
    assert form(emma)[switch.value] == "on", "on by default"
    assert changed(emma, switch.value) == 204
    assert stored(on_stage, ids) == (ALL_ON | {switch.value: False}, "auto")
    assert switch.value not in form(emma)
    assert changed(emma, switch.value, "on") == 204
    assert stored(on_stage, ids) == (ALL_ON, "auto")


def test_what_is_saved_as_it_changes_leaves_the_rest(login: Login, on_stage: Stage, ids: Ids) -> None:
    """Two windows, each with a page from before the other's change."""
    first, second = login("emma"), login("emma")
    account = form(first)["account"]
    for client, switch in ((first, Switch.NEW_INVOICE), (second, Switch.STATUS_CHANGES)):
        # Whatever else a form holds: only what is named counts.
        everything = {**ALL_ON, "version": "1", "account": account, "changed": switch.value}
        everything = {name: "on" if value is True else value for name, value in everything.items()}
        del everything[switch.value]
        assert client.send(PAGE, everything).status_code == 204
    off = {Switch.NEW_INVOICE.value: False, Switch.STATUS_CHANGES.value: False}
    assert stored(on_stage, ids)[0] == ALL_ON | off


def test_theme_and_language_are_the_persons_own(login: Login, on_stage: Stage, ids: Ids) -> None:
    emma = login("emma")
    assert changed(emma, "theme", "dark") == changed(emma, "language", "nl") == 204
    assert look(on_stage, ids.emma) == ("dark", "nl") and look(on_stage, ids.bram) == ("system", "auto")
    page = emma.get(PAGE).text
    assert '<html lang="nl"' in page and '<meta name="color-scheme" content="dark">' in page
    assert changed(emma, "theme", "system") == 204
    assert look(on_stage, ids.emma) == ("system", "nl")


def test_a_change_leaves_a_trace_and_the_same_again_none(login: Login, on_stage: Stage, ids: Ids) -> None:
    emma = login("emma")
    for _ in range(2):
        changed(emma, Switch.PAYMENT_REMINDERS.value)
    changed(emma, "documents_language", "nl")
    with on_stage():
        entries = db.session.scalars(
            sa.select(AuditEntry).where(AuditEntry.event == "customer.mail_settings_changed")
        ).all()
        assert [(e.actor_id, e.subject_id, e.data) for e in entries] == [
            (ids.emma, ids.emma_account, {"mail_payment_reminders": False}),
            (ids.emma, ids.emma_account, {"language": "nl"}),
        ]


# By the button.


def test_the_button_saves_the_whole_page(login: Login, on_stage: Stage, ids: Ids) -> None:
    emma = login("emma")
    sent = form(emma) | {"theme": "light", "language": "nl", "documents_language": "en"}
    del sent["mail_new_invoice"], sent["mail_order_confirmation"]
    answer = emma.send(PAGE, sent)
    assert (answer.status_code, answer.location) == (303, PAGE)
    off = {"mail_new_invoice": False, "mail_order_confirmation": False}
    assert stored(on_stage, ids) == (ALL_ON | off, "en")
    assert look(on_stage, ids.emma) == ("light", "nl")
    # What is said afterwards is said in the language that was just chosen.
    assert "Je instellingen zijn opgeslagen." in text(emma.get(PAGE))
    assert emma.send(PAGE, form(emma) | {"language": "en"}).status_code == 303
    assert "Your settings were saved." in text(emma.get(PAGE))


def test_of_two_who_save_a_page_the_second_is_told(login: Login, on_stage: Stage, ids: Ids) -> None:
    emma = login("emma")
    old = form(emma)
    del old["mail_new_invoice"]
    changed(emma, Switch.STATUS_CHANGES.value)
    answer = emma.send(PAGE, old | {"theme": "dark"})
    assert answer.status_code == 409 and "changed meanwhile" in text(answer)
    assert stored(on_stage, ids)[0] == ALL_ON | {"mail_status_changes": False}
    assert look(on_stage, ids.emma)[0] == "system", "nothing of it was stored"
    again = form(emma, answer.text)
    assert "mail_new_invoice" not in again and again["mail_status_changes"] == "on", "as it was chosen"
    assert again["theme"] == "dark"
    assert emma.send(PAGE, again).status_code == 303
    assert stored(on_stage, ids)[0] == ALL_ON | {"mail_new_invoice": False}


def test_nothing_is_said_that_no_page_can_have_sent(login: Login, on_stage: Stage, ids: Ids) -> None:
    emma = login("emma")
    account = form(emma)["account"]
    for odd in (
        {},
        {"theme": "x"},
        {"language": "de"},
        {"documents_language": "x", "account": account},
        {"changed": "email", "email": "x@example.com", "account": account},
        {"changed": "theme"},
        {"version": "x", "account": account},
        {"mail_new_invoice": "on", "account": account},
    ):
        assert emma.send(PAGE, odd).status_code == 400, odd
    assert stored(on_stage, ids) == (ALL_ON, "auto") and look(on_stage, ids.emma) == ("system", "auto")


# By whom.


@pytest.mark.parametrize("role", Role)
def test_what_each_role_may_do(login: Login, on_stage: Stage, ids: Ids, role: Role) -> None:
    has_role(on_stage, ids.bram, role)
    bram = login("bram")
    page = bram.get(PAGE)
    assert page.status_code == 200 and f'href="{PAGE}"' in page.text
    assert ("Payment reminders" in text(page)) == (role in MAY_SEE)
    assert ('name="mail_new_invoice"' in page.text) == (role in MAY_CHANGE)
    assert ('name="documents_language"' in page.text) == (role in MAY_CHANGE)
    assert ("New invoice When there is an invoice or a credit note for you On" in text(page)) == (
        role is Role.READ_ONLY
    )

    account = form(bram)["account"]
    everything = {"theme": "dark", "version": "1", "account": account}
    statuses = [
        changed(bram, "mail_new_invoice"),
        changed(bram, "documents_language", "nl"),
        bram.send(PAGE, everything).status_code,
    ]
    # The first two moved the version on, which the page that is saved last does not know.
    assert statuses == ([204, 204, 409] if role in MAY_CHANGE else [403, 403, 403])
    assert stored(on_stage, ids) == (
        (ALL_ON | {"mail_new_invoice": False}, "nl") if role in MAY_CHANGE else (ALL_ON, "auto")
    )
    assert changed(bram, "theme", "dark") == changed(bram, "language", "nl") == 204
    assert bram.send(PAGE, form(bram) | {"theme": "light"}).status_code == 303
    assert look(on_stage, ids.bram) == ("light", "nl")


def test_what_was_meant_for_another_account_is_stored_in_none(
    login: Login, on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        db.session.add(Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.OWNER))
        jans = db.session.get_one(Customer, ids.jan_account).public_id
    emma = login("emma")
    sent = form(emma)
    assert "What Emma de Vries gets." in text(emma.get(PAGE)), "who has two accounts is told which this is"
    emma.send("/preferences/account", {"account": jans})
    del sent["mail_new_invoice"]
    assert emma.send(PAGE, sent).status_code == 409
    assert emma.send(PAGE, {"changed": "mail_new_invoice", "account": sent["account"]}).status_code == 409
    assert stored(on_stage, ids) == (ALL_ON, "auto")
    with on_stage():
        assert db.session.get_one(Customer, ids.jan_account).mail_new_invoice
    # One's own look is of no account.
    assert emma.send(PAGE, {"changed": "theme", "theme": "dark", "account": "x"}).status_code == 204


def test_somebody_of_another_shop_changes_their_own(login: Login, on_stage: Stage, ids: Ids) -> None:
    account = form(login("emma"))["account"]
    dora = login("dora")
    assert dora.send(PAGE, {"changed": "mail_new_invoice", "account": account}).status_code == 409
    assert changed(dora, "mail_new_invoice") == 204
    assert stored(on_stage, ids) == (ALL_ON, "auto")
    with on_stage(ids.other_shop):
        assert not db.session.get_one(Customer, ids.dora_account).mail_new_invoice


# The language of documents.


def documents(on_stage: Stage, ids: Ids) -> str:
    with on_stage():
        account = db.session.get_one(Customer, ids.emma_account)
        return account_language(account, db.session.get_one(Shop, ids.shop))


def test_the_documents_of_a_single_person_follow_their_choice(
    login: Login, on_stage: Stage, ids: Ids
) -> None:
    alone(on_stage, ids)
    emma = login("emma")
    page = emma.get(PAGE)
    assert "Your invoices and e-mails follow this choice." in text(page)
    assert 'name="documents_language"' not in page.text
    assert documents(on_stage, ids) == "en"
    changed(emma, "language", "nl")
    assert documents(on_stage, ids) == "nl"


def test_the_documents_of_several_people_have_a_language_of_their_own(
    login: Login, on_stage: Stage, ids: Ids
) -> None:
    emma = login("emma")
    page = emma.get(PAGE)
    assert "follow this choice" not in text(page) and "Language of invoices and e-mails" in text(page)
    changed(emma, "language", "nl")
    assert documents(on_stage, ids) == "en"
    changed(emma, "documents_language", "nl")
    changed(emma, "language", "en")
    assert documents(on_stage, ids) == "nl"


# The page.


def test_without_scripts_there_is_a_button_and_every_choice_has_a_name(login: Login) -> None:
    page = parse(login("emma").get(PAGE).text)
    groups = [e for e in page.iter() if e.attrib.get("role") == "radiogroup"]
    ids_there = {e.attrib["id"] for e in page.iter() if "id" in e.attrib}
    assert len(groups) == 3 and all(e.attrib["aria-labelledby"] in ids_there for e in groups)
    switches = [e for e in find_all(page, "input") if e.attrib.get("role") == "switch"]
    assert [e.attrib["name"] for e in switches] == [switch.value for switch in Switch]
    assert all(
        e.attrib["aria-labelledby"] in ids_there and e.attrib["aria-describedby"] in ids_there
        for e in switches
    )
    (said,) = [e for e in page.iter() if e.attrib.get("id") == "saved"]
    assert said.attrib["role"] == "status" and said.attrib["data-saved"] and said.attrib["data-failed"]


def test_the_sidebar_is_in_the_order_of_the_design(login: Login) -> None:
    page = parse(login("emma").get(PAGE).text)
    (nav,) = [e for e in find_all(page, "nav") if e.attrib.get("class") == "sidebar-nav"]
    entries = [a.attrib["href"].rpartition("/")[2] for a in find_all(nav, "a")]
    wanted = [
        "", "customer", "invoices", "orders", "subscriptions", "payment-methods", "support", "contacts",
        "notifications", "profile", "settings",
    ]  # fmt: skip
    assert entries == [each for each in wanted if each in entries]
    assert {"contacts", "settings"} <= set(entries)


def test_the_statements_of_the_page(app: Any, login: Login) -> None:
    emma = login("emma")
    emma.get(PAGE)
    with counted(app) as statements:
        emma.get(PAGE)
    assert len(statements) <= 5, "\n\n".join(statements)
