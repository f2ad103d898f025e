"""One mail that comes in, in one transaction: how the command and the listener take it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from flask_babel import force_locale
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal.core import clock, database, inbound_mail, reply_address, tenancy
from portal.core.backup import marker
from portal.core.inbound_mail import Unreadable
from portal.domain.shops import queries
from portal.domain.shops.models import Shop
from portal.domain.tickets import inbound
from portal.domain.tickets.inbound import Done, Outcome, TooMany
from portal.extensions import db

log = logging.getLogger(__name__)


class NotNow(Exception):
    """The mail is not taken at this moment and must come again; the message says why, without personal data."""


class Refused(Exception):
    """The mail will never be taken; the message says why, without personal data."""


@dataclass(frozen=True)
class Delivery:
    """A mail as it is handed over. ``sender`` is that of the envelope, empty for none, None when nobody said."""

    raw: bytes
    recipients: Sequence[str] = ()
    sender: str | None = None
    shop: str | None = None


def deliver(delivery: Delivery) -> Outcome:
    """Takes a mail in its own transaction, which is committed when this returns. Needs an app context.

    Raises ``NotNow`` or ``Refused``; either way nothing was written.
    """
    try:
        mail = inbound_mail.read(
            delivery.raw,
            trusted=current_app.config["INBOUND_AUTHSERV"],
            envelope_sender=delivery.sender,
        )
    except Unreadable as error:
        raise Refused(str(error)) from None
    if marker.is_there(current_app.config["DATA_DIR"]):
        raise NotNow("a backup is being restored")
    for last in (False, True):
        database.set_reading(False)
        try:
            with force_locale("en"):
                shop = _find_shop(delivery, mail.recipients)
            with tenancy.shop_scope(shop.id):
                outcome = inbound.take(mail, delivery.recipients, now=clock.now())
                db.session.commit()
        except IntegrityError as error:
            # Another process added the same mail at the same moment: looked at again, it is known.
            if last:
                raise NotNow("the database refuses it") from error
            continue
        except DBAPIError as error:
            raise NotNow("the database cannot be used") from error
        except TooMany as error:
            raise NotNow("this account sent too many mails") from error
        finally:
            db.session.rollback()
        _note(outcome)
        return outcome
    raise AssertionError("unreachable")


def _find_shop(delivery: Delivery, recipients: Sequence[str]) -> Shop:
    """The shop of the mail that is answered, else the one that was named, else the only one."""
    answered = reply_address.find([*delivery.recipients, *recipients])
    if answered is not None:
        shop = queries.find_shop_by_id(answered.shop_id)
    elif delivery.shop is not None:
        shop = queries.find_shop(delivery.shop.strip())
    else:
        shop = queries.find_default_shop()
    if shop is None:
        raise Refused("it names no shop: there is none, or there are several and --shop says which")
    return shop


def _note(outcome: Outcome) -> None:
    if outcome.done is Done.DROPPED:
        log.info("a mail was dropped: %s", outcome.reason)
    else:
        log.info("a mail was taken: %s, ticket %s", outcome.done, outcome.ticket_id)
