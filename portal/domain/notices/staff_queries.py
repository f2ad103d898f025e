"""What the shop sees of its notices, shown or not. For staff who may see notices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.core.tables import LabelEnum
from portal.domain.notices.models import Notice, NoticeTarget
from portal.extensions import db


class Shown(LabelEnum):
    """Whether customers see a notice now; never stored."""

    ACTIVE = "active", _l("Active"), "green"
    SCHEDULED = "scheduled", _l("Scheduled"), "azure"
    EXPIRED = "expired", _l("Expired"), "grey"
    INACTIVE = "inactive", _l("Inactive"), "grey"


def shown(notice: Any, now: datetime) -> Shown:
    """That of a row with is_active, starts_at and expires_at."""
    if not notice.is_active:
        return Shown.INACTIVE
    if notice.expires_at is not None and notice.expires_at <= now:
        return Shown.EXPIRED
    return Shown.SCHEDULED if notice.starts_at > now else Shown.ACTIVE


def list_for_staff(
    *, now: datetime, wanted: Shown | None = None, after: str | None = None, before: str | None = None
) -> Page[Any]:
    """A page of the shop's notices, the latest start first."""
    stmt = sa.select(
        Notice.public_id,
        Notice.type,
        Notice.title,
        Notice.audience,
        Notice.is_permanent,
        Notice.is_active,
        Notice.starts_at,
        Notice.expires_at,
    )
    if wanted is not None:
        stmt = stmt.where(*_is(wanted, now))
    return keyset(
        db.session,
        stmt,
        key_columns=[Notice.starts_at.desc(), Notice.id.desc()],
        after=after,
        before=before,
    )


def _is(wanted: Shown, now: datetime) -> list[sa.ColumnElement[bool]]:
    over = sa.and_(Notice.expires_at.is_not(None), Notice.expires_at <= now)
    active = Notice.is_active == sa.true()
    match wanted:
        case Shown.INACTIVE:
            return [Notice.is_active == sa.false()]
        case Shown.EXPIRED:
            return [active, over]
        case Shown.SCHEDULED:
            return [active, Notice.starts_at > now, ~over]
        case Shown.ACTIVE:
            return [active, Notice.starts_at <= now, ~over]


def get_for_staff(public_id: str) -> tuple[Notice, list[str]]:
    """A notice of the shop and the tags that it is for; ``NotFound`` for any other."""
    notice = db.session.scalar(sa.select(Notice).where(Notice.public_id == public_id))
    if notice is None:
        raise NotFound(f"no notice {public_id}")
    tags = db.session.scalars(
        sa.select(NoticeTarget.tag)
        .where(NoticeTarget.notice_id == notice.id, NoticeTarget.tag.is_not(None))
        .order_by(NoticeTarget.id)
    )
    return notice, [tag for tag in tags if tag is not None]
