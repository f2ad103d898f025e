"""``flask invoice``: making invoices from a file, and checking what is stored of their balances."""

from __future__ import annotations

import click
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.commands import reading
from portal.commands.running import ACTOR, Lines, in_shop, only_reading
from portal.core import clock, locale
from portal.domain.invoices.balance import count_documents, find_imbalances
from portal.domain.invoices.importing import MAX_BYTES, create_invoices, read_invoices
from portal.domain.invoices.links import payment_url
from portal.domain.shops.models import Shop

group = click.Group("invoice", help="Make invoices, and check them.")


@group.command("create")
@click.option(
    "--from-json", "path", required=True, metavar="FILE", help="The invoices; - reads standard input."
)
@in_shop
def create(*, shop: Shop, path: str) -> Lines:
    """Finalise and send the invoices of a JSON file.

    All of them, or none when something is wrong. docs/invoices.md describes the file.
    """
    now = clock.now()
    with only_reading():
        inputs = read_invoices(reading.file(path, MAX_BYTES), shop, now=now)
    documents = create_invoices(inputs, shop, now=now, actor=ACTOR)
    return [
        f"{each.number}  {locale.money(each.total_minor, each.currency, shop.language)}  {payment_url(each)}"
        for each in documents
    ]


@group.command("check")
@in_shop
def check(*, shop: Shop) -> Lines:
    """Work out every balance anew and compare.

    Lists what differs, with exit code 1.
    """
    wrong = find_imbalances()
    for document, balance in wrong:
        click.echo(
            _(
                "%(number)s: %(stored)s is stored as open, %(meant)s is right.",
                number=document.number or document.public_id,
                stored=locale.money(document.open_minor, document.currency, shop.language),
                meant=locale.money(balance.open_minor, document.currency, shop.language),
            )
        )
    if wrong:
        raise click.exceptions.Exit(1)
    checked = count_documents()
    return [ngettext("%(num)d document checked.", "%(num)d documents checked.", checked)]
