"""What happens later. Work runs at least once, so all of it may run twice."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from loket_warranty.models import Registration, RegistrationStatus

from portal import api

log = logging.getLogger(__name__)


@api.work_handler("warranty.announce", lane="documents")
def announce(payload: dict[str, Any], *, now: datetime) -> api.Outside | None:
    """Tells the maker: first what the database says, then the network without a transaction, then what came of it."""
    row = api.db.session.get(Registration, payload["id"])
    if row is None or row.announced_at is not None:
        return None
    return api.Outside(partial(tell_maker, row.serial), then=partial(announced, row.id))


def tell_maker(serial: str) -> bool:
    """Here the maker's server would be asked."""
    return True


def announced(row_id: int, taken: bool, *, now: datetime) -> api.Retry | None:
    """In a transaction again: it only writes."""
    if not taken:
        return api.Retry("the maker did not take it")
    api.db.session.get_one(Registration, row_id).announced_at = now
    return None


@api.periodic("warranty.expire", daily_at="03:00", per_shop=True)
def expire(*, now: datetime) -> None:
    """Looks at what is due, not at how often it is called."""
    api.db.session.execute(
        sa.update(Registration)
        .where(Registration.status == RegistrationStatus.ACTIVE, Registration.ends_on < now.date())
        .values(status=RegistrationStatus.EXPIRED)
        .execution_options(synchronize_session=False)
    )
