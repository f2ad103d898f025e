"""Which customers a search finds: those who have, for each word that was typed, a word that begins with it.

Few are known by their ids, and lists take them by these. Many are walked in the order of the list, whose every row is
asked for its words: the page is full soon. Which of both it is takes one look into the index, no further than ``FEW``.
The statements name the index on SQLite, which without statistics takes the scope of a shop for the finest of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core.finding import begins, typed
from portal.domain.people.models import Customer, CustomerWord
from portal.extensions import db

#: Up to how many are sorted rather than walked.
FEW = 500

#: How far words are counted, to know the rarest.
_COUNTED = 10_000

#: Hints for SQLite: look rows up by their id alone; and take the words in their order.
BY_ID = "NOT INDEXED"
_BY_WORD = "INDEXED BY ix_customer_words_word"


@dataclass(frozen=True)
class Found:
    """What a search found. ``beginnings`` are still to be asked for, of each of the few or of everybody."""

    ids: tuple[int, ...]
    is_many: bool
    beginnings: tuple[str, ...]
    others: tuple[tuple[int, ...], ...] = ()

    @property
    def is_none(self) -> bool:
        """Nobody at all."""
        return not self.ids and not self.is_many

    def has(self, customer_id: Any) -> sa.ColumnElement[bool]:
        """Whether a customer is one of them; for many, by a look at the words of each."""
        if self.is_none:
            return sa.false()
        if self.is_many:
            return sa.and_(*self._asked(customer_id))
        condition: sa.ColumnElement[bool] = customer_id.in_(
            self.select_few() if self.beginnings else self.ids
        )
        return condition

    def select_few(self) -> sa.Select[*tuple[Any, ...]]:
        """The ids of the few."""
        stmt = sa.select(Customer.id).where(Customer.id.in_(self.ids), *self._asked(Customer.id))
        return stmt.with_hint(Customer, BY_ID, "sqlite")

    def _asked(self, customer_id: Any) -> list[sa.ColumnElement[bool]]:
        return [_has_word(customer_id, beginning) for beginning in self.beginnings]


def find(search: str, *, others: Sequence[sa.Select[*tuple[Any, ...]]] = ()) -> Found:
    """Looks for customers of the shop in one statement, in two where each of several words is everywhere.

    ``others`` select numbers of something else by the way, each few enough to be all read; they come back as
    ``others``, in their order.
    """
    beginnings = typed(search)
    # Of several words it pays to know which one is the rarest.
    counts = [_count(beginning) for beginning in beginnings] if len(beginnings) > 1 else []
    arms = [*(_with_word(beginning) for beginning in beginnings), *counts, *others]
    seen: list[list[int]] = [[] for _ in arms]
    for at, number in _rows(arms):
        if number is not None:
            seen[at].append(number)
    by_word = dict(zip(beginnings, seen, strict=False))
    rarity = [counted[0] for counted in seen[len(beginnings) :][: len(counts)]]
    rarest_first = (
        [word for _, word in sorted(zip(rarity, beginnings, strict=True))] if counts else beginnings
    )
    found = _narrowed([(word, by_word[word]) for word in rarest_first])
    return replace(found, others=tuple(map(tuple, seen[len(beginnings) + len(counts) :])))


def _rows(arms: Sequence[sa.Select[*tuple[Any, ...]]]) -> Sequence[Any]:
    if not arms:
        return []
    selects = []
    for at, arm in enumerate(arms):
        inner = arm.subquery()
        selects.append(sa.select(sa.literal(at).label("at"), next(iter(inner.c)).label("id")))
    return db.session.execute(sa.union_all(*selects)).all()


def _narrowed(by_word: list[tuple[str, list[int]]]) -> Found:
    """The few that have all words as far as they were read to the end; the other words are still to be asked."""
    whole = [set(ids) for _, ids in by_word if len(ids) <= FEW]
    rest = tuple(word for word, ids in by_word if len(ids) > FEW)
    if whole:
        return Found(tuple(sorted(set.intersection(*whole))), False, rest)
    if len(rest) < 2:
        return Found((), bool(rest), rest)
    both = _with_word(rest[0]).where(*(_has_word(CustomerWord.customer_id, word) for word in rest[1:]))
    ids = db.session.scalars(both).all()
    return Found((), True, rest) if len(ids) > FEW else Found(tuple(sorted(set(ids))), False, ())


def _with_word(beginning: str) -> sa.Select[*tuple[Any, ...]]:
    """Customers with such a word, some of them twice, and one more than few where there are many."""
    stmt = sa.select(CustomerWord.customer_id).where(begins(CustomerWord.word, beginning))
    return stmt.with_hint(CustomerWord, _BY_WORD, "sqlite").limit(FEW + 1)


def _count(beginning: str) -> sa.Select[*tuple[Any, ...]]:
    """How many have such a word, no further than tells words apart."""
    found = sa.select(CustomerWord.customer_id).where(begins(CustomerWord.word, beginning))
    found = found.with_hint(CustomerWord, _BY_WORD, "sqlite").limit(_COUNTED)
    return sa.select(sa.func.count()).select_from(found.subquery())


def _has_word(customer_id: Any, beginning: str) -> sa.ColumnElement[bool]:
    entry = aliased(CustomerWord)
    return sa.exists().where(entry.customer_id == customer_id, begins(entry.word, beginning))
