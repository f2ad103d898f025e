"""Files made of a customer's documents in the background: asked for, one at a time for each period, kept for a week."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit, outbox, storage
from portal.core.audit import Actor
from portal.core.errors import DomainError, NotFound
from portal.domain.invoices import booking
from portal.domain.invoices.models import Bundle, BundleKind, BundleStatus, Document, DocumentStatus
from portal.domain.invoices.states import BUNDLE, MAKING, BundleMove
from portal.domain.shops.models import Mode
from portal.extensions import db

#: How long a file is kept once it is ready: it can be made again at any time.
KEPT = timedelta(days=7)
#: How long a file is left after that, which nobody can fetch any more: longer than any backup takes.
LEFT = timedelta(days=1)
#: The outbox job that puts the PDFs of a year into a ZIP.
BUILD_YEAR = "invoices.build_year"


@dataclass(frozen=True)
class Wanted:
    """What to make a file of: an account's documents in a mode and a period, both days included."""

    kind: BundleKind
    customer_id: int
    mode: Mode
    first_day: date
    last_day: date
    language: str


def year_of(year: int, customer_id: int, mode: Mode, language: str) -> Wanted:
    """The invoices of a calendar year."""
    return Wanted(BundleKind.YEAR, customer_id, mode, date(year, 1, 1), date(year, 12, 31), language)


def of_period(wanted: Wanted | Bundle) -> tuple[sa.ColumnElement[bool], ...]:
    """The issued documents of a period, credit notes among them."""
    return (
        Document.customer_id == wanted.customer_id,
        Document.mode == wanted.mode,
        Document.status.in_((DocumentStatus.OPEN, DocumentStatus.SETTLED)),
        Document.issue_date.between(wanted.first_day, wanted.last_day),
    )


def request_year(wanted: Wanted, *, person_id: int | None, now: datetime) -> Bundle:
    """Has the PDFs of a year put into a ZIP; while that is being done it is this one.

    For members who may see invoices. Raises ``DomainError`` for a year without documents.
    """
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Document).where(*of_period(wanted))) or 0
    if not total:
        raise DomainError(_l("There are no invoices of this year."))
    return request(wanted, BUILD_YEAR, total=total, person_id=person_id, now=now)


def request(wanted: Wanted, job: str, *, total: int, person_id: int | None, now: datetime) -> Bundle:
    """The bundle that is being made of this period, or a new one with its work in the outbox."""
    # Two that ask at once queue here.
    booking.lock_credit([wanted.customer_id])
    running = db.session.scalars(
        sa.select(Bundle).where(*_same_period(wanted), Bundle.status.in_(MAKING)).limit(1)
    ).one_or_none()
    if running is not None:
        return running
    bundle = Bundle(
        mode=wanted.mode,
        customer_id=wanted.customer_id,
        kind=wanted.kind,
        status=BundleStatus.WAITING,
        first_day=wanted.first_day,
        last_day=wanted.last_day,
        language=wanted.language,
        total=total,
        requested_by_id=person_id,
        created_at=now,
    )
    db.session.add(bundle)
    db.session.flush()
    outbox.add(job, {"bundle_id": bundle.id}, now=now)
    return bundle


def begin(bundle_id: int) -> Bundle | None:
    """The bundle that a worker takes on, also for the second time; None when it has ended already."""
    bundle = db.session.get(Bundle, bundle_id)
    if bundle is None or bundle.status not in MAKING:
        return None
    if bundle.status is BundleStatus.WAITING:
        bundle.status = BUNDLE.next(bundle.status, BundleMove.BUILD) or bundle.status
    return bundle


def finish(bundle_id: int, key: str, size_bytes: int, *, now: datetime) -> None:
    """Its file is stored: what was made earlier of the same period goes. Repeated it changes nothing."""
    bundle = begin(bundle_id)
    if bundle is None:
        return
    earlier = sa.update(Bundle).where(*_same_period(bundle), Bundle.status == BundleStatus.READY)
    db.session.execute(
        earlier.values(expires_at=now, version=Bundle.version + 1).execution_options(
            synchronize_session="fetch"
        )
    )
    bundle.status = BUNDLE.next(bundle.status, BundleMove.FINISH) or bundle.status
    bundle.done, bundle.storage_key, bundle.size_bytes = bundle.total, key, size_bytes
    bundle.ready_at, bundle.expires_at = now, now + KEPT
    audit.record("bundle.made", bundle, actor=Actor.system(), now=now, kind=bundle.kind.value)


def fail(bundle_id: int, *, now: datetime) -> None:
    """It could not be made; it may be asked for again."""
    bundle = begin(bundle_id)
    if bundle is not None:
        bundle.status = BUNDLE.next(bundle.status, BundleMove.FAIL) or bundle.status
        audit.record("bundle.failed", bundle, actor=Actor.system(), now=now, kind=bundle.kind.value)


def key_of(bundle: Bundle) -> str:
    """Where its file is stored: always the same place, so that one that is made twice is stored once."""
    ending = "zip" if bundle.kind is BundleKind.YEAR else "pdf"
    return f"shops/{bundle.shop_id}/bundles/{bundle.public_id}.{ending}"


def expire(*, now: datetime) -> None:
    """Ends those whose time is over, in the active shop, and removes the files of those that ended a while ago.

    Safe to run twice, and after a kill: a file goes before its row says so. A backup that began meanwhile still finds
    every file that its rows name.
    """
    over = sa.select(Bundle).where(Bundle.status == BundleStatus.READY, Bundle.expires_at <= now)
    for bundle in db.session.scalars(over.order_by(Bundle.expires_at).limit(500)):
        bundle.status = BUNDLE.next(bundle.status, BundleMove.EXPIRE) or bundle.status
        bundle.storage_key = None
    ended = sa.select(Bundle).where(
        Bundle.status == BundleStatus.EXPIRED, Bundle.expires_at <= now - LEFT, Bundle.size_bytes > 0
    )
    for bundle in db.session.scalars(ended.order_by(Bundle.expires_at).limit(500)):
        storage.delete(key_of(bundle))
        bundle.size_bytes = 0


def list_years(customer_id: int, *, mode: Mode) -> Sequence[Any]:
    """The years of which an account has documents, the latest first, and how many each: ``year``, ``count``."""
    year = sa.extract("year", Document.issue_date)
    return db.session.execute(
        sa.select(sa.cast(year, sa.Integer).label("year"), sa.func.count().label("count"))
        .where(
            Document.customer_id == customer_id,
            Document.mode == mode,
            Document.status.in_((DocumentStatus.OPEN, DocumentStatus.SETTLED)),
            Document.issue_date.is_not(None),
        )
        .group_by(year)
        .order_by(year.desc())
    ).all()


def list_bundles(customer_id: int, *, mode: Mode, now: datetime) -> list[Bundle]:
    """What an account has ready or had asked for lately, the latest first; nothing that has expired."""
    live = sa.or_(Bundle.expires_at.is_(None), Bundle.expires_at > now)
    lately = sa.or_(Bundle.status != BundleStatus.FAILED, Bundle.created_at > now - KEPT)
    return list(
        db.session.scalars(
            sa.select(Bundle)
            .where(Bundle.customer_id == customer_id, Bundle.mode == mode, live, lately)
            .where(Bundle.status != BundleStatus.EXPIRED)
            .order_by(Bundle.id.desc())
            .limit(100)
        )
    )


def get_bundle(public_id: str, *, customer_ids: Collection[int], mode: Mode) -> Bundle:
    """A bundle of one of these accounts; ``NotFound`` for any other, whoever owns it."""
    bundle = db.session.scalar(
        sa.select(Bundle).where(
            Bundle.public_id == public_id, Bundle.customer_id.in_(customer_ids), Bundle.mode == mode
        )
    )
    if bundle is None:
        raise NotFound(f"no bundle {public_id}")
    return bundle


def is_ready(bundle: Bundle, *, now: datetime) -> bool:
    """Whether its file can be fetched."""
    return bundle.status is BundleStatus.READY and bundle.expires_at is not None and bundle.expires_at > now


def _same_period(of: Wanted | Bundle) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Bundle.customer_id == of.customer_id,
        Bundle.mode == of.mode,
        Bundle.kind == of.kind,
        Bundle.first_day == of.first_day,
        Bundle.last_day == of.last_day,
    )
