"""What the shop does with notices: publishes, changes and takes them down. Two at once never overwrite each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound
from portal.domain.notices.models import Audience, Notice, NoticeTarget, NoticeType
from portal.extensions import db


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a notice is to say, to whom, and when. ``tags`` count for that audience alone."""

    type: NoticeType
    colour: str | None
    title: str
    body: str
    is_permanent: bool
    is_active: bool
    starts_at: datetime
    expires_at: datetime | None
    audience: Audience
    tags: Sequence[str] = ()

    def check(self) -> None:
        """Raises ``DomainError`` on its field for what makes no sense."""
        if self.expires_at is not None and self.expires_at <= self.starts_at:
            raise DomainError(_l("It would end before it begins."), "expires_at")
        if self.audience is Audience.TAGS and not self.tags:
            raise DomainError(_l("Fill in at least one tag."), "tags")


def publish(public_id: str, wanted: Wanted, *, actor: Actor, now: datetime) -> Notice:
    """A notice by the name that its form gave it: sent twice it is one. For staff who may change notices.

    ``DomainError`` as ``Wanted.check`` raises it.
    """
    wanted.check()
    known = db.session.scalar(sa.select(Notice).where(Notice.public_id == public_id))
    if known is not None:
        return known
    notice = Notice(public_id=public_id, created_at=now)
    _write(notice, wanted)
    db.session.add(notice)
    db.session.flush()
    _aim(notice, wanted)
    audit.record("notice.published", notice, actor=actor, now=now)
    return notice


def change(public_id: str, wanted: Wanted, *, version: int, actor: Actor, now: datetime) -> Notice:
    """Changes a notice; who put it away does not see it again. For staff who may change notices.

    ``NotFound``, ``Conflict`` when it is another version meanwhile, ``DomainError`` as above.
    """
    notice = _lock(public_id)
    if notice.version != version:
        raise Conflict(_l("Somebody changed this notification meanwhile. Look at it, and save it again."))
    wanted.check()
    _write(notice, wanted)
    if wanted.audience is not Audience.SOME:
        _aim(notice, wanted)
    # The tags are rows of their own: whoever else has the notice open must hear of them too.
    sa.orm.attributes.flag_modified(notice, "title")
    audit.record("notice.changed", notice, actor=actor, now=now)
    return notice


def deactivate(public_id: str, *, actor: Actor, now: datetime) -> None:
    """Takes a notice down. Twice is once. For staff who may change notices. ``NotFound`` for another shop's."""
    notice = _lock(public_id)
    if notice.is_active:
        notice.is_active = False
        audit.record("notice.deactivated", notice, actor=actor, now=now)


def _lock(public_id: str) -> Notice:
    found = db.session.scalar(
        sa.select(Notice)
        .where(Notice.public_id == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(f"no notice {public_id}")
    return found


def _write(notice: Notice, wanted: Wanted) -> None:
    notice.type, notice.colour = wanted.type, wanted.colour
    notice.title, notice.body = wanted.title, wanted.body
    notice.audience, notice.is_permanent = wanted.audience, wanted.is_permanent
    notice.is_active, notice.starts_at, notice.expires_at = (
        wanted.is_active,
        wanted.starts_at,
        wanted.expires_at,
    )


def _aim(notice: Notice, wanted: Wanted) -> None:
    db.session.execute(
        sa.delete(NoticeTarget)
        .where(NoticeTarget.notice_id == notice.id)
        .execution_options(synchronize_session=False)
    )
    if wanted.audience is Audience.TAGS:
        db.session.add_all(NoticeTarget(notice_id=notice.id, tag=tag) for tag in dict.fromkeys(wanted.tags))
