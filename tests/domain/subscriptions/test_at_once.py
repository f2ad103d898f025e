"""Two clicks at once, on both databases: one credit, one ticket, one change of status, and nobody waits in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.errors import Conflict
from portal.core.tenancy import shop_scope
from portal.domain.catalog.models import CancelMode
from portal.domain.invoices.balance import find_imbalances
from portal.domain.people.models import Person, Staff
from portal.domain.subscriptions import cancelling, pausing
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.subscriptions.models import ChangeKind, Subscription, SubscriptionStatus
from portal.domain.subscriptions.standing import find_waiting
from portal.domain.tickets.cancelling import (
    decide_cancellation,
    find_ticket,
    request_cancellation,
    withdraw_cancellation,
)
from portal.domain.tickets.models import Ticket
from portal.extensions import db
from tests.cast import Ids
from tests.domain.invoices.paying import attempt, book
from tests.domain.people.test_at_once import at_once, here, on_postgresql
from tests.domain.subscriptions.looking import ACTOR, ledger, mails, notes, november
from tests.rows import make_billed

__all__ = ["here", "on_postgresql"]


@pytest.fixture
def look(here: tuple[Flask, Ids]) -> Iterator[Any]:
    """``look(read)`` in the cast's shop, committed; what was made goes with the database or is told apart by its id."""
    app, ids = here

    def inside(read: Any) -> Any:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            found = read()
            db.session.commit()
            return found

    yield inside


def made(ids: Ids, mode: CancelMode) -> int:
    """A subscription whose month was paid."""
    subscription, invoice = make_billed(ids.emma_account, plan={"cancel_mode": mode})
    book(attempt(ids.emma_account, (invoice, 3000)), 3000)
    return subscription.id


def failures(answers: list[Any]) -> list[Any]:
    return [
        answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, Conflict)
    ]


def test_cancelled_by_four_at_once_the_rest_is_credited_once(here: tuple[Flask, Ids], look: Any) -> None:
    subscription_id = look(lambda: made(here[1], CancelMode.IMMEDIATE))

    def cancel() -> Any:
        return cancelling.cancel_now(subscription_id, told=None, actor=ACTOR, now=november(11))

    answers = at_once(here, 4, cancel)
    assert failures(answers) == [] and sum(answer is not None for answer in answers) == 1
    found = look(lambda: [note.total_minor for note in notes() if note.subscription_id == subscription_id])
    assert found == [1900] and look(ledger) == [1900]
    assert look(find_imbalances) == []


def test_asked_for_by_four_at_once_there_is_one_ticket(here: tuple[Flask, Ids], look: Any) -> None:
    subscription_id = look(lambda: made(here[1], CancelMode.REQUEST))

    def ask() -> Any:
        emma = db.session.get_one(Person, here[1].emma)
        return request_cancellation(
            subscription_id, reason=Reason.OTHER, message="", told=None, author=emma, now=november(10)
        ).id

    answers = at_once(here, 4, ask)
    assert failures(answers) == [] and len(set(answers)) == 1
    count = sa.select(sa.func.count()).select_from(Ticket).where(Ticket.subscription_id == subscription_id)
    assert look(lambda: db.session.scalar(count)) == 1

    def take_back() -> Any:
        emma = db.session.get_one(Person, here[1].emma)
        return withdraw_cancellation(subscription_id, author=emma, now=november(11))

    assert sorted(at_once(here, 4, take_back)) == [False, False, False, True]


def test_approved_and_rejected_at_once_one_of_them_holds(here: tuple[Flask, Ids], look: Any) -> None:
    subscription_id = look(lambda: made(here[1], CancelMode.REQUEST))

    def ask() -> int:
        emma = db.session.get_one(Person, here[1].emma)
        change = request_cancellation(
            subscription_id, reason=Reason.OTHER, message="", told=None, author=emma, now=november(10)
        )
        ticket = find_ticket(change)
        assert ticket is not None
        return ticket.id

    ticket_id = look(ask)
    before = look(lambda: mails().count("cancellation_decided"))
    turns = iter([True, False] * 2)

    def decide() -> Any:
        saskia = db.session.get_one(Staff, here[1].saskia)
        approves = next(turns)
        decide_cancellation(ticket_id, approves=approves, message="So.", author=saskia, now=november(11))
        return approves

    answers = at_once(here, 4, decide)
    assert sum(isinstance(each, Conflict) for each in answers) == 3, answers
    (held,) = [each for each in answers if isinstance(each, bool)]
    waits = look(lambda: find_waiting(subscription_id, ChangeKind.CANCEL) is not None)
    assert waits is held
    assert look(lambda: mails().count("cancellation_decided")) == before + 1


def test_of_a_pause_and_a_cancellation_at_once_both_windows_get_an_answer(
    here: tuple[Flask, Ids], look: Any
) -> None:
    subscription_id = look(lambda: made(here[1], CancelMode.REQUEST))
    before = len(look(mails))
    turns = iter(["pause", "cancel"] * 2)

    def act() -> Any:
        emma = db.session.get_one(Person, here[1].emma)
        if next(turns) == "pause":
            return pausing.pause(subscription_id, until=None, actor=ACTOR, now=november(10)) is not None
        change = request_cancellation(
            subscription_id, reason=Reason.OTHER, message="", told=None, author=emma, now=november(10)
        )
        return change.id

    assert failures(at_once(here, 4, act)) == []
    status = look(lambda: db.session.get_one(Subscription, subscription_id).status)
    told = look(mails)[before:]
    # Paused first, both happened; cancelled first, the pause was refused.
    assert told.count("cancellation_received") == 1
    assert (status is SubscriptionStatus.PAUSED) == (told.count("subscription_paused") == 1)
