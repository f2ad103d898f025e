"""What an invoice says before it has a number."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.core.vat import VatCategory
from portal.domain.invoices.drafts import MAX_LINES, LineInput, create_draft, write_lines
from portal.domain.invoices.models import Document, DocumentLine, DocumentStatus, DocumentVat
from portal.domain.people.models import Customer, Membership, Person, Role
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import START, Ids

Stage = Callable[..., Any]
COFFEE = LineInput("Coffee", Decimal(2), Decimal(1000), Decimal(21))


def draft(ids: Ids, lines: list[LineInput], **options: Any) -> Document:
    shop, customer = db.session.get_one(Shop, ids.shop), db.session.get_one(Customer, ids.emma_account)
    return create_draft(shop, customer, lines, now=START, actor=Actor.system("test"), **options)


def test_a_draft_has_no_number_no_date_and_owes_nothing(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids, [COFFEE], note="Thank you")
        assert document.status is DocumentStatus.DRAFT
        assert (document.number, document.sequence, document.issue_date, document.reference) == (
            None,
            None,
            None,
            "",
        )
        assert document.open_minor == 0 and document.total_minor == 2000
        assert (document.mode, document.currency, document.note) == (Mode.TEST, "EUR", "Thank you")
        assert document.created_at == START


@pytest.mark.parametrize(
    ("including", "net", "vat", "total"), [(True, 1653, 347, 2000), (False, 2000, 420, 2420)]
)
def test_prices_are_with_or_without_vat(
    on_stage: Stage, ids: Ids, including: bool, net: int, vat: int, total: int
) -> None:
    with on_stage():
        document = draft(ids, [COFFEE], prices_include_vat=including)
        assert (document.net_minor, document.vat_minor, document.total_minor) == (net, vat, total)
        assert document.prices_include_vat is including
        db.session.get_one(Shop, ids.shop).prices_include_vat = including
        assert draft(ids, [COFFEE]).total_minor == total, "else it is what the shop does"


def test_lines_are_kept_as_they_were_written(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(
            ids,
            [
                COFFEE,
                LineInput("Tea", Decimal("0.3333"), Decimal("99.9999"), Decimal(9), VatCategory.REDUCED),
                LineInput("Discount", Decimal(-1), Decimal(500), Decimal(21)),
            ],
        )
        document_id = document.id
    with on_stage():
        lines = db.session.get_one(Document, document_id).lines
        assert [line.position for line in lines] == [1, 2, 3]
        assert (lines[1].quantity, lines[1].unit_price) == (Decimal("0.3333"), Decimal("99.9999"))
        assert [line.gross_minor for line in lines] == [2000, 33, -500]
        groups = db.session.get_one(Document, document_id).vat_groups
        assert [(group.vat_category, group.vat_rate) for group in groups] == [
            (VatCategory.STANDARD, Decimal(21)), (VatCategory.REDUCED, Decimal(9)),
        ]  # fmt: skip


def test_lines_add_up_to_the_document(on_stage: Stage, ids: Ids) -> None:
    lines = [
        LineInput(f"{n}", Decimal(n), Decimal("33.3333"), Decimal(21 if n % 2 else 9)) for n in range(1, 60)
    ]
    for including in (True, False):
        with on_stage():
            document = draft(ids, lines, prices_include_vat=including)
            assert sum(line.net_minor for line in document.lines) == document.net_minor
            assert sum(line.gross_minor for line in document.lines) == document.total_minor
            assert sum(group.vat_minor for group in document.vat_groups) == document.vat_minor
            assert document.net_minor + document.vat_minor == document.total_minor


def test_writing_lines_anew_replaces_them(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids, [COFFEE, COFFEE])
        db.session.flush()
        write_lines(document, [COFFEE])
        db.session.flush()
        assert db.session.query(DocumentLine).count() == db.session.query(DocumentVat).count() == 1
        assert document.total_minor == 2000


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ([], "lines"),
        ([COFFEE] * (MAX_LINES + 1), "lines"),
        ([LineInput("x", Decimal(10) ** 9, Decimal(1), Decimal(21))], "quantity"),
        ([LineInput("x", Decimal("1.00001"), Decimal(1), Decimal(21))], "quantity"),
        ([LineInput("x", Decimal(1), Decimal(10) ** 13, Decimal(21))], "unit_price"),
        ([LineInput("x", Decimal(1), Decimal("0.00001"), Decimal(21))], "unit_price"),
        ([LineInput("x", Decimal(1), Decimal(1), Decimal(-1))], "rate"),
        ([LineInput("x", Decimal(1), Decimal(1), Decimal(101))], "rate"),
        ([LineInput("x", Decimal(1), Decimal(1), Decimal(21), VatCategory.REVERSE_CHARGE)], "rate"),
        ([LineInput("x", Decimal("NaN"), Decimal(1), Decimal(21))], "quantity"),
        ([LineInput("x", Decimal(10) ** 8, Decimal(10) ** 12, Decimal(21))], None),
    ],
)
def test_what_cannot_be_an_invoice_is_refused(
    on_stage: Stage, ids: Ids, lines: list[LineInput], field: str | None
) -> None:
    with on_stage():
        with pytest.raises(DomainError) as refused:
            draft(ids, lines)
        assert refused.value.field == field
        assert str(refused.value)
        assert not db.session.new and db.session.query(Document).count() == 0


def test_as_many_lines_as_a_person_would_print(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        assert len(draft(ids, [COFFEE] * MAX_LINES).lines) == MAX_LINES


@pytest.mark.parametrize(
    ("people", "account", "last", "expected"),
    [
        (["nl"], "auto", None, "nl"),
        (["auto"], "en", "nl", "nl"),
        (["auto"], "nl", None, "en"),
        (["nl", "nl"], "auto", None, "en"),
        (["nl", "auto"], "nl", None, "nl"),
        (["nl", "auto"], "auto", "nl", "nl"),
    ],
)
def test_the_language_is_the_accounts(
    on_stage: Stage, ids: Ids, people: list[str], account: str, last: str | None, expected: str
) -> None:
    """domain.md: a single person's choice, else the account's; "auto" is the last log-in's, else the shop's (en)."""
    with on_stage():
        db.session.query(Membership).filter_by(customer_id=ids.emma_account).delete()
        for person_id, language in zip((ids.emma, ids.bram), people, strict=False):
            db.session.get_one(Person, person_id).language = language
            db.session.add(Membership(person_id=person_id, customer_id=ids.emma_account, role=Role.OWNER))
        customer = db.session.get_one(Customer, ids.emma_account)
        customer.language, customer.last_language = account, last
        db.session.flush()
        assert draft(ids, [COFFEE]).language == expected
