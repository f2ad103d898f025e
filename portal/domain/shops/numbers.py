"""Gapless numbers: one counter row per shop, mode, kind and year, moved inside the numbering transaction."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal.domain.shops.models import Mode, NumberSeries
from portal.extensions import db


def draw_number(kind: str, *, mode: Mode, year: int = 0, count: int = 1) -> int:
    """The next number of a series of the active shop, from 1; of several drawn at once the first.

    Draw it last: the counter's row stays locked until the caller's transaction ends, and a rollback gives the
    number back, so that a series has neither gap nor duplicate. Year 0 is a series that does not begin anew.
    """
    for _attempt in range(2):
        number = db.session.scalar(
            sa.update(NumberSeries)
            .where(NumberSeries.kind == kind, NumberSeries.mode == mode, NumberSeries.year == year)
            .values(last_number=NumberSeries.last_number + count)
            .returning(NumberSeries.last_number)
            .execution_options(synchronize_session=False)
        )
        if number is not None:
            return int(number) - count + 1
        try:
            with db.session.begin_nested():
                db.session.add(NumberSeries(kind=kind, mode=mode, year=year, last_number=0))
        except IntegrityError:
            # Somebody began the series at the same moment; theirs is the row to move.
            continue
    raise RuntimeError(f"no number could be drawn for {kind}")
