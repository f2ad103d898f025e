"""What somebody's coming means to an account that has people already: it goes on in their language."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.audit import Actor, AuditEntry
from portal.domain.people import accounts, actions, claims, editing, invitations, queries, tokens
from portal.domain.people.details import Details
from portal.domain.people.models import Customer, Membership, Person, Role, TokenPurpose
from portal.domain.people.naming import OwnName
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Shop
from portal.extensions import db
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
    """Its language follows them."""
    db.session.get_one(Person, ids.jan).language = "nl"
    db.session.get_one(Customer, ids.jan_account).email = "books@example.net"
    wanted = accounts.NewCustomer(email="JAN@example.com", name="Jan")
    made = accounts.create_customer(wanted, now=START, actor=Actor("staff", ids.saskia))
    assert queries.find_membership(ids.jan, made.id) is not None
    assert (made.language, noted()) == ("auto", [])


def test_nobody_comes_in_by_another_door() -> None:
    """A membership made anywhere else would not keep the language."""
    made = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "portal").rglob("*.py")
        if re.search(r"(?<!class )\bMembership\(", path.read_text(encoding="utf-8"))
    }
    assert made == {"portal/domain/people/joining.py", "portal/demo/people.py"}, "call joining.add_person"
