"""``flask customer``: making accounts for people the shop knows."""

from __future__ import annotations

import click
from flask_babel import gettext as _

from portal.commands import reading
from portal.commands.running import ACTOR, Lines, in_shop
from portal.core import clock
from portal.core.errors import DomainError
from portal.domain.people.accounts import NewCustomer, create_customer
from portal.domain.people.models import Customer, CustomerKind
from portal.domain.shops.models import Shop

group = click.Group("customer", help="Make accounts.")


@group.command("create")
@click.argument("email")
@click.option("--name", required=True, help="The person, as addressed in mails.")
@click.option("--kind", default="consumer", show_default=True, help="consumer or business.")
@click.option("--company", default="")
@click.option("--phone", default="")
@click.option("--street", default="", help="With the number.")
@click.option("--postal-code", default="")
@click.option("--city", default="")
@click.option("--country", default="NL", show_default=True, help="Two letters.")
@click.option("--vat-number", default="")
@click.option("--chamber-number", default="")
@click.option("--language", default="auto", show_default=True, help="Of documents and mails: auto, en or nl.")
@in_shop
def create(*, shop: Shop, email: str, name: str, kind: str, **details: str) -> Lines:
    """Make an account that is billed at EMAIL. Whoever registers with that address becomes its owner."""
    if kind not in set(CustomerKind):
        raise DomainError(_("--kind is consumer or business."))
    made = create_customer(
        NewCustomer(
            email=reading.mail_address("EMAIL", email),
            name=reading.text("--name", name, 200, needed=True),
            kind=CustomerKind(kind),
            **reading.texts_for(Customer, details),
        ),
        now=clock.now(),
        actor=ACTOR,
    )
    return [f"{made.email}  {made.name}  ({made.public_id})"]
