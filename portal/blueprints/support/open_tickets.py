"""The open tickets of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from portal.core.frame import AlertRow
from portal.core.sections import FrameScope
from portal.domain.tickets.models import TicketStatus


@dataclass(frozen=True)
class OpenTicket:
    """A ticket in the sidebar and, on a phone, on the home page."""

    title: str
    url: str
    status: TicketStatus
    last_reply_at: datetime | None
    waits_for_customer: bool


def present(row: AlertRow, here: FrameScope) -> OpenTicket:
    """What the templates show of a row."""
    return OpenTicket(
        title=row.title,
        url=url_for("support.show", public_id=row.public_id),
        status=TicketStatus(row.word),
        # Once the customer wrote again, it is they who wait.
        last_reply_at=row.at if row.flag else None,
        waits_for_customer=row.flag,
    )
