"""The office's search of documents: by the beginning of a number, by its place alone, by the reference that a bank
statement shows, and by whose they are.

What few are is sorted; what many are is walked in the order of the list until the page is full. The statements name
the index on SQLite, which without statistics takes the scope of a shop for the finest of all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core.finding import begins
from portal.core.pagination import Page, keyset
from portal.core.word_index import BY_ID, FEW, Found
from portal.domain.invoices import numbers
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.invoices.queries import LISTED
from portal.domain.invoices.staff_list import Filter, in_list, list_documents, newest_first, wanted
from portal.domain.people.models import Customer
from portal.domain.people.staff_queries import called
from portal.domain.people.words import CUSTOMERS
from portal.domain.shops.models import Mode, NumberSeries
from portal.extensions import db

_BY_DATE = "INDEXED BY ix_documents_office"
#: The index that holds the documents of a filter in the order of the list.
_WALKED = {
    Filter.DRAFT: "INDEXED BY ix_documents_drafts",
    Filter.UNPAID: "INDEXED BY ix_documents_office_state",
    Filter.PENDING: "INDEXED BY ix_documents_office_state",
    Filter.OVERDUE: "INDEXED BY ix_documents_office_state",
    Filter.CREDIT_NOTES: "INDEXED BY ix_documents_credit_notes",
}
_OF_CUSTOMER, _OF_CUSTOMER_BY_STATE = (
    "INDEXED BY ix_documents_list",
    "INDEXED BY ix_documents_list_state",
)


def list_for_staff(
    *,
    mode: Mode,
    today: date,
    status: Filter = Filter.ALL,
    search: str = "",
    after: str | None = None,
    before: str | None = None,
    planned: sa.CTE,
) -> Page[Any]:
    """A page of the shop's documents, the newest first, or of those that a search finds.

    Searched by how the number begins, in digits alone by its place in the series too, and by whose it is as
    customers are searched. What more than ``FEW`` numbers begin with is a number and nobody's name. A number finds a
    credit note among all documents too; a reference finds the one that it was made for. ``planned`` as for
    ``list_documents``.
    """
    if not search:
        return list_documents(
            mode=mode, today=today, status=status, after=after, before=before, planned=planned
        )
    return _Search(mode, today, status, search, after, before, planned).page()


@dataclass(frozen=True)
class _Search:
    mode: Mode
    today: date
    status: Filter
    text: str
    after: str | None
    before: str | None
    planned: sa.CTE

    def page(self) -> Page[Any]:
        if self.status is Filter.DRAFT:
            return self._drafts(CUSTOMERS.find(self.text))
        referred = numbers.of_reference(self.text)
        if referred is not None:
            return self._referred(referred)
        number = numbers.read(self.text)
        found = CUSTOMERS.find(self.text, others=[self._numbered(), self._placed(), _last(number, self.mode)])
        numbered, placed, last = found.others
        if len(numbered) > FEW:
            if number is not None and number.digits and self._is_of_series(number):
                return self._series(number, number.highest(max(last, default=0)))
            if number is not None and number.kind is DocumentKind.CREDIT_NOTE and self.status is Filter.ALL:
                # They are few among all, and have an index of their own.
                return replace(self, status=Filter.CREDIT_NOTES)._begun(number)
            return self._begun(number)
        if found.is_many:
            return self._walked(found, [*numbered, *placed])
        return self._sorted(found, [*numbered, *placed])

    def _drafts(self, found: Found) -> Page[Any]:
        """Of drafts, which have no number."""
        entry = aliased(Document)
        return self._none() if found.is_none else self._walk(entry, found.has(entry.customer_id))

    def _referred(self, number: str) -> Page[Any]:
        """The one with this number."""
        entry = aliased(Document)
        stmt = sa.select(entry.id).where(entry.number == number, *self._wanted(entry, notes_too=True))
        stmt = stmt.with_hint(entry, "INDEXED BY ix_documents_number", "sqlite")
        return self._page(stmt, newest_first(entry, self.status))

    def _begun(self, number: numbers.Beginning | None) -> Page[Any]:
        """Of many by their number, which begin with a year: from the end of the last such year on."""
        entry = aliased(Document)
        conditions = [begins(entry.number, self.text.upper())]
        if number is not None:
            conditions += [entry.kind == number.kind, entry.issue_date <= number.last_day]
        return self._walk(entry, *conditions)

    def _is_of_series(self, number: numbers.Beginning) -> bool:
        """Whether the filter holds most of a series, so that its highest numbers are there at once."""
        return self.status in (Filter.ALL, Filter.PAID) and number.kind in LISTED

    def _series(self, number: numbers.Beginning, highest: int) -> Page[Any]:
        """Of many of one year by their number: the highest first, from the highest that begins so."""
        entry = aliased(Document)
        stmt = sa.select(entry.id).where(
            *self._wanted(entry),
            entry.kind == number.kind,
            entry.year == number.first_year,
            entry.sequence <= highest,
            begins(entry.number, number.text),
        )
        return self._page(stmt, [entry.sequence.desc(), entry.id.desc()])

    def _walked(self, found: Found, ids: list[int]) -> Page[Any]:
        """Of many customers, and of few by their number."""
        entry = aliased(Document)
        of_them = found.has(entry.customer_id)
        if not ids:
            return self._walk(entry, of_them)
        theirs = sa.and_(of_them, *self._wanted(entry))
        return self._walk(entry, sa.or_(theirs, entry.id.in_(ids)), notes_too=True)

    def _sorted(self, found: Found, ids: list[int]) -> Page[Any]:
        """Of few by their number, and of few customers."""
        arms = []
        if ids:
            numbered = sa.select(Document.issue_date, Document.id).where(
                Document.id.in_(ids), *self._wanted(Document, notes_too=True)
            )
            arms.append(numbered.with_hint(Document, BY_ID, "sqlite"))
        if not found.is_none:
            arms.append(self._of_few(found))
        if not arms:
            return self._none()
        entries = (sa.union(*arms) if len(arms) > 1 else arms[0]).subquery()
        # Not "is not null", which would let SQLite turn the joins around.
        stmt = sa.select(entries.c.id).where(sa.func.coalesce(entries.c.id, 0) > 0)
        return self._page(stmt, [entries.c.issue_date.desc(), entries.c.id.desc()])

    def _of_few(self, found: Found) -> sa.Select[*tuple[Any, ...]]:
        """Their documents: joined from outside, so that the customers come first in every plan."""
        few, entry = found.select_few().subquery(), aliased(Document)
        theirs = sa.and_(entry.customer_id == few.c.id, *self._wanted(entry))
        by_state = self.status in (Filter.UNPAID, Filter.PENDING, Filter.OVERDUE)
        return (
            sa.select(entry.issue_date, entry.id)
            .select_from(few)
            .outerjoin(entry, theirs)
            .with_hint(entry, _OF_CUSTOMER_BY_STATE if by_state else _OF_CUSTOMER, "sqlite")
        )

    def _walk(self, entry: Any, *conditions: sa.ColumnElement[bool], notes_too: bool = False) -> Page[Any]:
        stmt = sa.select(entry.id).where(*self._wanted(entry, notes_too=notes_too), *conditions)
        stmt = stmt.with_hint(entry, _WALKED.get(self.status, _BY_DATE), "sqlite")
        return self._page(stmt, newest_first(entry, self.status))

    def _page(self, stmt: sa.Select[*tuple[Any, ...]], keys: list[Any]) -> Page[Any]:
        filled = partial(_filled, today=self.today, planned=self.planned)
        return keyset(db.session, stmt, key_columns=keys, after=self.after, before=self.before, filled=filled)

    def _wanted(self, entity: Any, *, notes_too: bool = False) -> list[sa.ColumnElement[bool]]:
        return wanted(
            entity,
            mode=self.mode,
            status=self.status,
            today=self.today,
            planned=self.planned,
            notes_too=notes_too,
        )

    def _none(self) -> Page[Any]:
        return Page([], None, None)

    def _numbered(self) -> sa.Select[*tuple[Any, ...]]:
        """The ids of those whose number begins so, one more than few where there are many."""
        stmt = sa.select(Document.id).where(
            Document.mode == self.mode, begins(Document.number, self.text.upper())
        )
        return stmt.with_hint(Document, "INDEXED BY ix_documents_number", "sqlite").limit(FEW + 1)

    def _placed(self) -> sa.Select[*tuple[Any, ...]]:
        """The ids of those at such a place, one in each series: joined from outside, as the series are few."""
        place = numbers.read_place(self.text)
        at_place = sa.and_(
            Document.mode == NumberSeries.mode,
            Document.kind == sa.type_coerce(NumberSeries.kind, sa.String),
            Document.year == NumberSeries.year,
            Document.sequence == (place if place is not None else -1),
        )
        return (
            sa.select(Document.id)
            .select_from(NumberSeries)
            .outerjoin(Document, at_place)
            .where(NumberSeries.mode == self.mode)
        )


def _last(number: numbers.Beginning | None, mode: Mode) -> sa.Select[*tuple[Any, ...]]:
    """The last place that was given out in the series of a number."""
    return sa.select(NumberSeries.last_number).where(
        NumberSeries.mode == mode,
        NumberSeries.kind == (number.kind.value if number is not None else ""),
        NumberSeries.year == (number.first_year if number is not None else 0),
    )


def _filled(entries: sa.Subquery, *, today: date, planned: sa.CTE) -> sa.Select[*tuple[Any, ...]]:
    """What the list shows of the documents of a page."""
    return (
        sa.select(*in_list(today, planned), called().label("customer_name"))
        .select_from(entries)
        .join(Document, Document.id == entries.c.id)
        .join(Customer, Customer.id == Document.customer_id)
        .with_hint(Document, BY_ID, "sqlite")
        .with_hint(Customer, BY_ID, "sqlite")
    )
