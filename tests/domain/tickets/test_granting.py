"""Granting downloads from a ticket: once, of its own order, and while that gives its files."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from portal.core.errors import Conflict, NotFound
from portal.domain.orders.models import OrderStatus
from portal.domain.people.models import Staff
from portal.domain.tickets import granting
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql
from tests.rows import make_download, make_order, make_ticket

__all__ = ["here", "on_postgresql"]


def made(ids: Ids, status: OrderStatus = OrderStatus.COMPLETED) -> tuple[int, str]:
    order = make_order(ids.emma_account, status=status)
    file = make_download(order, expires_at=START, downloads_used=5)
    return make_ticket(ids.emma_account, order_id=order.id).id, file.public_id


def grant(ids: Ids, ticket_id: int, file: str) -> int:
    saskia = db.session.get_one(Staff, ids.saskia)
    return granting.grant_more(ticket_id, file, version=1, author=saskia, now=START).download_limit


def test_clicked_by_four_at_once_it_is_granted_once(here: tuple[Flask, Ids]) -> None:
    ticket_id, file = alone(here, lambda: made(here[1]))
    answers: list[Any] = at_once(here, 4, lambda: grant(here[1], ticket_id, file))
    assert answers.count(10) == 1 and sum(isinstance(each, Conflict) for each in answers) == 3, answers


def test_only_files_of_its_own_order_while_that_gives_them(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    ticket_id, _file = alone(here, lambda: made(ids))
    _other_ticket, other = alone(here, lambda: made(ids))
    refunded_ticket, refunded = alone(here, lambda: made(ids, OrderStatus.REFUNDED))
    for ticket, file in ((ticket_id, other), (refunded_ticket, refunded), (ticket_id, "x" * 22)):
        with pytest.raises(NotFound):
            alone(here, lambda ticket=ticket, file=file: grant(ids, ticket, file))  # type: ignore[misc]
