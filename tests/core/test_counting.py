"""Counting as far as a number is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core.counting import count_up_to, shown
from portal.domain.tickets.models import Ticket
from portal.extensions import db
from tests import rows
from tests.cast import Ids


@pytest.mark.parametrize(("there", "counted"), [(0, 0), (1, 1), (3, 3), (4, 4), (5, 4)])
def test_it_stops_at_one_more_than_is_shown(
    on_stage: Callable[..., Any], ids: Ids, there: int, counted: int
) -> None:
    with on_stage(ids.other_shop):
        rows.make_ticket(ids.dora_account)
    with on_stage():
        for _ in range(there):
            rows.make_ticket(ids.emma_account)
        rows.make_ticket(ids.jan_account)
        of_emma = count_up_to(3, Ticket, Ticket.customer_id == ids.emma_account)
        assert db.session.scalar(sa.select(of_emma)) == counted
        assert db.session.scalar(sa.select(count_up_to(99, Ticket))) == there + 1, "of this shop alone"


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (98, "98"), (99, "99"), (100, "99+"), (5_000, "99+")])
def test_what_is_beyond_shows_a_plus(number: int, text: str) -> None:
    assert shown(number, 99) == text
