"""What people do with notices."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError

from portal.core.errors import Conflict
from portal.domain.notices import queries
from portal.domain.notices.models import Notice, NoticeMark
from portal.extensions import db

#: How many notices are noted as read at once.
MOST_MARKS = 500


def dismiss(notice_id: int, person_id: int, *, now: datetime) -> None:
    """Puts a notice away for one person, for good; a second time changes nothing.

    For a person whom the caller has found to be among its readers. ``Conflict`` for a permanent notice.
    """
    notice = db.session.get_one(Notice, notice_id)
    if notice.is_permanent:
        raise Conflict(_l("This announcement stays until the shop takes it down."))
    mark = _find_mark(notice_id, person_id)
    if mark is None:
        mark = NoticeMark(notice_id=notice_id, person_id=person_id, read_at=now)
        try:
            with db.session.begin_nested():
                db.session.add(mark)
        except IntegrityError:
            # A second click got there first; its row is the one that counts.
            mark = _find_mark(notice_id, person_id)
    if mark is not None and mark.dismissed_at is None:
        mark.dismissed_at = now


def mark_read(customer_id: int, person_id: int, *, seen_at: datetime, now: datetime) -> None:
    """Notes that a person saw the notices that an account was shown at a moment; for ``core.touch``.

    Never so many that others wait for it; what is left is noted the next time.
    """
    unread = queries.list_unread_ids(customer_id, person_id, now=seen_at, most=MOST_MARKS)
    try:
        with db.session.begin_nested():
            db.session.add_all(
                NoticeMark(notice_id=notice_id, person_id=person_id, read_at=now) for notice_id in unread
            )
    except IntegrityError:
        # Another window of the same person opened the same list at the same moment.
        return


def _find_mark(notice_id: int, person_id: int) -> NoticeMark | None:
    return db.session.scalar(
        sa.select(NoticeMark).where(NoticeMark.notice_id == notice_id, NoticeMark.person_id == person_id)
    )
