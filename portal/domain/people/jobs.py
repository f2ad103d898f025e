"""Background work on people: what must not show in how long a page takes to answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portal.core import outbox
from portal.domain.people import mails, queries

#: Sends whatever lets a person in again.
LET_IN = "people.let_in"


@outbox.handler(LET_IN, lane="mail")
def let_in(payload: dict[str, Any], *, now: datetime) -> None:
    """Mails ``person_id`` a link to choose a new password, or to confirm the address first.

    The page that asks adds this row for every address, known or not, so that both take the same time. Nobody,
    and somebody whose accounts were all archived, gets none, as it would lead nowhere.
    """
    person = queries.find_person(payload["person_id"])
    if person is None:
        return
    accounts, active = queries.count_accounts(person.id)
    if accounts and not active:
        return
    if mails.can_log_in(person):
        mails.reset_password(person, now=now)
    else:
        mails.confirm_address(person, language=payload["language"], now=now)
