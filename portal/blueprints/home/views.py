"""The home page: composed from what sections contribute and what the account's own rows say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.home import attention, bp
from portal.core import clock
from portal.core.access import needs
from portal.core.contributions import gathered
from portal.core.counting import CARD, Together, count, shown, together
from portal.core.frame import scope
from portal.core.principals import MembershipInfo, current_membership, current_person
from portal.core.sections import ANY_PAGE, Card, Sections
from portal.core.shops import current_shop
from portal.domain.collections.planned import has_plan, in_plan, nearest_plan
from portal.domain.invoices import queries as invoices
from portal.domain.invoices.together import credit_to_use, objected_count
from portal.domain.orders import queries as orders
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.subscriptions import queries as subscriptions
from portal.domain.tickets import queries as tickets
from portal.domain.tickets.models import Ticket


@bp.get("")
@needs(Permission.HOME)
def index() -> ResponseReturnValue:
    """What needs me, my numbers, my subscriptions and my latest orders, each for whoever may see it."""
    account, here = current_membership(), scope()
    mode = Mode(here.mode)
    soon = here.today + timedelta(days=subscriptions.RENEWS_SOON_DAYS)
    cards, numbers = _numbered(account, here.values | {"soon": soon})
    running = (
        subscriptions.list_for_home(account.customer_id, mode=mode, today=here.today)
        if account.can(Permission.SUBSCRIPTIONS)
        else []
    )
    owed = (
        invoices.open_summary(
            account.customer_id,
            mode=mode,
            today=here.today,
            in_plan=in_plan if numbers.get("has_plan") else None,
            also=_with_plan if numbers.get("has_plan") else _beside,
        )
        if account.can(Permission.INVOICES)
        else None
    )
    recent = (
        orders.list_recent_orders(account.customer_id, mode=mode) if account.can(Permission.ORDERS) else []
    )
    needs_me = attention.collect(account, owed, numbers, running, today=here.today)
    counted = any(numbers[f"card_{index}"] for index in range(len(cards)))
    return render_template(
        "home/index.html",
        greeting=_greeting(),
        attention=needs_me,
        # Who sees no numbers, such as support, is told nothing about them.
        is_new=bool(cards) and not (counted or needs_me or running or recent),
        cards=cards,
        subscriptions=running,
        orders=recent,
    )


def _beside(customer_id: Any, mode: Any, _today: Any) -> Mapping[str, Any]:
    return {
        "credit_minor": credit_to_use(customer_id, mode),
        "objects": objected_count(customer_id, mode),
    }


def _with_plan(customer_id: Any, mode: Any, today: Any) -> Mapping[str, Any]:
    return {**_beside(customer_id, mode, today), **nearest_plan(customer_id, mode, today)}


def _numbered(account: MembershipInfo, values: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The cards of a role, ready to show, and every number of its page."""
    sections: Sections = current_app.extensions["sections"]

    def build(but: frozenset[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        cards, statement = sections.once(
            ("home", account.permissions, but), lambda: _plan(sections, account, but)
        )
        numbers = count(statement, values)
        ready = [
            {
                "url": url_for(card.endpoint),
                "count": shown(numbers[f"card_{index}"] or 0, CARD),  # the sum of no rows is NULL
                "title": card.title,
                "icon": card.icon,
            }
            for index, card in enumerate(cards)
        ]
        return ready, numbers

    return gathered(sections, build)


def _plan(sections: Sections, account: MembershipInfo, but: frozenset[str]) -> tuple[list[Card], Together]:
    """The cards of a role and the statement of every number of its page, built once."""
    cards = [
        card for card in sections.cards(but=but) if card.permission == "" or account.can(card.permission)
    ]
    return cards, together(_numbers(cards, account))


def _numbers(cards: list[Card], account: MembershipInfo) -> dict[str, Any]:
    here = ANY_PAGE
    numbers: dict[str, Any] = {f"card_{index}": card.count(here) for index, card in enumerate(cards)}
    if account.can(Permission.TICKETS):
        numbers["waiting"] = tickets.waiting_count(here.customer_id)
        numbers["waiting_public_id"] = tickets.waiting_longest(here.customer_id, Ticket.public_id)
        numbers["waiting_subject"] = tickets.waiting_longest(here.customer_id, Ticket.subject)
    if account.can(Permission.SUBSCRIPTIONS):
        soon: Any = sa.bindparam("soon", type_=sa.Date())
        numbers["renewing"] = subscriptions.renewing_count(here.customer_id, here.mode, here.today, soon)
    if account.can(Permission.COLLECTIONS):
        numbers["has_plan"] = has_plan(here.customer_id, here.mode)
    return numbers


def _greeting() -> str:
    person = current_person()
    name = person.given_name if person is not None else ""
    hour = _local(clock.now()).hour
    if 5 <= hour < 12:
        return str(_("Good morning, %(name)s", name=name) if name else _("Good morning"))
    if 12 <= hour < 18:
        return str(_("Good afternoon, %(name)s", name=name) if name else _("Good afternoon"))
    if hour >= 18:
        return str(_("Good evening, %(name)s", name=name) if name else _("Good evening"))
    return str(_("Hello, %(name)s", name=name) if name else _("Welcome"))


def _local(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(current_shop().time_zone))
