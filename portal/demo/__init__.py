"""The demo: a believable shop with two years of history, made anew relative to the day it is loaded."""

from __future__ import annotations

import random
from datetime import datetime

from flask import Flask
from flask_babel import lazy_gettext as _l

from portal.core import clock, database, tenancy
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.demo import collecting, emma_orders, emma_subscriptions, jan, people, shop, talking
from portal.demo.bulk import MOST, Bulk
from portal.demo.story import Deed, Story
from portal.domain.shops import actions, queries
from portal.extensions import db

#: The same every time, so that every start shows the same shop.
SEED = 1847


def load(
    app: Flask, *, port: int, customers: int = 0, invoices: int = 0, now: datetime | None = None
) -> None:
    """Makes the demo shop in one transaction; with numbers, a large one by that many accounts and invoices.

    For the first start of the demo and ``flask demo load``, which both hold an application context. Raises
    ``Conflict`` when there is a shop already and ``DomainError`` for numbers that do not fit.
    """
    check_size(customers, invoices)
    database.set_reading(False)
    try:
        if queries.count_shops():
            raise Conflict(_l("There is a shop already. The demo needs an empty database."))
        _tell(Story.begin(now or clock.now(), random.Random(SEED), port), customers, invoices)  # noqa: S311
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    app.extensions["shops"].forget()


def check_size(customers: int, invoices: int) -> None:
    """Refuses numbers of a large shop that cannot be."""
    if min(customers, invoices) < 0 or max(customers, invoices) > MOST:
        raise DomainError(_l("Give numbers from 0 to %(count)s.", count=f"{MOST:,}"))
    if invoices and not customers:
        raise DomainError(_l("Invoices need customers: give a number of both."))


def follow_port(app: Flask, *, port: int) -> bool:
    """Lets the demo's links lead to another port, when it is started on another one; whether that was new.

    For the start of the demo. Commits.
    """
    database.set_reading(False)
    found = queries.find_default_shop()
    if found is None or not found.is_demo:
        return False
    place = queries.primary_domain(found)
    wanted = actions.checked_domain(place.host, port, place.scheme).port
    is_new = place.port != wanted
    place.port = wanted
    db.session.commit()
    app.extensions["shops"].forget()
    return is_new


def _tell(story: Story, customers: int, invoices: int) -> None:
    """Writes the shop and everything that happened there, in the order in which it happened."""
    with clock.frozen(story.opened_at):
        shop.open_shop(story)
    with tenancy.shop_scope(story.shop.id):
        with clock.frozen(story.opened_at):
            shop.stock(story)
            people.arrive(story)
            bulk = Bulk(story, customers, invoices) if customers else None
        for part in (emma_orders, emma_subscriptions, collecting, jan, talking):
            part.plan(story)
        meanwhile: Deed = bulk.write_until if bulk else lambda moment: None
        story.run(meanwhile)
        meanwhile(story.now)
        story.record("demo.loaded", story.shop, now=story.now, actor=Actor.system("demo"))
        db.session.flush()
