"""What an account gets by mail, and in which language: its switches and the language of its documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.domain.people.models import Customer, Membership
from portal.domain.people.recipients import Switch
from portal.extensions import db


@dataclass(frozen=True)
class MailSettings:
    """The settings of an account as they are stored.

    ``language`` is auto, en or nl. ``follows_person``: a single person belongs to the account, whose choice its
    documents follow (``recipients.account_language``), so there is nothing to choose.
    """

    version: int
    switches: dict[Switch, bool]
    language: str
    follows_person: bool


def get_mail_settings(customer_id: int) -> MailSettings:
    """The settings of an account, in one statement. For everybody who may see its details."""
    people = (
        sa.select(sa.func.count()).where(Membership.customer_id == Customer.id).correlate(Customer)
    ).scalar_subquery()
    columns = [getattr(Customer, switch.value) for switch in Switch]
    row = db.session.execute(
        sa.select(Customer.version, Customer.language, people.label("people"), *columns).where(
            Customer.id == customer_id
        )
    ).one()
    return MailSettings(
        version=row.version,
        switches={switch: getattr(row, switch.value) for switch in Switch},
        language=row.language,
        follows_person=row.people == 1,
    )


def change_mail_settings(
    customer_id: int,
    *,
    switches: Mapping[Switch, bool],
    language: str | None = None,
    version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Stores switches, and the language of documents (auto, en, nl) unless it is None.

    For whoever may change the account's mail switches. ``version`` is that of the page on which all of them were
    looked at; ``Conflict`` when the account was changed since. Without one only what is named changes, whatever
    else did meanwhile.
    """
    account = db.session.get_one(Customer, customer_id, with_for_update=True)
    if version is not None and version != account.version:
        raise Conflict(
            _l("These settings were changed meanwhile. Save again to replace that with what is here.")
        )
    wanted: dict[str, bool | str] = {switch.value: on for switch, on in switches.items()}
    if language is not None:
        wanted["language"] = language
    changed = {column: value for column, value in wanted.items() if getattr(account, column) != value}
    for column, value in changed.items():
        setattr(account, column, value)
    if changed:
        audit.record("customer.mail_settings_changed", account, actor=actor, now=now, **changed)
