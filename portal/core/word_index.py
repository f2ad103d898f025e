"""Which rows of a table a search finds: those that have, for each word that was typed, a word that begins with it.

The words stand in a table beside it and follow every change that the ORM writes. Few rows are known by their ids, and
lists take them by these. Many are walked in the order of the list, whose every row is asked for its words: the page is
full soon. Which of both it is takes one look into the index, no further than ``FEW``. The statements name the index on
SQLite, which without statistics takes the scope of a shop for the finest of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapper, aliased

from portal.core.finding import begins, typed, words
from portal.extensions import db

#: Up to how many are sorted rather than walked.
FEW = 500

#: How far words are counted, to know the rarest.
_COUNTED = 10_000

#: Hint for SQLite: look rows up by their id alone.
BY_ID = "NOT INDEXED"


@dataclass(frozen=True)
class Found:
    """What a search found. ``beginnings`` are still to be asked for, of each of the few or of all."""

    index: WordIndex
    ids: tuple[int, ...]
    is_many: bool
    beginnings: tuple[str, ...]
    others: tuple[tuple[int, ...], ...] = ()

    @property
    def is_none(self) -> bool:
        """Nothing at all."""
        return not self.ids and not self.is_many

    def has(self, id_: Any) -> sa.ColumnElement[bool]:
        """Whether a row is one of them, by its id; for many, by a look at the words of each."""
        if self.is_none:
            return sa.false()
        if self.is_many:
            return sa.and_(*self._asked(id_))
        condition: sa.ColumnElement[bool] = id_.in_(self.select_few() if self.beginnings else self.ids)
        return condition

    def select_few(self) -> sa.Select[*tuple[Any, ...]]:
        """The ids of the few."""
        model = self.index.model
        stmt = sa.select(model.id).where(model.id.in_(self.ids), *self._asked(model.id))
        return stmt.with_hint(model, BY_ID, "sqlite")

    def _asked(self, id_: Any) -> list[sa.ColumnElement[bool]]:
        return [self.index.has_word(id_, beginning) for beginning in self.beginnings]


class WordIndex:
    """The words of a model's columns ``searched``, kept in rows of ``entry`` whose ``link`` says whose they are.

    The table of ``entry`` has an index ``ix_…_word`` of shop, word and link.
    """

    def __init__(self, model: Any, entry: Any, link: str, searched: Sequence[str]) -> None:
        self.model, self.entry, self.link, self.searched = model, entry, link, tuple(searched)
        self._table = cast(sa.Table, entry.__table__)
        self._by_word = f"INDEXED BY ix_{self._table.name}_word"
        event.listen(model, "after_insert", self._add)
        event.listen(model, "after_update", self._follow)
        event.listen(model, "before_delete", self._remove)

    def find(self, search: str, *, others: Sequence[sa.Select[*tuple[Any, ...]]] = ()) -> Found:
        """Looks for rows of the shop in one statement, in two where each of several words is everywhere.

        ``others`` select numbers of something else by the way, each few enough to be all read; they come back as
        ``others``, in their order.
        """
        beginnings = typed(search)
        # Of several words it pays to know which one is the rarest.
        counts = [self._count(beginning) for beginning in beginnings] if len(beginnings) > 1 else []
        arms = [*(self._with_word(beginning) for beginning in beginnings), *counts, *others]
        seen: list[list[int]] = [[] for _ in arms]
        for at, number in _rows(arms):
            if number is not None:
                seen[at].append(number)
        by_word = dict(zip(beginnings, seen, strict=False))
        rarity = [counted[0] for counted in seen[len(beginnings) :][: len(counts)]]
        rarest_first = (
            [word for _, word in sorted(zip(rarity, beginnings, strict=True))] if counts else beginnings
        )
        found = self._narrowed([(word, by_word[word]) for word in rarest_first])
        return replace(found, others=tuple(map(tuple, seen[len(beginnings) + len(counts) :])))

    def rows_of(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The entries of a row, of its columns by name; for what writes rows past the ORM."""
        found = words(*(row.get(name) or "" for name in self.searched))
        return [{"shop_id": row["shop_id"], self.link: row["id"], "word": word} for word in sorted(found)]

    def has_word(self, id_: Any, beginning: str) -> sa.ColumnElement[bool]:
        """Whether a row has a word that begins so."""
        entry = aliased(self.entry)
        return sa.exists().where(getattr(entry, self.link) == id_, begins(entry.word, beginning))

    def _narrowed(self, by_word: list[tuple[str, list[int]]]) -> Found:
        """The few that have all words as far as they were read to the end; the other words are still to be asked."""
        whole = [set(ids) for _, ids in by_word if len(ids) <= FEW]
        rest = tuple(word for word, ids in by_word if len(ids) > FEW)
        if whole:
            return Found(self, tuple(sorted(set.intersection(*whole))), False, rest)
        if len(rest) < 2:
            return Found(self, (), bool(rest), rest)
        id_ = getattr(self.entry, self.link)
        both = self._with_word(rest[0]).where(*(self.has_word(id_, word) for word in rest[1:]))
        ids = db.session.scalars(both).all()
        if len(ids) > FEW:
            return Found(self, (), True, rest)
        return Found(self, tuple(sorted(set(ids))), False, ())

    def _with_word(self, beginning: str) -> sa.Select[*tuple[Any, ...]]:
        """Rows with such a word, some of them twice, and one more than few where there are many."""
        return self._beginning(beginning).limit(FEW + 1)

    def _count(self, beginning: str) -> sa.Select[*tuple[Any, ...]]:
        """How many have such a word, no further than tells words apart."""
        found = self._beginning(beginning).limit(_COUNTED)
        return sa.select(sa.func.count()).select_from(found.subquery())

    def _beginning(self, beginning: str) -> sa.Select[*tuple[Any, ...]]:
        stmt = sa.select(getattr(self.entry, self.link)).where(begins(self.entry.word, beginning))
        return stmt.with_hint(self.entry, self._by_word, "sqlite")

    def _add(self, mapper: Mapper[Any], connection: sa.Connection, row: Any) -> None:
        rows = self.rows_of({name: getattr(row, name) for name in ("shop_id", "id", *self.searched)})
        if rows:
            connection.execute(sa.insert(self._table), rows)

    def _follow(self, mapper: Mapper[Any], connection: sa.Connection, row: Any) -> None:
        state = sa.inspect(row)
        if any(state.attrs[name].history.has_changes() for name in self.searched):
            self._remove(mapper, connection, row)
            self._add(mapper, connection, row)

    def _remove(self, mapper: Mapper[Any], connection: sa.Connection, row: Any) -> None:
        theirs = self._table.c.shop_id == row.shop_id, self._table.c[self.link] == row.id
        connection.execute(sa.delete(self._table).where(*theirs))


def _rows(arms: Sequence[sa.Select[*tuple[Any, ...]]]) -> Sequence[Any]:
    if not arms:
        return []
    selects = []
    for at, arm in enumerate(arms):
        inner = arm.subquery()
        selects.append(sa.select(sa.literal(at).label("at"), next(iter(inner.c)).label("id")))
    return db.session.execute(sa.union_all(*selects)).all()
