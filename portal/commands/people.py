"""``flask person``: letting somebody in by hand, as for a shop that cannot send mail yet."""

from __future__ import annotations

import click
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.commands import reading
from portal.commands.running import ACTOR, Lines, in_shop
from portal.core import audit, clock, sessions
from portal.core.errors import DomainError
from portal.domain.people import actions, mails, queries, tokens
from portal.domain.shops.models import Shop

person = click.Group("person", help="People who log in.")


@person.command("link")
@click.argument("email")
@in_shop
def link(*, shop: Shop, email: str) -> Lines:
    """Print a link for EMAIL to choose a password.

    It works once. Whoever has the link can log in as that person, so hand it over as you would a password.
    Links printed or mailed before it stop working.
    """
    now = clock.now()
    found = actions.find_or_invite(reading.mail_address("EMAIL", email), now=now)
    if found is None:
        raise DomainError(
            _(
                "Neither a person nor an account of %(shop)s has the address %(email)s.",
                shop=shop.name,
                email=email,
            )
        )
    purpose = actions.link_purpose(found)
    address = mails.link(found, purpose, now=now)
    hours = round(tokens.LIFETIMES[purpose].total_seconds() / 3600)
    click.echo(
        ngettext(
            "This link works once, for %(num)d hour.", "This link works once, for %(num)d hours.", hours
        ),
        err=True,
    )
    return [address]


@person.command("logout")
@click.argument("email")
@in_shop
def logout(*, shop: Shop, email: str) -> Lines:
    """End every session of EMAIL, on every device.

    For a lost or stolen device. The password stays: `flask person link` lets them choose another.
    """
    found = queries.find_person_by_email(reading.mail_address("EMAIL", email))
    if found is None:
        raise DomainError(
            _("Nobody in %(shop)s logs in with the address %(email)s.", shop=shop.name, email=email)
        )
    now = clock.now()
    ended = sessions.end_all(found.id, now=now)
    audit.record("person.logged_out", found, actor=ACTOR, now=now, sessions=ended)
    return [ngettext("%(num)d session was ended.", "%(num)d sessions were ended.", ended)]
