"""The life of a payment, over the whole product of states × moves and of states × reports."""

from __future__ import annotations

import itertools

import pytest

from portal.core.errors import IllegalMove
from portal.domain.payments.models import PaymentStatus as S
from portal.domain.payments.provider import ProviderStatus as P
from portal.domain.payments.states import (
    GIVEN_UP,
    LIFE,
    OVER,
    RUNNING,
    STARTED,
    Move,
    contradicts,
    moves_to,
)

#: The rule as it is written (domain.md, "Other states"), arrow by arrow; what was given up here and is under way
#: at the provider follows the provider, so that nothing else is started beside it.
ARROWS = {
    (S.CREATED, Move.OPEN): S.OPEN,
    (S.OPEN, Move.PEND): S.PENDING,
    (S.PENDING, Move.PAY): S.PAID,
    (S.CREATED, Move.FAIL): S.FAILED,
    (S.OPEN, Move.FAIL): S.FAILED,
    (S.PENDING, Move.FAIL): S.FAILED,
    (S.CREATED, Move.CANCEL): S.CANCELLED,
    (S.OPEN, Move.CANCEL): S.CANCELLED,
    (S.PENDING, Move.CANCEL): S.CANCELLED,
    (S.CREATED, Move.EXPIRE): S.EXPIRED,
    (S.OPEN, Move.EXPIRE): S.EXPIRED,
    (S.PENDING, Move.EXPIRE): S.EXPIRED,
    (S.CANCELLED, Move.PEND): S.PENDING,
    (S.EXPIRED, Move.PEND): S.PENDING,
    (S.CANCELLED, Move.PAY): S.PAID,
    (S.EXPIRED, Move.PAY): S.PAID,
    (S.PAID, Move.REVERSE): S.REVERSED,
    (S.REVERSED, Move.REINSTATE): S.PAID,
}

ARRIVED = {(after, move) for (_, move), after in ARROWS.items()}


@pytest.mark.parametrize(("state", "move"), list(itertools.product(S, Move)))
def test_every_state_with_every_move(state: S, move: Move) -> None:
    if (state, move) in ARROWS:
        assert LIFE.next(state, move) is ARROWS[state, move]
    elif (state, move) in ARRIVED:
        assert LIFE.next(state, move) is None
    else:
        with pytest.raises(IllegalMove):
            LIFE.next(state, move)


#: Where a report leads from each state; what is not named changes nothing.
LEADS = {
    S.CREATED: {P.OPEN: S.OPEN, P.PENDING: S.PENDING, P.PAID: S.PAID, P.FAILED: S.FAILED,
                P.CANCELLED: S.CANCELLED, P.EXPIRED: S.EXPIRED, P.REVERSED: S.REVERSED},
    S.OPEN: {P.PENDING: S.PENDING, P.PAID: S.PAID, P.FAILED: S.FAILED,
             P.CANCELLED: S.CANCELLED, P.EXPIRED: S.EXPIRED, P.REVERSED: S.REVERSED},
    S.PENDING: {P.PAID: S.PAID, P.FAILED: S.FAILED, P.CANCELLED: S.CANCELLED,
                P.EXPIRED: S.EXPIRED, P.REVERSED: S.REVERSED},
    S.CANCELLED: {P.PENDING: S.PENDING, P.PAID: S.PAID, P.REVERSED: S.REVERSED},
    S.EXPIRED: {P.PENDING: S.PENDING, P.PAID: S.PAID, P.REVERSED: S.REVERSED},
    S.PAID: {P.REVERSED: S.REVERSED},
    S.FAILED: {},
    S.REVERSED: {},
}  # fmt: skip


@pytest.mark.parametrize(("state", "report"), list(itertools.product(S, P)))
def test_every_state_with_every_report(state: S, report: P) -> None:
    reached = state
    for move in moves_to(state, report, reinstated=False):
        after = LIFE.next(reached, move)
        assert after is not None, "each step is a legal one"
        reached = after
    assert reached is LEADS[state].get(report, state)


def test_only_a_chargeback_that_was_won_brings_a_reversed_payment_back() -> None:
    assert moves_to(S.REVERSED, P.PAID, reinstated=False) == ()
    assert moves_to(S.REVERSED, P.PAID, reinstated=True) == (Move.REINSTATE,)
    assert moves_to(S.REVERSED, P.OPEN, reinstated=True) == ()


@pytest.mark.parametrize(("state", "report"), list(itertools.product(S, P)))
def test_money_after_a_failure_is_a_contradiction(state: S, report: P) -> None:
    assert contradicts(state, report) == (state is S.FAILED and report in (P.PAID, P.REVERSED))


def test_what_each_status_means_to_whoever_starts_a_payment() -> None:
    assert set(RUNNING) == {S.CREATED, S.OPEN, S.PENDING}
    assert set(STARTED) == {S.CREATED, S.OPEN}


def test_a_payment_runs_was_given_up_or_moved_money() -> None:
    assert sorted([*RUNNING, *GIVEN_UP, S.PAID, S.REVERSED]) == sorted(S)
    assert set(RUNNING) - set(STARTED) == {S.PENDING}, "money is under way"


def test_a_provider_says_its_last_word_or_that_it_goes_on() -> None:
    assert sorted([*OVER, P.OPEN, P.PENDING]) == sorted(P)
