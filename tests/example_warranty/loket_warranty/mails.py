"""What is mailed: plain values alone, for the mail says what was true when it was caused."""

from __future__ import annotations

from datetime import datetime

from loket_warranty.models import Registration

from portal import api


def registered(row: Registration, *, now: datetime) -> None:
    """Tells the account and its contacts, in its language; the switch for status changes stops it."""
    api.mail_account(
        row.customer_id,
        "warranty_registered",
        {
            "product": row.product,
            "serial": row.serial,
            "ends_on": row.ends_on,
            "registration_url": api.external_url(row.shop_id, "warranty.show", public_id=row.public_id),
        },
        switch=api.Switch.STATUS_CHANGES,
        now=now,
    )
