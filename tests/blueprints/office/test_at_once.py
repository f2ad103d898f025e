"""Several of the shop at the same moment, on both databases: one number, one payment, one note, one invitation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import Flask

from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.core.mail_message import MailMessage
from portal.core.vat import VatCategory
from portal.domain.collections import reminding
from portal.domain.invoices import actions, editing, taking_back
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.links import relation
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.payments.models import Payment, PaymentMethodKind
from portal.domain.payments.registering import Received, register
from portal.domain.people import invitations
from portal.domain.people.details import Details
from portal.domain.people.editing import Edited, edit_customer
from portal.domain.people.models import Customer, Invitation, Role
from portal.domain.shops.queries import get_shop
from portal.domain.tickets import actions as tickets
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import TicketMessage
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql
from tests.rows import make_ticket

__all__ = ["here", "on_postgresql"]

LINE = LineInput("Bread", Decimal(1), Decimal(350), Decimal(9), VatCategory.REDUCED)


def count(what: Any, *where: Any) -> int:
    return int(db.session.scalar(sa.select(sa.func.count()).select_from(what).where(*where)) or 0)


def parties(ids: Ids) -> dict[str, Any]:
    return {
        "shop": get_shop(ids.shop),
        "customer": db.session.get_one(Customer, ids.emma_account),
        "now": START,
        "actor": Actor("staff", ids.saskia),
    }


def named(document: Document) -> tuple[int, str]:
    """Its id, and what its mails are marked with."""
    return document.id, relation(document)


def test_one_form_sent_at_once_is_one_draft_and_one_number(here: tuple[Flask, Ids]) -> None:
    ids, name = here[1], "once-a-draft-000000000"

    def begin() -> int:
        return editing.begin(name, [LINE], note="", **parties(ids)).id

    made = at_once(here, 4, begin)
    assert len(set(made)) == 1 and isinstance(made[0], int), made

    def finalise() -> str | None:
        return editing.finalise(made[0], version=version, sends=True, **parties(ids)).number

    version = alone(here, lambda: db.session.get_one(Document, made[0]).version)
    numbers = at_once(here, 4, finalise)
    assert len(set(numbers)) == 1 and isinstance(numbers[0], str), numbers


def test_two_changes_at_once_are_one_and_a_conflict(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    made = alone(here, lambda: editing.begin("b" * 22, [LINE], note="", **parties(ids)).id)
    version = alone(here, lambda: db.session.get_one(Document, made).version)

    def change() -> str:
        editing.change(made, [LINE, LINE], version=version, note="x", **parties(ids))
        return "done"

    answers = at_once(here, 3, change)
    assert sorted(str(type(each)) for each in answers) == sorted([str(Conflict)] * 2 + [str(str)]), answers


def test_finalised_and_deleted_at_once_one_of_them_holds(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    made = alone(here, lambda: editing.begin("d" * 22, [LINE], note="", **parties(ids)).id)
    version = alone(here, lambda: db.session.get_one(Document, made).version)

    def finalise() -> str:
        editing.finalise(made, version=version, sends=False, **parties(ids))
        return "final"

    def delete() -> str:
        editing.delete(made, version=version, now=START, actor=Actor("staff", ids.saskia))
        return "deleted"

    turns = iter([delete, finalise] * 2)

    def take_turn() -> str:
        return next(turns)()

    answers = at_once(here, 4, take_turn)
    held = {each for each in answers if isinstance(each, str)}
    assert len(held) == 1 and all(isinstance(each, str | Conflict) for each in answers), answers
    assert alone(here, lambda: count(Document, Document.id == made)) == (held == {"final"})


def test_money_typed_once_is_booked_once_and_lines_are_taken_back_once(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    made = alone(here, lambda: make_invoice(ids.emma_account, lines=2).id)
    received = Received(
        amount_minor=5000, method=PaymentMethodKind.CASH, paid_on=START.date(), reference="", key="k" * 22
    )

    def pay() -> int:
        return register(
            made, received, shop=get_shop(ids.shop), now=START, actor=Actor("staff", ids.saskia)
        ).id

    paid = at_once(here, 4, pay)
    assert len(set(paid)) == 1 and isinstance(paid[0], int), paid

    def credit() -> int:
        # Of 71.00 that are open the line takes 60.50.
        part = taking_back.Part(1)
        return taking_back.take_back(made, [part], told="12100.6050.6050", note="", **parties(ids)).id

    answers = at_once(here, 4, credit)
    assert sum(isinstance(each, int) for each in answers) == 1, answers
    assert all(isinstance(each, int | Conflict) for each in answers), answers

    def check() -> None:
        assert count(Payment, Payment.idempotency_key == f"staff-{received.key}") == 1
        assert count(Document, Document.original_id == made, Document.kind == DocumentKind.CREDIT_NOTE) == 1
        assert count(MailMessage, MailMessage.name == "credit_note_issued") == 1
        document = db.session.get_one(Document, made)
        assert (document.paid_minor, document.credited_minor, document.open_minor) == (5000, 6050, 1050)
        assert find_imbalances() == []

    alone(here, check)


def test_one_reminder_a_day(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    made, related = alone(here, lambda: named(make_invoice(ids.emma_account)))

    def send() -> bool:
        staff = Actor("staff", ids.saskia)
        return reminding.remind(made, shop=get_shop(ids.shop), now=START, actor=staff) is not None

    answers = at_once(here, 4, send)
    assert sorted(str(type(each)) for each in answers) == sorted([str(Conflict)] * 3 + [str(bool)]), answers
    assert alone(here, lambda: count(MailMessage, MailMessage.related == related)) == 1


def test_one_invoice_is_mailed_once(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    made, related = alone(here, lambda: named(make_invoice(ids.emma_account)))

    def send() -> bool:
        actions.send_again(made, **parties(ids))
        return True

    answers = at_once(here, 4, send)
    assert sorted(str(type(each)) for each in answers) == sorted([str(Conflict)] * 3 + [str(bool)]), answers
    assert alone(here, lambda: count(MailMessage, MailMessage.related == related)) == 1


def test_two_invitations_at_once_leave_one_open(here: tuple[Flask, Ids]) -> None:
    ids = here[1]

    def invite() -> int:
        return invitations.invite(
            ids.emma_account, "guest@example.net", Role.BILLING, actor=Actor("staff", ids.saskia), now=START
        ).customer_id

    assert at_once(here, 4, invite) == [ids.emma_account] * 4
    assert alone(here, lambda: count(Invitation, Invitation.revoked_at.is_(None))) == 1


def test_two_that_edit_a_customer_at_once_are_one_and_one_that_is_told(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    version = alone(here, lambda: db.session.get_one(Customer, ids.emma_account).version)
    cities = iter(["Zeist", "Doorn", "Baarn"])

    def edit() -> str:
        emma = db.session.get_one(Customer, ids.emma_account)
        wanted = Edited(
            details=replace(Details.of(emma), city=next(cities)), kind=emma.kind, email="emma@example.org"
        )
        edit_customer(emma, wanted, version=version, actor=Actor("staff", ids.saskia), now=START)
        return wanted.details.city

    answers = at_once(here, 3, edit)
    (city,) = (each for each in answers if isinstance(each, str))
    assert sum(isinstance(each, Conflict) for each in answers) == 2, answers
    assert alone(here, lambda: db.session.get_one(Customer, ids.emma_account).city) == city
    assert alone(here, lambda: count(MailMessage, MailMessage.name == "account_email_changed")) == 1


def test_one_answer_sent_at_once_is_one(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    ticket = alone(here, lambda: make_ticket(ids.emma_account).id)

    class Saskia:
        id, name = ids.saskia, "Saskia"

    def answer() -> int:
        return tickets.answer(ticket, Said("Yes.", key="k" * 22), author=Saskia, now=START).id  # type: ignore[arg-type]

    assert len(set(at_once(here, 4, answer))) == 1
    assert alone(here, lambda: count(TicketMessage, TicketMessage.body == "Yes.")) == 1
