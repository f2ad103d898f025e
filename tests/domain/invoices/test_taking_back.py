"""Taking lines of an invoice back: in any order and in any parts, it comes to what was billed, to the cent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.core import vat
from portal.core.errors import Conflict, DomainError
from portal.core.mail_message import MailMessage
from portal.core.vat import VatCategory
from portal.domain.catalog.models import CancelMode
from portal.domain.invoices import taking_back
from portal.domain.invoices.actions import issue_invoice
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.crediting import count_note, credit_invoice, creditable
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document, DocumentKind, DocumentVat, ListState
from portal.domain.invoices.taking_back import Part
from portal.domain.people.models import Customer, Person
from portal.domain.shops.models import Shop
from portal.domain.subscriptions import cancelling
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.invoices.paying import ACTOR, attempt, book, credit
from tests.rows import make_billed

Stage = Callable[..., Any]
STANDARD, REDUCED, ZERO = VatCategory.STANDARD, VatCategory.REDUCED, VatCategory.ZERO


def parties(ids: Ids) -> dict[str, Any]:
    return {
        "shop": db.session.get_one(Shop, ids.shop),
        "customer": db.session.get_one(Customer, ids.emma_account),
        "now": START,
        "actor": ACTOR,
    }


def issue(ids: Ids, lines: Sequence[LineInput], *, include_vat: bool) -> Document:
    who = parties(ids)
    invoice = create_draft(
        who["shop"], who["customer"], lines, now=START, actor=ACTOR, prices_include_vat=include_vat
    )
    issue_invoice(invoice, **who)
    return invoice


def take(ids: Ids, invoice: Document, parts: Sequence[int | Part]) -> Document:
    """Takes whole lines, by their positions, or parts of them back, as a page does that was confirmed."""
    wanted = [Part(each) if isinstance(each, int) else each for each in parts]
    told = taking_back.plan(invoice, wanted).token
    return taking_back.take_back(invoice.id, wanted, told=told, note="", **parties(ids))


def lines_of(*prices: int, rate: str = "21", category: VatCategory = STANDARD) -> list[LineInput]:
    return [
        LineInput(f"Line {index}", Decimal(1), Decimal(price), Decimal(rate), category)
        for index, price in enumerate(prices)
    ]


def left_of(invoice: Document) -> list[int]:
    return [line.position for line in taking_back.lines_left(invoice)]


@pytest.mark.parametrize(("price", "total"), [(103, 374), (102, 370)])
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_one_line_after_the_other(
    on_stage: Stage, ids: Ids, price: int, total: int, order: tuple[int, ...]
) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(price, price, price), include_vat=False)
        notes = [take(ids, invoice, [position]) for position in order]
        assert sum(note.total_minor for note in notes) == invoice.total_minor == total
        assert (invoice.open_minor, invoice.list_state, left_of(invoice)) == (0, ListState.CREDITED, [])


RATES = st.sampled_from([(STANDARD, "21"), (REDUCED, "9"), (ZERO, "0")])
LINES = st.tuples(st.sampled_from(["1", "3", "0.5", "2.25"]), st.decimals("0.01", "999", places=2), RATES)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(LINES, min_size=1, max_size=5), include_vat=st.booleans(), data=st.data())
def test_in_any_order_and_parts_it_comes_to_the_whole(
    on_stage: Stage, ids: Ids, wanted: list[Any], include_vat: bool, data: st.DataObject
) -> None:
    lines = [
        LineInput(f"Line {index}", Decimal(quantity), price, Decimal(rate), category)
        for index, (quantity, price, (category, rate)) in enumerate(wanted)
    ]
    with on_stage():
        invoice = issue(ids, lines, include_vat=include_vat)
        order = data.draw(st.permutations([line.position for line in invoice.lines]))
        while order:
            cut = data.draw(st.integers(1, len(order)))
            taken, order = order[:cut], order[cut:]
            # One of less than half a cent is not left once all of the others are taken back.
            taken = [position for position in taken if position in left_of(invoice)]
            if not taken:
                continue
            try:
                note = take(ids, invoice, taken)
            except DomainError as refused:
                # Lines of less than half a cent.
                assert "comes to nothing" in str(refused.message)
                continue
            assert note.net_minor + note.vat_minor == note.total_minor
            assert sum(line.gross_minor for line in note.lines) == note.total_minor
            assert sum(group.vat_minor for group in note.vat_groups) == note.vat_minor
        sums = db.session.execute(
            sa.select(sa.func.sum(Document.net_minor), sa.func.sum(Document.vat_minor)).where(
                Document.original_id == invoice.id, Document.kind == DocumentKind.CREDIT_NOTE
            )
        ).one()
        assert tuple(sums) == (invoice.net_minor, invoice.vat_minor)
        assert (creditable(invoice), invoice.open_minor, find_imbalances()) == (0, 0, [])
        db.session.rollback()


def test_what_is_left_of_a_bill_whose_unused_days_were_credited(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        subscription, bill = make_billed(ids.emma_account, plan={"cancel_mode": CancelMode.IMMEDIATE})
        cancelling.cancel_now(subscription.id, told=None, actor=ACTOR, now=START + timedelta(days=10))
        left = creditable(bill)
        assert 0 < left < bill.total_minor
        [rest] = taking_back.lines_left(bill)
        assert not rest.is_whole and not taking_back.is_partly_taken(bill, [rest])
        assert take(ids, bill, [1]).total_minor == left
        assert (creditable(bill), bill.open_minor, left_of(bill)) == (0, 0, [])
        with pytest.raises(DomainError, match="credited already"):
            take(ids, bill, [1])


@pytest.mark.parametrize("include_vat", [False, True])
def test_each_rate_is_taken_back_up_to_what_is_left_of_it(
    on_stage: Stage, ids: Ids, include_vat: bool
) -> None:
    with on_stage():
        low = lines_of(1000, 500, rate="9", category=REDUCED)
        invoice = issue(ids, [*lines_of(3000), *low], include_vat=include_vat)
        assert not taking_back.is_partly_taken(invoice, taking_back.lines_left(invoice))
        credit_invoice(invoice, lines_of(700, rate="9", category=REDUCED), note="", **parties(ids))
        assert taking_back.is_partly_taken(invoice, taking_back.lines_left(invoice))
        note = take(ids, invoice, [2, 3])
        paid = [line.gross_minor if include_vat else line.net_minor for line in note.lines]
        assert paid == [533, 267], "two thirds and a third of 8.00"
        assert left_of(invoice) == [1] and not taking_back.is_partly_taken(
            invoice, taking_back.lines_left(invoice)
        )
        take(ids, invoice, [1])
        assert (creditable(invoice), invoice.list_state) == (0, ListState.CREDITED)


def note_as_before(ids: Ids, invoice: Document, lines: Sequence[LineInput]) -> Document:
    """A credit note as they were once made: rounded for itself, and its lines name none of the invoice."""
    who = parties(ids)
    note = create_draft(
        who["shop"],
        who["customer"],
        lines,
        now=START,
        actor=ACTOR,
        kind=DocumentKind.CREDIT_NOTE,
        prices_include_vat=invoice.prices_include_vat,
    )
    note.original_id = invoice.id
    issue_invoice(note, **who)
    return note


def test_a_cent_of_vat_that_rounding_left_can_be_taken_back(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(306), include_vat=False)
        for _ in range(3):
            note_as_before(ids, invoice, lines_of(102))
        assert creditable(invoice) == 1 and left_of(invoice) == [1]
        assert take(ids, invoice, [1]).total_minor == 1
        assert (creditable(invoice), left_of(invoice)) == (0, [])


def test_a_whole_line_of_a_note_of_before_is_told_by_what_it_says(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(100, 100, 200), include_vat=False)
        note_as_before(ids, invoice, lines_of(100))
        assert left_of(invoice) == [2, 3]
        take(ids, invoice, [2, 3])
        assert (creditable(invoice), left_of(invoice)) == (0, [])


def test_a_discount_goes_with_what_it_is_for(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(10000, -2000), include_vat=False)
        assert take(ids, invoice, [1]).total_minor == invoice.total_minor == 9680
        assert left_of(invoice) == []
        assert invoice.list_state is ListState.CREDITED


def test_a_part_of_a_line_and_a_discount(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(10000, -2000), include_vat=True)
        with pytest.raises(DomainError, match="more than is left"):
            take(ids, invoice, [Part(1, amount_minor=9000)])
        with pytest.raises(DomainError, match="as a whole only"):
            take(ids, invoice, [Part(2, amount_minor=100)])
        assert take(ids, invoice, [Part(1, amount_minor=9000), 2]).total_minor == 7000
        [rest] = taking_back.lines_left(invoice)
        assert (rest.position, rest.amount_minor) == (1, 1000)
        assert take(ids, invoice, [1]).total_minor == 1000
        assert (creditable(invoice), invoice.list_state) == (0, ListState.CREDITED)


def test_some_of_the_pieces_and_then_the_others(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        line = LineInput("Chairs", Decimal(3), Decimal("33.3333"), Decimal(21))
        invoice = issue(ids, [line], include_vat=True)
        note = take(ids, invoice, [Part(1, quantity=Decimal(1))])
        assert [(each.quantity, each.unit_price) for each in note.lines] == [(1, line.unit_price)]
        take(ids, invoice, [Part(1, quantity=Decimal(1))])
        [rest] = taking_back.lines_left(invoice)
        assert (rest.quantity, rest.amount_minor) == (1, 34), "two thirds of a cent were left each time"
        with pytest.raises(DomainError, match="what is left"):
            take(ids, invoice, [Part(1, quantity=Decimal("1.0001"))])
        take(ids, invoice, [Part(1, quantity=Decimal(1))])
        assert (creditable(invoice), left_of(invoice)) == (0, [])


def test_an_amount_and_then_the_rest(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        line = LineInput("Chairs", Decimal(10), Decimal(1210), Decimal(21))
        invoice = issue(ids, [line, *lines_of(500)], include_vat=True)
        take(ids, invoice, [Part(1, amount_minor=2000)])
        rest = taking_back.lines_left(invoice)[0]
        assert (rest.amount_minor, rest.quantity, rest.is_whole) == (10100, 10, False)
        with pytest.raises(DomainError, match="more than is left of this line") as refused:
            take(ids, invoice, [Part(1, quantity=Decimal(9))])
        assert refused.value.field == "quantity-1"
        for amount in (0, -1, 10101):
            with pytest.raises(DomainError, match="what is left") as refused:
                take(ids, invoice, [Part(1, amount_minor=amount)])
            assert refused.value.field == "amount-1"
        with pytest.raises(DomainError, match="not both"):
            take(ids, invoice, [Part(1, quantity=Decimal(1), amount_minor=1)])
        with pytest.raises(DomainError, match="Choose at least one line"):
            take(ids, invoice, [1, Part(1, amount_minor=5)])
        with pytest.raises(DomainError, match="Choose at least one line"):
            take(ids, invoice, [])
        [made] = take(ids, invoice, [Part(1, amount_minor=10100)]).lines
        assert (made.quantity, made.gross_minor, made.original_position) == (1, 10100, 1)
        assert left_of(invoice) == [2]


@pytest.mark.parametrize("include_vat", [False, True])
def test_no_more_of_a_rate_is_credited_than_was_billed_at_it(
    on_stage: Stage, ids: Ids, include_vat: bool
) -> None:
    with on_stage():
        invoice = issue(
            ids, [*lines_of(1000), *lines_of(1000, rate="9", category=REDUCED)], include_vat=include_vat
        )
        wrong = (
            lines_of(1001),
            lines_of(1001, rate="9", category=REDUCED),
            lines_of(1, rate="0", category=ZERO),
            lines_of(600, 600),
        )
        for lines in wrong:
            with pytest.raises(DomainError, match="more than is left of this invoice"):
                credit_invoice(invoice, lines, note="", **parties(ids))
        assert creditable(invoice) == invoice.total_minor
        credit_invoice(invoice, lines_of(1000), note="", **parties(ids))
        with pytest.raises(DomainError, match="more than is left of this invoice"):
            credit_invoice(invoice, lines_of(1), note="", **parties(ids))


def test_the_whole_amount_is_the_whole_line(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, [LineInput("Chairs", Decimal(10), Decimal(1210), Decimal(21))], include_vat=True)
        [made] = take(ids, invoice, [Part(1, amount_minor=12100)]).lines
        assert (made.quantity, made.unit_price, made.gross_minor) == (10, 1210, 12100)


def test_amounts_that_are_worked_out_are_no_more_than_what_is_left(on_stage: Stage, ids: Ids) -> None:
    def planned(*amounts: int) -> list[Decimal] | None:
        wanted = list(zip(invoice.lines, amounts, strict=True))
        found = taking_back.plan_amounts(invoice, wanted)
        return None if found is None else [line.unit_price for line in found.lines]

    with on_stage():
        # Two lines and a discount at one rate, and a line at another.
        low = lines_of(1000, rate="9", category=REDUCED)
        invoice = issue(ids, [*lines_of(3000, 1000, -500), *low], include_vat=True)
        assert planned(1500, 500, -250, 500) == [1500, 500, -250, 500]
        assert planned(9000, 500, -900, 0) == [3000, 500, -500], (
            "and none of a line of which nothing is wanted"
        )
        take(ids, invoice, [Part(1, amount_minor=2900)])
        assert planned(1500, 0, -500, 0) is None, "100 less a discount of 500 is nothing to give back"
        note_as_before(ids, invoice, lines_of(500))
        assert planned(50, 500, 0, 200) == [9, 91, 200], "100 are left of their rate"
        assert planned(0, 0, 0, 0) is None
        # The whole is less than one of its rates, as the discount is at another.
        invoice = issue(
            ids, [*lines_of(3000), *lines_of(-1000, rate="9", category=REDUCED)], include_vat=True
        )
        assert planned(1500, 0) == [1500] and planned(3000, 0) == planned(2000, 0) == [3000, -1000]
        assert planned(0, -1000) is None


def test_unused_days_that_come_to_all_that_is_left_leave_no_vat_alone(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        low = lines_of(-1000, rate="9", category=REDUCED)
        invoice = issue(ids, [*lines_of(3000, 1000), *low], include_vat=True)
        first, second, _discount = invoice.lines
        for wanted in ([(first, 3000)], [(first, 2500), (second, 500)], [(first, 3000), (second, 1000)]):
            found = taking_back.plan_amounts(invoice, wanted)
            assert found is not None and found.counted.totals.vat == invoice.vat_minor
            assert [line.unit_price for line in found.lines] == [3000, 1000, -1000]
        take(ids, invoice, [Part(1, amount_minor=2999)])
        found = taking_back.plan_amounts(invoice, [(first, 1), (second, 999)])
        assert found is not None and found.counted.total_minor == creditable(invoice) == 1


def test_the_mail_is_in_the_language_of_today_and_the_note_in_that_of_its_invoice(
    on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(100), include_vat=False)
        assert invoice.language == "en"
        db.session.get_one(Customer, ids.emma_account).language = "nl"
        db.session.get_one(Person, ids.emma).language = "nl"
        db.session.flush()
        note = take(ids, invoice, [1])
        [mail] = db.session.scalars(sa.select(MailMessage).where(MailMessage.name == "credit_note_issued"))
        assert (note.language, mail.language) == ("en", "nl")


def test_a_discount_alone_is_refused(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        for low in (lines_of(-1000), lines_of(-1000, rate="9", category=REDUCED)):
            invoice = issue(ids, [*lines_of(10000, 500), *low], include_vat=False)
            for parts in ([Part(3)], [Part(2), Part(3)]):
                with pytest.raises(DomainError, match="together with what it is for"):
                    taking_back.plan(invoice, parts)
            assert take(ids, invoice, [1, 3]).total_minor > 0


def test_what_comes_to_nothing_is_refused_unless_the_invoice_does(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(5000, 10000, -10000, 0), include_vat=False)
        for parts in ([Part(2), Part(3)], [Part(4)]):
            with pytest.raises(DomainError, match="comes to nothing"):
                taking_back.plan(invoice, parts)
        free = issue(ids, lines_of(0, 100, -100), include_vat=False)
        assert take(ids, free, [1]).total_minor == 0


@pytest.mark.parametrize("include_vat", [False, True])
def test_no_vat_is_left_that_no_note_can_correct(on_stage: Stage, ids: Ids, include_vat: bool) -> None:
    with on_stage():
        low = lines_of(-5000, rate="9", category=REDUCED)
        invoice = issue(ids, [*lines_of(10000), *low], include_vat=include_vat)
        all_of_it = 5000 if include_vat else 5496
        with pytest.raises(DomainError, match="not all of the VAT"):
            taking_back.plan(invoice, [Part(1, amount_minor=all_of_it)])
        with pytest.raises(DomainError, match="not all of the VAT"):
            credit_invoice(invoice, lines_of(all_of_it), note="", **parties(ids))
        notes = [take(ids, invoice, [Part(1, amount_minor=all_of_it - 1)]), take(ids, invoice, [1, 2])]
        assert sum(note.vat_minor for note in notes) == invoice.vat_minor
        assert sum(note.total_minor for note in notes) == invoice.total_minor
        assert (left_of(invoice), invoice.list_state) == ([], ListState.CREDITED)


def test_vat_that_was_left_alone_before_can_be_corrected(on_stage: Stage, ids: Ids) -> None:
    """By a note of nothing: the amount was taken back, the VAT of it at the wrong rate."""
    with on_stage():
        invoice = issue(
            ids, [*lines_of(10000), *lines_of(-5000, rate="9", category=REDUCED)], include_vat=True
        )
        note_as_before(ids, invoice, lines_of(5000))
        assert creditable(invoice) == 0 and left_of(invoice) == [1, 2]
        note = take(ids, invoice, [1, 2])
        assert (note.total_minor, left_of(invoice)) == (0, [])
        assert of_groups(*db.session.query(Document).filter_by(original_id=invoice.id)) == of_groups(invoice)


def test_no_more_vat_of_a_rate_is_credited_than_is_left_of_it(on_stage: Stage, ids: Ids) -> None:
    """Where notes of before rounded otherwise, a part of a discount could bring VAT that nobody paid."""
    with on_stage():
        invoice = issue(ids, lines_of(1000), include_vat=False)
        rests = {
            (STANDARD, Decimal(21)): vat.Rest(-300, 10),
            (REDUCED, Decimal(9)): vat.Rest(1000, 90),
        }
        with pytest.raises(DomainError, match="more than is left"):
            count_note(invoice, lines_of(0), rests)


def test_two_lines_that_say_the_same_are_told_apart(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, [*lines_of(100), *lines_of(300)], include_vat=True)
        take(ids, invoice, [Part(2, amount_minor=50)])
        assert [each.amount_minor for each in taking_back.lines_left(invoice)] == [100, 250]
        take(ids, invoice, [2])
        assert left_of(invoice) == [1]


def test_what_was_confirmed_is_what_is_made(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(100, 100), include_vat=True)
        told = taking_back.plan(invoice, [Part(1)]).token
        book(attempt(ids.emma_account, (invoice, 150)), 150)
        with pytest.raises(Conflict, match="changed meanwhile"):
            taking_back.take_back(invoice.id, [Part(1)], told=told, note="", **parties(ids))
        told = taking_back.plan(invoice, [Part(1)]).token
        taking_back.take_back(invoice.id, [Part(1)], told=told, note="", **parties(ids))
        for again in ([Part(1)], [Part(2)]):
            with pytest.raises(Conflict, match="changed meanwhile"):
                taking_back.take_back(invoice.id, again, told=told, note="", **parties(ids))
        assert (invoice.credited_minor, credit(ids.emma_account)) == (50, 50)


def test_unused_days_leave_what_was_credited_by_hand(on_stage: Stage, ids: Ids) -> None:
    """The line of the plan is credited by hand; its unused days are then not taken from what stands beside it."""
    with on_stage():
        subscription, bill = make_billed(ids.emma_account, plan={"cancel_mode": CancelMode.IMMEDIATE})
        shop, customer = parties(ids)["shop"], parties(ids)["customer"]
        assert len(bill.lines) == 1 and bill.total_minor > 100
        take(ids, bill, [Part(1, amount_minor=taking_back.lines_left(bill)[0].amount_minor - 100)])
        left = creditable(bill)
        ending = cancelling.cancel_now(subscription.id, told=None, actor=ACTOR, now=START + timedelta(days=1))
        assert ending is not None and ending.credit is not None and ending.credit.total_minor == left
        assert (creditable(bill), shop.id, customer.id) == (0, ids.shop, ids.emma_account)
        assert bill.list_state is ListState.CREDITED and find_imbalances() == []


def of_groups(*documents: Document) -> dict[tuple[VatCategory, Decimal], tuple[int, int]]:
    """Net and VAT of each rate of these documents."""
    sums = db.session.execute(
        sa.select(
            DocumentVat.vat_category,
            DocumentVat.vat_rate,
            sa.func.sum(DocumentVat.net_minor),
            sa.func.sum(DocumentVat.vat_minor),
        )
        .where(DocumentVat.document_id.in_([document.id for document in documents]))
        .group_by(DocumentVat.vat_category, DocumentVat.vat_rate)
    )
    return {(category, rate): (int(net), int(tax)) for category, rate, net, tax in sums}


QUANTITIES = st.sampled_from(["1", "3", "7", "0.5", "2.25", "10"])
PARTED = st.tuples(QUANTITIES, st.decimals("0.01", "99999", places=4), RATES)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(PARTED, min_size=1, max_size=4),
    include_vat=st.booleans(),
    paid=st.booleans(),
    data=st.data(),
)
def test_parts_never_come_to_more_than_the_invoice_and_all_of_them_to_it(
    on_stage: Stage, ids: Ids, wanted: list[Any], include_vat: bool, paid: bool, data: st.DataObject
) -> None:
    lines = [
        LineInput(f"Line {index}", Decimal(quantity), price, Decimal(rate), category)
        for index, (quantity, price, (category, rate)) in enumerate(wanted)
    ]
    with on_stage():
        invoice = issue(ids, lines, include_vat=include_vat)
        if paid and invoice.total_minor:
            book(attempt(ids.emma_account, (invoice, invoice.total_minor)), invoice.total_minor)
        billed, notes = of_groups(invoice), []
        for _ in range(data.draw(st.integers(0, 5))):
            left = [each for each in taking_back.lines_left(invoice) if each.has_parts]
            if not left:
                break
            parts: list[Part] = []
            for each in data.draw(
                st.lists(st.sampled_from(left), min_size=1, unique_by=lambda x: x.position)
            ):
                amount = data.draw(st.none() | st.integers(1, each.amount_minor))
                pieces = (
                    data.draw(st.none() | st.decimals("0.0001", each.quantity, places=4))
                    if each.quantity
                    else None
                )
                parts.append(
                    Part(each.position, amount_minor=amount)
                    if amount is not None or pieces is None
                    else Part(each.position, quantity=pieces)
                )
            try:
                notes.append(take(ids, invoice, parts))
            except DomainError as refused:
                # So many pieces come to nothing, or to more than an amount left before.
                assert "left of this line" in str(refused.message), refused.message
                continue
            taken = of_groups(*notes)
            for rate, (net, tax) in taken.items():
                assert 0 <= net <= billed[rate][0] and 0 <= tax <= billed[rate][1]
            assert all(sum(line.gross_minor for line in note.lines) == note.total_minor for note in notes)
        left_of_lines = {each.position: each.amount_minor for each in taking_back.lines_left(invoice)}
        amounts = [(line, data.draw(st.integers(0, 20_000_000))) for line in invoice.lines]
        if (planned := taking_back.plan_amounts(invoice, amounts)) is not None:
            for line in planned.lines:
                assert 0 < line.unit_price <= left_of_lines[line.original_position or 0]
            assert 0 < planned.counted.total_minor <= creditable(invoice)
        while creditable(invoice):
            notes.append(take(ids, invoice, left_of(invoice)))
        assert of_groups(*notes) == {rate: sums for rate, sums in billed.items() if rate in of_groups(*notes)}
        assert all(sums == (0, 0) for rate, sums in billed.items() if rate not in of_groups(*notes))
        assert credit(ids.emma_account) == (invoice.total_minor if paid else 0)
        if invoice.total_minor:
            assert invoice.list_state is ListState.CREDITED
        assert (invoice.open_minor, find_imbalances()) == (0, [])
        db.session.rollback()
