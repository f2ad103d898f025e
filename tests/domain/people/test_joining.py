"""What somebody's coming means to the people an account has already: their language stays, and its owners are told."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock, mail_delivery
from portal.core.audit import Actor, AuditEntry
from portal.core.mail_message import MailMessage
from portal.core.mailer import Category
from portal.domain.people import accounts, actions, claims, editing, invitations, mails, queries, tokens
from portal.domain.people.details import Details
from portal.domain.people.models import Customer, Membership, Person, Role, TokenPurpose
from portal.domain.people.naming import OwnName
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.blueprints.auth.conftest import text_of
from tests.cast import START

PASSWORD = "four words that differ"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def here(on_stage: Any) -> Any:
    with on_stage(), clock.frozen(START):
        yield


def is_invited(account: Customer, ids: Any) -> Person:
    """Somebody new accepts an invitation of the shop."""
    by = Actor("staff", ids.saskia)
    invited = invitations.invite(account.id, "gerda@example.net", Role.BILLING, actor=by, now=START)
    db.session.flush()
    secret = tokens.issue(
        TokenPurpose.INVITATION,
        invited.person_id,
        now=START,
        customer_id=account.id,
        data={"invitation_id": invited.id},
    )
    token = tokens.find(secret, TokenPurpose.INVITATION, now=START)
    assert token is not None
    return invitations.accept(token, PASSWORD, OwnName("Gerda", "Groot"), now=START).person


def is_granted(account: Customer, ids: Any) -> Person:
    """Emma agrees that somebody else may use her account."""
    secret = tokens.issue(
        TokenPurpose.CLAIM, ids.jan, now=START, customer_id=account.id, data={"owner_id": ids.emma}
    )
    token = tokens.find(secret, TokenPurpose.CLAIM, now=START)
    assert token is not None
    return claims.grant_claim(token, Role.BILLING, now=START).asker


def confirms(account: Customer, ids: Any) -> Person:
    """Somebody confirms the account's address, to which so far nobody could log in."""
    _nobody_logs_in(ids)
    account.email = "noor@example.com"
    wanted = actions.Registration(email=account.email, given_name="Noor", family_name="Smit")
    noor = actions.register(wanted, page_language="nl", now=START)
    token = tokens.find(
        tokens.issue(TokenPurpose.CONFIRM, noor.id, now=START), TokenPurpose.CONFIRM, now=START
    )
    assert token is not None
    return actions.confirm(token, PASSWORD, page_language="nl", now=START).person


def is_given_the_address(account: Customer, ids: Any) -> Person:
    """The shop gives an account to which nobody can log in the address of somebody who logs in."""
    _nobody_logs_in(ids)
    wanted = editing.Edited(details=Details.of(account), kind=account.kind, email="bram@example.com")
    by = Actor("staff", ids.saskia)
    editing.edit_customer(account, wanted, version=account.version, actor=by, now=START)
    return db.session.get_one(Person, ids.bram)


def _nobody_logs_in(ids: Any) -> None:
    db.session.get_one(Person, ids.emma).password_hash = None
    db.session.flush()


WAYS: list[Callable[[Customer, Any], Person]] = [is_invited, is_granted, confirms, is_given_the_address]
way = pytest.mark.parametrize("way", WAYS, ids=lambda each: each.__name__)


def alone(ids: Any, language: str) -> Customer:
    """Emma's account, with nobody but her, who chose a language."""
    db.session.execute(sa.delete(Membership).where(Membership.person_id == ids.bram))
    db.session.get_one(Person, ids.emma).language = language
    account = db.session.get_one(Customer, ids.emma_account)
    account.last_language = "nl"
    db.session.flush()
    return account


def language_of(account: Customer) -> str:
    return account_language(account, db.session.get_one(Shop, account.shop_id))


def noted() -> list[dict[str, Any]]:
    wanted = sa.select(AuditEntry.data).where(AuditEntry.event == "customer.mail_settings_changed")
    return list(db.session.scalars(wanted))


@way
def test_the_language_that_somebody_chose_stays_the_accounts(ids: Any, way: Any) -> None:
    account = alone(ids, "en")
    assert (account.language, language_of(account)) == ("auto", "en")
    comer = way(account, ids)
    assert queries.find_membership(comer.id, account.id) is not None
    db.session.flush()
    assert (account.language, language_of(account)) == ("en", "en")
    assert noted() == [{"language": "en"}]


@way
def test_without_a_choice_nothing_changes(ids: Any, way: Any) -> None:
    account = alone(ids, "auto")
    way(account, ids)
    db.session.flush()
    assert (account.language, language_of(account)) == ("auto", "nl")
    assert noted() == []


def test_a_choice_of_the_account_itself_is_replaced_by_the_one_that_counted(ids: Any) -> None:
    account = alone(ids, "en")
    account.language = "nl"
    is_granted(account, ids)
    assert (language_of(account), noted()) == ("en", [{"language": "en"}])


def test_what_the_account_has_already_is_not_written_again(ids: Any) -> None:
    account = alone(ids, "nl")
    account.language = "nl"
    is_granted(account, ids)
    assert (account.language, noted()) == ("nl", [])


def test_several_keep_what_they_have(ids: Any) -> None:
    """Emma and Bram chose for themselves by now."""
    account = db.session.get_one(Customer, ids.emma_account)
    for each in (ids.emma, ids.bram):
        db.session.get_one(Person, each).language = "en"
    is_invited(account, ids)
    assert (account.language, noted()) == ("auto", [])


def test_the_first_of_an_account_leaves_it_as_it_is(ids: Any) -> None:
    """Its language follows them, and nobody is there to be told."""
    db.session.get_one(Person, ids.jan).language = "nl"
    db.session.get_one(Customer, ids.jan_account).email = "books@example.net"
    wanted = accounts.NewCustomer(email="JAN@example.com", name="Jan")
    made = accounts.create_customer(wanted, now=START, actor=Actor("staff", ids.saskia))
    assert queries.find_membership(ids.jan, made.id) is not None
    assert (made.language, noted(), told()) == ("auto", [], [])


def told() -> list[MailMessage]:
    wanted = sa.select(MailMessage).where(MailMessage.name == "member_added").order_by(MailMessage.id)
    return list(db.session.scalars(wanted))


def test_every_owner_hears_who_was_invited(ids: Any) -> None:
    account = db.session.get_one(Customer, ids.emma_account)
    db.session.get_one(Person, ids.emma).language = "nl"
    is_invited(account, ids)
    (mail,) = told()
    assert (mail.to, mail.cc, mail.category, mail.language) == (
        ["emma@example.com"],
        [],
        Category.SECURITY,
        "nl",
    )
    shown = {
        name: mail.context[name] for name in ("member_name", "member_email", "account", "role", "granted_by")
    }
    assert shown == {
        "member_name": "Gerda Groot",
        "member_email": "gerda@example.net",
        "account": "Emma de Vries",
        "role": "Facturatie",
        "granted_by": "",
    }


def test_bram_hears_it_too_once_he_is_an_owner(ids: Any) -> None:
    bram = queries.find_membership(ids.bram, ids.emma_account)
    assert bram is not None
    bram.role = Role.OWNER
    is_granted(db.session.get_one(Customer, ids.emma_account), ids)
    assert [mail.to for mail in told()] == [["emma@example.com"], ["bram@example.com"]]
    assert {mail.context["granted_by"] for mail in told()} == {"Emma de Vries"}


def test_an_owner_who_never_came_is_not_mailed(ids: Any) -> None:
    """Nobody has proved to read that address."""
    confirms(alone(ids, "auto"), ids)
    assert told() == []


def test_accepting_twice_tells_once(ids: Any) -> None:
    account = db.session.get_one(Customer, ids.emma_account)
    is_granted(account, ids)
    is_granted(account, ids)
    assert len(told()) == 1


def test_nobody_comes_in_by_another_door() -> None:
    """A membership made anywhere else would neither keep the language nor tell anybody."""
    made = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "portal").rglob("*.py")
        if re.search(r"(?<!class )\bMembership\(", path.read_text(encoding="utf-8"))
    }
    assert made == {"portal/domain/people/joining.py", "portal/demo/people.py"}, "call joining.add_person"


def test_when_is_told_by_the_shops_clock(ids: Any) -> None:
    is_granted(db.session.get_one(Customer, ids.emma_account), ids)
    (mail,) = told()
    raw = mail_delivery._bytes_to_send(mail, mail_delivery.envelope_of(mail), now=START)
    assert raw is not None and START.hour == 9
    assert "Since: 1 Nov 2026, 10:00" in text_of(message_from_bytes(raw, policy=policy.default))


def test_who_has_no_name_is_called_by_their_address(ids: Any) -> None:
    jan = db.session.get_one(Person, ids.jan)
    jan.given_name = jan.family_name = ""
    account = db.session.get_one(Customer, ids.emma_account)
    emma = db.session.get_one(Person, ids.emma)
    mail = mails.member_added(emma, jan, account, Role.OWNER, granted_by=None, now=START)
    assert (mail.context["member_name"], mail.context["member_email"]) == ("", "jan@example.com")
