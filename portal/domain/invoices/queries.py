"""Reading invoices: the customer's list, one invoice, and what the frame and the home page show of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased, joinedload

from portal.core.counting import BADGE, CARD, count_up_to
from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.core.statements import Run, Statement, bound
from portal.domain.invoices import numbers
from portal.domain.invoices.balance import badge, off_minor
from portal.domain.invoices.disputing import is_disputed
from portal.domain.invoices.models import (
    Badge,
    Document,
    DocumentFile,
    DocumentKind,
    DocumentStatus,
    ListState,
)
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db

#: What a customer's list holds: everything to pay. Credit notes stand with their invoice.
LISTED = (DocumentKind.INVOICE, DocumentKind.COLLECTION_FEE, DocumentKind.INTEREST)

PAGE_SIZE = 25


class Filter(StrEnum):
    """The filters of the list, as they stand in the address."""

    ALL = "all"
    PAID = "paid"
    UNPAID = "unpaid"
    PENDING = "pending"
    OVERDUE = "overdue"


@dataclass(frozen=True)
class NextInstalment:
    """What comes next of an invoice that is paid in instalments: the day, the minor units, and the case's page."""

    on: date
    minor: int
    case_public_id: str


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice in a list. Amounts in minor units.

    ``instalment``: none, or what is due next of it by a payment plan; only once that is late is the invoice.
    """

    public_id: str
    number: str
    kind: DocumentKind
    issue_date: date
    due_date: date | None
    total_minor: int
    open_minor: int
    currency: str
    state: Badge
    days_overdue: int
    is_payable: bool
    instalment: NextInstalment | None = None


@dataclass(frozen=True)
class OpenSummary:
    """What a customer owes: for the home page. Amounts in minor units.

    What can wait is left out (``asked_for``): of what is paid in instalments no more is asked for than its plan says.
    """

    count: int
    total_minor: int
    overdue_count: int
    max_days_overdue: int
    only_public_id: str | None
    #: The values of the scalar subqueries that the caller gave, by their names.
    also: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WholeInvoice:
    """A document with its shop, the PDF in the language that was asked for if there is one, and the credit notes on it.

    ``also`` holds the values of the scalar subqueries that the caller gave, by their names.
    """

    document: Document
    shop: Shop
    file: DocumentFile | None
    credit_notes: Sequence[sa.Row[Any]]
    also: dict[str, Any]


def list_invoices(
    customer_id: int,
    *,
    mode: Mode,
    today: date,
    status: Filter = Filter.ALL,
    search: str = "",
    after: str | None = None,
    before: str | None = None,
    planned: sa.Subquery | None = None,
) -> Page[InvoiceRow]:
    """A page of a customer's invoices, newest first, in one statement. For the customer's own people.

    ``planned`` says what is paid in instalments, which is late by these (``collections.planned.in_instalments``).
    """
    stmt, entry = _searched(customer_id, mode, search) if search else (_rows(customer_id, mode), Document)
    if planned is not None:
        stmt = stmt.add_columns(planned.c.next_on, planned.c.next_minor, planned.c.case_public_id)
        stmt = stmt.outerjoin(planned, is_planned(planned, entry))
    page = keyset(
        db.session,
        _filtered(stmt, entry, _due(entry, planned), status, today),
        key_columns=[entry.issue_date.desc(), entry.id.desc()],
        after=after,
        before=before,
        size=PAGE_SIZE,
        values={} if planned is None else {"customer_id": customer_id, "mode": mode},
    )
    return Page([_row(row, today) for row in page.rows], page.next_cursor, page.prev_cursor)


#: The columns of a row of the list.
_IN_LIST = (
    Document.public_id,
    Document.number,
    Document.kind,
    Document.issue_date,
    Document.due_date,
    Document.total_minor,
    Document.open_minor,
    Document.currency,
    Document.list_state,
    Document.reversed_at,
    Document.disputed_on,
)


def _rows(customer_id: int, mode: Mode) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*_IN_LIST).select_from(Document).where(*_visible(customer_id, mode))


def _searched(
    customer_id: int, mode: Mode, search: str
) -> tuple[sa.Select[*tuple[Any, ...]], type[Document]]:
    """The rows whose number holds a text, or has it as its reference, and the entries of the index that find and order
    them.

    The table is joined with itself: the numbers are looked through in the index, and only what is found is read.
    """
    entry = aliased(Document)
    # Numbers are in capitals: to compare without regard to case would make SQLite copy every one of them.
    referred = numbers.of_reference(search)
    of_text = entry.number.contains(search.upper(), autoescape=True)
    # The one with this number, looked for in the same index.
    of_one = sa.func.coalesce(entry.number, "") == referred
    found = [*_visible(customer_id, mode, entry), of_text if referred is None else of_one]
    return sa.select(*_IN_LIST).join_from(entry, Document, Document.id == entry.id).where(*found), entry


def _visible(customer_id: int, mode: Mode, entity: type[Document] = Document) -> list[sa.ColumnElement[bool]]:
    return [
        entity.customer_id == customer_id,
        entity.mode == mode,
        entity.kind.in_(LISTED),
        entity.issue_date.is_not(None),
    ]


def unpaid(customer_id: int, mode: Mode) -> list[sa.ColumnElement[bool]]:
    """What is to be paid. The state is written out: a plan for any parameter cannot use the index of the unpaid."""
    return [*_visible(customer_id, mode), Document.list_state == sa.literal_column("'unpaid'")]


#: Whether ``Document`` or an alias of it is paid in instalments, told by an area to the right.
InPlan = Callable[[Any], sa.ColumnElement[bool]]


def asked_for(entity: Any, in_plan: InPlan | None) -> list[sa.ColumnElement[bool]]:
    """Of what is to be paid what a customer is asked for as a whole, on home and by "pay everything".

    What can wait is left out: what they object to, and what ``in_plan`` (``collections.planned``) says is paid in
    instalments. Each of these can still be paid by itself, or chosen.
    """
    here = [entity.disputed_on.is_(None)]
    return here if in_plan is None else [*here, sa.not_(in_plan(entity))]


def _filtered(
    stmt: sa.Select[*tuple[Any, ...]],
    entry: type[Document],
    due: sa.ColumnElement[date | None],
    status: Filter,
    today: date,
) -> sa.Select[*tuple[Any, ...]]:
    if status is Filter.PAID:
        # Most are: a search finds numbers in the index first, and looks at the state of those alone.
        stmt = stmt.where(Document.list_state.in_([ListState.PAID, ListState.CREDITED]))
    elif status is Filter.UNPAID:
        stmt = stmt.where(entry.list_state == ListState.UNPAID)
    elif status is Filter.PENDING:
        stmt = stmt.where(entry.list_state == ListState.PENDING)
    elif status is Filter.OVERDUE:
        # Hidden from the index on due dates: it would read every overdue invoice of the shop, and then sort.
        past = sa.func.coalesce(due, today) < today
        stmt = stmt.where(entry.list_state == ListState.UNPAID, past)
    return stmt


def _row(row: Any, today: date) -> InvoiceRow:
    instalment = _instalment(row)
    due = row.due_date if instalment is None else instalment.on
    if row.disputed_on is not None:
        due = None
    return InvoiceRow(
        public_id=row.public_id,
        number=row.number,
        kind=row.kind,
        issue_date=row.issue_date,
        due_date=row.due_date,
        total_minor=row.total_minor,
        open_minor=row.open_minor,
        currency=row.currency,
        state=badge(
            list_state=row.list_state,
            open_minor=row.open_minor,
            total_minor=row.total_minor,
            reversed_at=row.reversed_at,
            is_late=due is not None and due < today,
        ),
        days_overdue=days_overdue(row.list_state, due, today),
        is_payable=row.list_state is ListState.UNPAID,
        instalment=instalment,
    )


def _instalment(row: Any) -> NextInstalment | None:
    on = getattr(row, "next_on", None)
    return None if on is None else NextInstalment(on, int(row.next_minor), row.case_public_id)


def days_overdue(list_state: ListState, due_date: date | None, today: date) -> int:
    """By how many days an unpaid document is late; 0 when it is not, or when its money is under way."""
    if list_state is not ListState.UNPAID or due_date is None:
        return 0
    return max(0, (today - due_date).days)


def late(entity: Any, today: Any, planned: sa.CTE) -> sa.ColumnElement[bool]:
    """Whether a document is late while it is unpaid, for the office: in a plan by the next instalment of that.

    While somebody waits for the shop's answer about it, it is not. ``planned`` says what is paid in instalments of the
    whole shop or of an account (``collections.planned``); it is few, and looked up by sets that are made once.
    """
    kept, missed = planned.c.next_on >= today, planned.c.next_on < today
    own = sa.and_(sa.func.coalesce(entity.due_date, today) < today, sa.not_(_is_of(entity, planned, kept)))
    return sa.and_(entity.disputed_on.is_(None), sa.or_(own, _is_of(entity, planned, missed)))


def _is_of(entity: Any, planned: sa.CTE, which: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether a document is the invoice of such a plan's case, or came on top of it."""
    return sa.or_(
        entity.id.in_(sa.select(planned.c.document_id).where(which)),
        # Not null, which "not in" would make unknown.
        sa.func.coalesce(entity.case_id, 0).in_(sa.select(planned.c.case_id).where(which)),
    )


def get_invoice(public_id: str, *, customer_ids: Sequence[int], mode: Mode) -> Document:
    """An issued document of one of these accounts with its lines; NotFound for anybody else's.

    Credit notes have a page too. For the customer's own people.
    """
    document = db.session.scalar(sa.select(Document).where(*_opens(public_id, customer_ids, mode)))
    if document is None:
        raise NotFound
    return document


#: What else of a document is read, by name; its argument is the language of the PDF that is asked for.
Also = Callable[[sa.ColumnElement[str]], Mapping[str, sa.ColumnElement[Any]]]


def _nothing(_language: sa.ColumnElement[str]) -> Mapping[str, sa.ColumnElement[Any]]:
    return {}


def get_whole_invoice(
    public_id: str,
    *,
    customer_ids: Sequence[int],
    mode: Mode,
    language: str | None = None,
    also: Also = _nothing,
) -> WholeInvoice:
    """The same with all that its page shows of it, in one statement: lines, VAT, shop, PDF.

    The PDF is the one in its own language unless another is asked for. ``also`` makes scalar subqueries on the
    document from areas that this one does not know, of the language of the PDF as a column.
    """
    run = _whole_invoice(also)
    found = run(public_id=public_id, customer_ids=customer_ids, mode=mode, language=language)
    row = found.unique().one_or_none()
    if row is None:
        raise NotFound
    document, shop, file, is_corrected, *values = row
    notes = list_credit_notes(document) if is_corrected else []
    return WholeInvoice(document, shop, file, notes, dict(zip(row._fields[4:], values, strict=True)))


@cache
def _whole_invoice(also: Also) -> Run:
    @bound
    def statement(public_id: str, customer_ids: Sequence[int], mode: Mode, language: str) -> Statement:
        note = aliased(Document)
        wanted: sa.ColumnElement[str] = sa.func.coalesce(language, Document.language)
        return (
            sa.select(
                Document,
                Shop,
                DocumentFile,
                sa.exists().where(note.original_id == Document.id, note.number.is_not(None)),
                *(value.label(name) for name, value in also(wanted).items()),
            )
            .join(Shop, Shop.id == Document.shop_id)
            .outerjoin(
                DocumentFile,
                sa.and_(DocumentFile.document_id == Document.id, DocumentFile.language == wanted),
            )
            .where(*_opens(public_id, customer_ids, mode))
            .options(joinedload(Document.lines), joinedload(Document.vat_groups))
        )

    return statement


def is_linked(document: Document) -> bool:
    """Whether a document is of an order or a subscription, itself or as a credit note on one that is."""
    if document.original_id is not None:
        original = db.session.get(Document, document.original_id)
        if original is not None and is_linked(original):
            return True
    return document.order_id is not None or document.subscription_id is not None


def _opens(public_id: str, customer_ids: Sequence[int], mode: Mode) -> list[sa.ColumnElement[bool]]:
    return [
        Document.public_id == public_id,
        Document.customer_id.in_(customer_ids),
        Document.mode == mode,
        Document.status.in_([DocumentStatus.OPEN, DocumentStatus.SETTLED]),
    ]


def late_day(document: Document, instalment_on: date | None = None) -> date | None:
    """The day after which a document is late while it is unpaid: none while it is disputed.

    ``instalment_on`` is the day on which an instalment of it is due next, where a plan pays it.
    """
    return None if is_disputed(document) else instalment_on or document.due_date


def badge_of(document: Document, today: date, *, instalment_on: date | None = None) -> Badge:
    """The one word shown for a document, of which an instalment is due next on that day."""
    day = late_day(document, instalment_on)
    return badge(
        list_state=document.list_state,
        open_minor=document.open_minor,
        total_minor=document.total_minor,
        reversed_at=document.reversed_at,
        is_late=day is not None and day < today,
    )


def list_credit_notes(document: Document) -> Sequence[Any]:
    """The credit notes on an invoice: public_id, number, issue_date, finalised_at, total_minor, currency, off_minor.

    ``off_minor`` is what a note took off what was open of its invoice; the rest of it became the customer's credit.
    """
    return db.session.execute(
        sa.select(
            Document.public_id,
            Document.number,
            Document.issue_date,
            Document.finalised_at,
            Document.total_minor,
            Document.currency,
            off_minor(Document.id).label("off_minor"),
        )
        .where(
            Document.original_id == document.id,
            Document.kind == DocumentKind.CREDIT_NOTE,
            Document.number.is_not(None),
        )
        .order_by(Document.id)
    ).all()


#: What else is read of a customer, in a mode, on a day, by name.
Beside = Callable[[Any, Any, Any], Mapping[str, sa.ColumnElement[Any]]]


def _nothing_beside(_customer_id: Any, _mode: Any, _today: Any) -> Mapping[str, sa.ColumnElement[Any]]:
    return {}


def open_summary(
    customer_id: int,
    *,
    mode: Mode,
    today: date,
    in_plan: InPlan | None = None,
    also: Beside | None = None,
) -> OpenSummary:
    """What a customer is asked for today; one statement over the unpaid ones, from their index.

    ``in_plan`` as for ``asked_for``; None for an account without a plan. ``also`` makes scalar subqueries on the
    customer, the mode and the day from areas that this one does not know.
    """
    row = _owed(in_plan, also or _nothing_beside)(customer_id=customer_id, mode=mode, today=today).one()
    return OpenSummary(
        count=row.unpaid,
        total_minor=int(row.total),
        overdue_count=int(row.late),
        max_days_overdue=max(0, (today - row.first_due).days) if row.first_due is not None else 0,
        only_public_id=row.public_id if row.unpaid == 1 else None,
        also=dict(zip(row._fields[5:], row[5:], strict=True)),
    )


@cache
def _owed(in_plan: InPlan | None, also: Beside) -> Run:
    @bound
    def statement(customer_id: int, mode: Mode, today: date) -> Statement:
        due = sa.type_coerce(Document.due_date, sa.Date())
        late = sa.case((due < today, 1), else_=0)
        asked = [*unpaid(customer_id, mode), *asked_for(Document, in_plan)]
        first = sa.select(Document.public_id).where(*asked).order_by(Document.due_date, Document.id).limit(1)
        columns = sa.select(
            sa.func.count().label("unpaid"),
            # Where money is under way for a part, the rest is to be paid.
            sa.func.coalesce(sa.func.sum(Document.open_minor - Document.pending_minor), 0).label("total"),
            sa.func.coalesce(sa.func.sum(late), 0).label("late"),
            sa.func.min(due).label("first_due"),
            first.correlate(None).scalar_subquery().label("public_id"),
            *(value.label(name) for name, value in also(customer_id, mode, today).items()),
        )
        return columns.select_from(Document).where(*asked).correlate(None)

    return statement


def is_planned(planned: sa.Subquery, entry: type[Document] = Document) -> sa.ColumnElement[bool]:
    """Which documents a row of what is paid in instalments is about: an invoice, and what came on top of it."""
    return sa.or_(planned.c.document_id == entry.id, planned.c.case_id == entry.case_id)


def _due(entry: type[Document], planned: sa.Subquery | None) -> sa.ColumnElement[date | None]:
    """The day by which an invoice is late or not: that of its next instalment where it has some.

    None while it is disputed.
    """
    due = entry.due_date if planned is None else sa.func.coalesce(planned.c.next_on, entry.due_date)
    return sa.type_coerce(sa.case((entry.disputed_on.is_(None), due)), sa.Date())


def count_unpaid(customer_id: int, mode: Mode) -> sa.ScalarSelect[Any]:
    """A count of what is to be paid, for the sidebar's badge and no further."""
    return count_up_to(BADGE, Document, *unpaid(customer_id, mode))


def count_all(customer_id: int, mode: Mode) -> sa.ScalarSelect[Any]:
    """A count of all invoices, for the home page's card and no further."""
    return count_up_to(CARD, Document, *_visible(customer_id, mode))


def select_open(customer_id: int, mode: Mode) -> sa.Select[*tuple[Any, ...]]:
    """The invoices to be paid, the first due first, for the frame: those that ``count_unpaid`` counts."""
    return sa.select(Document).where(*unpaid(customer_id, mode)).order_by(Document.due_date, Document.id)
