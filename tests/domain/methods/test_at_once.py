"""Two windows at once, on both databases: one default, one row for one number, one end of a method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict
from portal.core.money import Money
from portal.core.tenancy import shop_scope
from portal.domain.collections import revoking
from portal.domain.methods import actions
from portal.domain.methods.models import MethodStatus, PaymentMethod
from portal.domain.payments import saving
from portal.domain.payments.provider import Method, ProviderPayment, ProviderStatus, SavedMethod, SavedRef
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.people.test_at_once import at_once, here, on_postgresql
from tests.rows import make_method

__all__ = ["here", "on_postgresql"]

ACTOR = Actor.system("test")


@pytest.fixture
def three(here: tuple[Flask, Ids]) -> Iterator[list[int]]:
    """Three valid methods of Emma's: their ids. The first is her default."""
    from portal.core import database

    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        made = [make_method(ids.emma_account, is_default=number == 0).id for number in range(3)]
        db.session.commit()
    yield made
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        db.session.execute(sa.delete(PaymentMethod), execution_options={"synchronize_session": False})
        db.session.execute(sa.delete(AuditEntry), execution_options={"synchronize_session": False})
        db.session.commit()


def look(here: tuple[Flask, Ids], read: Any) -> Any:
    app, ids = here
    with app.app_context(), shop_scope(ids.shop):
        return read()


def method(method_id: int) -> PaymentMethod:
    return db.session.get_one(PaymentMethod, method_id)


def test_of_two_defaults_at_once_one_holds(here: tuple[Flask, Ids], three: list[int]) -> None:
    turns = iter([*three[1:], *three[1:]])
    chosen = [next(turns) for _ in range(4)]
    todo = iter(chosen)

    def choose() -> None:
        actions.make_default(method(next(todo)), actor=ACTOR, now=START)

    answers = at_once(here, 4, choose)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    defaults = look(
        here, lambda: list(db.session.scalars(sa.select(PaymentMethod.id).where(PaymentMethod.is_default)))
    )
    assert len(defaults) == 1 and defaults[0] in three[1:]


def test_revoked_twice_at_once_it_is_told_once(here: tuple[Flask, Ids], three: list[int]) -> None:
    heir = look(here, lambda: method(three[0]).public_id)

    def revoke() -> Any:
        return revoking.revoke_method(method(three[1]), successor=heir, actor=ACTOR, now=START)

    answers = at_once(here, 4, revoke)
    assert sum(answer is not None for answer in answers) == 1, answers
    assert look(here, lambda: method(three[1]).status) is MethodStatus.REVOKED
    events = look(here, lambda: list(db.session.scalars(sa.select(AuditEntry.event))))
    assert events.count("method.revoked") == 1


def test_the_last_two_do_not_both_go_at_once(here: tuple[Flask, Ids], three: list[int]) -> None:
    """Each is told that the other takes over; whoever comes second is asked to look again."""
    look(here, lambda: None)
    names = {each: look(here, lambda each=each: method(each).public_id) for each in three}

    def first() -> None:
        revoking.revoke_method(method(three[2]), successor=names[three[0]], actor=ACTOR, now=START)

    at_once(here, 1, first)
    todo = iter([(three[0], names[three[1]]), (three[1], names[three[0]])])

    def revoke() -> Any:
        which, heir = next(todo)
        return revoking.revoke_method(method(which), successor=heir, actor=ACTOR, now=START)

    answers = at_once(here, 2, revoke)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Consequences"]
    assert any(isinstance(answer, Conflict) for answer in answers)


def test_the_same_number_confirmed_twice_at_once_is_valid_once(
    here: tuple[Flask, Ids], three: list[int]
) -> None:
    def begin() -> list[int]:
        made = [
            make_method(here[1].emma_account, status=MethodStatus.PENDING, provider_ref=f"sbm_at_once_{n}").id
            for n in range(3)
        ]
        db.session.commit()
        return made

    from portal.core import database

    database.set_reading(False)
    pending = look(here, begin)
    todo = iter(pending)

    def confirm() -> None:
        this = method(next(todo))
        ref = str(this.provider_ref)
        answer = ProviderPayment(
            provider_ref=ref,
            status=ProviderStatus.PAID,
            amount=Money(0, "EUR"),
            reference=this.public_id,
            saved=SavedMethod(
                ref=SavedRef("c", ref),
                kind=Method.SEPA,
                valid=True,
                masked="NL91",
                holder="E",
                fingerprint="f",
            ),
        )
        saving.apply(this.id, answer, actor=ACTOR, now=START)

    answers = at_once(here, 3, confirm)
    assert answers == [None] * 3
    statuses = look(here, lambda: sorted(method(each).status.value for each in pending))
    assert statuses == ["invalid", "invalid", "valid"]
