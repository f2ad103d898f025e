"""Which notices a person sees now. The audience is live: whoever gets a tag today sees its notices today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from portal.core.counting import BADGE, count_up_to
from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.core.tenancy import current_shop_id
from portal.domain.notices.models import Audience, Notice, NoticeMark, NoticeTarget
from portal.domain.people.models import Customer
from portal.extensions import db


class _JsonItems(FunctionElement[Any]):
    """The texts of a JSON array as rows of one column, ``value``; each database has its own name for it."""

    name = "json_items"
    inherit_cache = True


@compiles(_JsonItems, "sqlite")
def _sqlite_items(element: _JsonItems, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_JsonItems, "postgresql")
def _postgresql_items(element: _JsonItems, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text({compiler.process(element.clauses, **options)})"


def banners(
    shop_id: int, customer_id: int, person_id: int, now: datetime, columns: Sequence[Any]
) -> sa.Select[Any]:
    """A select of these columns of the notices a person of an account sees, the latest first, for the frame.

    Active, started, not expired, meant for the account, and not put away by this person; a permanent one
    cannot be put away, not even by a mark from before it became permanent.
    """
    return (
        sa.select(*columns)
        .where(*_shown(shop_id, customer_id, person_id, now))
        .order_by(Notice.starts_at.desc(), Notice.id.desc())
    )


def count_unread(shop_id: int, customer_id: int, person_id: int, now: datetime) -> sa.ScalarSelect[int]:
    """How many of them the person has not read, as a scalar subquery."""
    return count_up_to(BADGE, Notice, *_shown(shop_id, customer_id, person_id, now), ~_has_read(person_id))


def list_notices(
    customer_id: int,
    person_id: int,
    *,
    now: datetime,
    after: str | None = None,
    before: str | None = None,
) -> Page[Any]:
    """A page of the same notices with whether the person ``has_read`` them. For members who may see notices."""
    stmt = sa.select(
        Notice.public_id,
        Notice.type,
        Notice.title,
        Notice.body,
        Notice.colour,
        Notice.is_permanent,
        Notice.starts_at,
        _has_read(person_id).label("has_read"),
    ).where(*_shown(current_shop_id(), customer_id, person_id, now))
    return keyset(
        db.session,
        stmt,
        key_columns=[Notice.starts_at.desc(), Notice.id.desc()],
        after=after,
        before=before,
    )


def list_unread_ids(customer_id: int, person_id: int, *, now: datetime, most: int) -> Sequence[int]:
    """The ids of the latest of those that the person has not read."""
    return db.session.scalars(
        banners(current_shop_id(), customer_id, person_id, now, [Notice.id])
        .where(~_has_read(person_id))
        .limit(most)
    ).all()


def _shown(shop_id: int, customer_id: int, person_id: int, now: datetime) -> list[sa.ColumnElement[bool]]:
    put_away = sa.exists().where(
        NoticeMark.notice_id == Notice.id,
        NoticeMark.person_id == person_id,
        NoticeMark.dismissed_at.is_not(None),
    )
    return [
        Notice.shop_id == shop_id,
        Notice.is_active.is_(True),
        Notice.starts_at <= now,
        sa.or_(Notice.expires_at.is_(None), Notice.expires_at > now),
        _is_for(customer_id),
        sa.or_(Notice.is_permanent, ~put_away),
    ]


def _has_read(person_id: int) -> sa.ColumnElement[bool]:
    """Whether a person read a notice: who put it away did so too."""
    return sa.exists().where(NoticeMark.notice_id == Notice.id, NoticeMark.person_id == person_id)


def get_notice(public_id: str, *, customer_ids: Iterable[int], now: datetime) -> tuple[int, int]:
    """The id of a notice, and the first of these accounts that it is meant for.

    ``NotFound`` for one meant for others or not begun. One that ended meanwhile is found: whoever puts away
    what the page still showed has done nothing wrong.
    """
    for customer_id in dict.fromkeys(customer_ids):
        found = db.session.scalar(
            sa.select(Notice.id).where(
                Notice.shop_id == current_shop_id(),
                Notice.public_id == public_id,
                Notice.starts_at <= now,
                _is_for(customer_id),
            )
        )
        if found is not None:
            return found, customer_id
    raise NotFound(f"no notice {public_id}")


def _is_for(customer_id: int) -> sa.ColumnElement[bool]:
    """Whether a notice is meant for an account: for all, for it by name, or for a tag that it has now."""
    named = sa.exists().where(NoticeTarget.notice_id == Notice.id, NoticeTarget.customer_id == customer_id)
    tags = _JsonItems(Customer.tags).table_valued("value")
    of_account = (
        sa.select(tags.c.value).select_from(Customer).join(tags, sa.true()).where(Customer.id == customer_id)
    )
    tagged = sa.exists().where(NoticeTarget.notice_id == Notice.id, NoticeTarget.tag.in_(of_account))
    return sa.or_(
        Notice.audience == Audience.ALL,
        sa.and_(Notice.audience == Audience.SOME, named),
        sa.and_(Notice.audience == Audience.TAGS, tagged),
    )
