"""Every mail there is: who gets it under which switches, and in which language. After an intended change: GOLDEN=write.

The table is ``tests/golden/mail_categories.txt``. A mail is known by its templates, so a new one cannot be forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import mailer
from portal.core.audit import Actor
from portal.core.mailer import Category, Mail, MailMessage
from portal.domain.catalog.models import IntervalUnit
from portal.domain.collections import mails as collection_mails
from portal.domain.collections.instalments import schedule
from portal.domain.collections.models import PaymentPlan
from portal.domain.collections.queries import get_case_by_id
from portal.domain.collections.reminding import remind
from portal.domain.invoices import booking
from portal.domain.invoices.booking import Share
from portal.domain.invoices.ledger import Account
from portal.domain.invoices.mails import invoices_issued
from portal.domain.methods import mails as method_mails
from portal.domain.orders.mails import downloads_granted
from portal.domain.payments.mails import (
    charged_back,
    charged_back_for_staff,
    correct,
    credit_confirmation,
    failed,
    marked,
    payment_confirmation,
    refund_came_back,
    refund_came_to_nothing,
    refund_paid,
)
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus, Refund
from portal.domain.people import mails
from portal.domain.people.models import Customer, Invitation, Membership, Person, Role
from portal.domain.people.recipients import Switch, account_recipients, billing_recipients
from portal.domain.shops.models import Mode, Shop
from portal.domain.subscriptions import mails as subscription_mails
from portal.domain.subscriptions.cancelling import Ending
from portal.domain.subscriptions.models import Subscription
from portal.domain.subscriptions.pausing import Resumption
from portal.domain.subscriptions.switching import Difference, Terms
from portal.domain.tickets import mails as ticket_mails
from portal.domain.tickets.models import DisputeStatus
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.rows import (
    add_message,
    make_case,
    make_contact,
    make_credit_note,
    make_download,
    make_method,
    make_order,
    make_subscription,
    make_ticket,
)

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail_categories.txt"
Stage = Callable[..., Any]


@dataclass(frozen=True)
class Scene:
    """Emma's account as a case wants it; Emma is who logs in, Bram who asks for something."""

    shop: Shop
    account: Customer
    emma: Person
    bram: Person

    def invoice(self) -> MailMessage | None:
        document = make_invoice(self.account.id)
        sent = invoices_issued([(document, self.account)], shop=self.shop, now=START)
        return sent.get(document.id)

    def credited(self) -> MailMessage | None:
        make_credit_note(make_invoice(self.account.id), 100)
        return db.session.scalar(sa.select(MailMessage).where(MailMessage.name == "credit_note_issued"))

    def reminder(self) -> MailMessage | None:
        document = make_invoice(self.account.id)
        return remind(document.id, shop=self.shop, now=START, actor=Actor.system("test"))

    def confirmation(self) -> MailMessage | None:
        return payment_confirmation(self.payment(), now=START)

    def corrected(self) -> MailMessage | None:
        payment = self.payment()
        payment_confirmation(payment, now=START)
        return correct(payment, [make_invoice(self.account.id)], now=START)

    def charged_back_for_staff(self) -> MailMessage | None:
        invoice = make_invoice(self.account.id)
        return charged_back_for_staff(self.payment(), [invoice], is_told=True, now=START)[0]

    def failed(self) -> MailMessage | None:
        payment, document = self.payment(), make_invoice(self.account.id)
        booking.plan(payment.id, [Share(document.id, 12100)])
        db.session.flush()
        return failed(payment, now=START)

    def payment(self) -> Payment:
        payment = Payment(
            mode=Mode.TEST,
            customer_id=self.account.id,
            provider="sandbox",
            provider_ref="case",
            method=PaymentMethodKind.IDEAL,
            currency="EUR",
            amount_minor=12100,
            status=PaymentStatus.PAID,
            idempotency_key="case",
            created_at=START,
        )
        db.session.add(payment)
        db.session.flush()
        return payment

    def ticket(self, write: Callable[..., MailMessage | list[MailMessage] | None]) -> MailMessage | None:
        """A mail about a ticket and its message; of those to staff, who speak one language here, the only one."""
        ticket = make_ticket(self.account.id)
        message = add_message(ticket, body="Hello")
        written = write(ticket, message)
        return written[0] if isinstance(written, list) else written

    def subscription(
        self, write: Callable[[Subscription], MailMessage | list[MailMessage] | None]
    ) -> MailMessage | None:
        """A mail about a subscription; of those to staff the only one, as above."""
        written = write(make_subscription(self.account.id, period_end=START.date()))
        return written[0] if isinstance(written, list) else written

    def granted(self) -> MailMessage | None:
        order = make_order(self.account.id)
        return downloads_granted(order, make_download(order, expires_at=START), now=START)

    def plan_requested(self) -> MailMessage | None:
        asked = ticket_mails.PlanAsked("K-1001", [6050, 6050], "EUR")
        return self.ticket(
            lambda ticket, said: ticket_mails.plan_requested(ticket, said, asked=asked, now=START)
        )

    def plan_agreed(self) -> MailMessage | None:
        case = get_case_by_id(make_case(self.account.id).id)
        plan = PaymentPlan(
            shop_id=self.shop.id, case_id=case.id, instalment_count=2, currency="EUR", total_minor=12100
        )
        instalments = schedule(12100, 2, agreed_on=START.date())
        return collection_mails.plan_agreed(case, plan, instalments, now=START)

    def method_added(self) -> MailMessage | None:
        return method_mails.added(make_method(self.account.id), now=START)

    def method_removed(self) -> MailMessage | None:
        method = make_method(self.account.id)
        return method_mails.removed(method, ended_there=False, successor=None, now=START)

    def credit(self) -> MailMessage | None:
        account = Account(self.account.id, Mode.TEST, "EUR")
        return credit_confirmation(account, [make_invoice(self.account.id)], 100, now=START)

    def refund(self) -> MailMessage | None:
        document = make_invoice(self.account.id)
        return refund_paid(document, self._refund(), now=START)

    def failed_refund(self) -> MailMessage | None:
        return refund_came_to_nothing(make_invoice(self.account.id), self._refund(), now=START)

    def refund_that_came_back(self) -> MailMessage | None:
        document = make_invoice(self.account.id)
        return refund_came_back(document, self._refund(), ticket=None, is_told=True, now=START)[0]

    def _refund(self) -> Refund:
        return Refund(
            amount_minor=100, currency="EUR", sent_on=START.date(), reference="", says="Here it is."
        )


@dataclass(frozen=True)
class Kind:
    """A mail: what writes it, and what product.md says it is ("E-mails")."""

    write: Callable[[Scene], MailMessage | None]
    category: Category
    switch: Switch | None = None
    to: str = "emma@example.com"


def security(write: Callable[[Scene], MailMessage | None], to: str = "emma@example.com") -> Kind:
    return Kind(write, Category.SECURITY, to=to)


#: The addresses of a change, which are nobody's on the account.
NEW, OLD = "new@example.net", "old@example.net"


#: What became of a subscription, as the mails about it are told.
ENDING = Ending(True, START.date(), START.date(), (), None)
RESUMED = Resumption(START.date(), 0, None, (), False)
TERMS = Terms("x", "Coffee", Decimal(1), 2450, IntervalUnit.WEEK, 2)
SWITCHED = Difference(TERMS, TERMS, START.date())

#: The language of the page on which somebody registers, which knows nobody's choice yet.
REGISTERS_IN = "nl"

MAILS: dict[str, Kind] = {
    "invoice_issued": Kind(Scene.invoice, Category.BILLING, Switch.NEW_INVOICE),
    "credit_note_issued": Kind(Scene.credited, Category.BILLING, Switch.NEW_INVOICE),
    "payment_confirmation": Kind(Scene.confirmation, Category.BILLING, Switch.PAYMENT_CONFIRMATION),
    "payment_corrected": Kind(Scene.corrected, Category.BILLING, Switch.PAYMENT_CONFIRMATION),
    "payment_failed": Kind(Scene.failed, Category.BILLING),
    "payment_charged_back": Kind(
        lambda s: charged_back(s.payment(), [make_invoice(s.account.id)], now=START), Category.BILLING
    ),
    "charged_back": Kind(Scene.charged_back_for_staff, Category.STAFF),
    "payment_marked": Kind(
        lambda s: marked(s.payment(), mismatch="wrong_amount", now=START)[0], Category.STAFF
    ),
    "payment_reminder": Kind(Scene.reminder, Category.BILLING, Switch.PAYMENT_REMINDERS),
    "credit_used": Kind(Scene.credit, Category.BILLING, Switch.PAYMENT_CONFIRMATION),
    "refund_paid": Kind(Scene.refund, Category.BILLING, Switch.PAYMENT_CONFIRMATION),
    "refund_failed": Kind(Scene.failed_refund, Category.BILLING),
    "refund_came_back": Kind(Scene.refund_that_came_back, Category.STAFF),
    "ticket_received": Kind(
        lambda s: s.ticket(
            lambda ticket, said: ticket_mails.received(ticket, said, to=s.emma.email, now=START)
        ),
        Category.ACCOUNT,
    ),
    "ticket_answered": Kind(
        lambda s: s.ticket(lambda ticket, said: ticket_mails.answered(ticket, said, now=START)),
        Category.ACCOUNT,
    ),
    "ticket_resolved": Kind(
        lambda s: s.ticket(lambda ticket, said: ticket_mails.resolved(ticket, now=START)),
        Category.ACCOUNT,
        Switch.STATUS_CHANGES,
    ),
    "dispute_answered": Kind(
        lambda s: s.ticket(
            lambda ticket, said: ticket_mails.dispute_answered(
                ticket, said, number="2026-0001", outcome=DisputeStatus.REJECTED, now=START
            )
        ),
        Category.ACCOUNT,
    ),
    "cancellation_decided": Kind(
        lambda s: s.ticket(
            lambda ticket, said: ticket_mails.cancellation_decided(
                ticket, said, name="Coffee", last_day=START.date(), now=START
            )
        ),
        Category.ACCOUNT,
    ),
    "ticket_opened": Kind(
        lambda s: s.ticket(lambda ticket, said: ticket_mails.opened(ticket, said, now=START)), Category.STAFF
    ),
    "ticket_replied": Kind(
        lambda s: s.ticket(lambda ticket, said: ticket_mails.replied(ticket, said, now=START)), Category.STAFF
    ),
    "subscription_paused": Kind(
        lambda s: s.subscription(lambda each: subscription_mails.paused(each, now=START)),
        Category.ACCOUNT,
        Switch.STATUS_CHANGES,
    ),
    "subscription_resumed": Kind(
        lambda s: s.subscription(lambda each: subscription_mails.resumed(each, RESUMED, now=START)),
        Category.ACCOUNT,
        Switch.STATUS_CHANGES,
    ),
    "switch_planned": Kind(
        lambda s: s.subscription(lambda each: subscription_mails.switch_planned(each, SWITCHED, now=START)),
        Category.ACCOUNT,
        Switch.STATUS_CHANGES,
    ),
    "cancellation_received": Kind(
        lambda s: s.subscription(
            lambda each: subscription_mails.cancellation_received(
                each, ENDING, asked_on=START.date(), now=START
            )
        ),
        Category.ACCOUNT,
    ),
    "cancellation_withdrawn": Kind(
        lambda s: s.subscription(lambda each: subscription_mails.cancellation_withdrawn(each, now=START)),
        Category.ACCOUNT,
    ),
    "subscription_cancelled": Kind(
        lambda s: s.subscription(lambda each: subscription_mails.cancelled(each, ENDING, None, now=START)),
        Category.ACCOUNT,
    ),
    "subscription_ended": Kind(
        lambda s: s.subscription(
            lambda each: subscription_mails.cancelled_for_staff(
                each, last_day=START.date(), credit_minor=0, now=START
            )
        ),
        Category.STAFF,
    ),
    "downloads_granted": Kind(Scene.granted, Category.ACCOUNT, Switch.ORDER_CONFIRMATION),
    "plan_requested": Kind(Scene.plan_requested, Category.STAFF),
    "plan_agreed": Kind(Scene.plan_agreed, Category.BILLING),
    "method_added": Kind(Scene.method_added, Category.BILLING),
    "method_removed": Kind(Scene.method_removed, Category.BILLING),
    "confirm_address": security(lambda s: mails.confirm_address(s.emma, language=REGISTERS_IN, now=START)),
    "claim_account": security(lambda s: mails.claim_account(s.emma, language=REGISTERS_IN, now=START)),
    "account_exists": security(lambda s: mails.account_exists(s.emma, now=START)),
    "reset_password": security(lambda s: mails.reset_password(s.emma, now=START)),
    "password_changed": security(lambda s: mails.password_changed(s.emma, now=START)),
    "claim_requested": security(lambda s: mails.claim_requested(s.emma, s.bram, s.account, now=START)),
    "access_granted": security(lambda s: mails.access_granted(s.emma, s.account, now=START)),
    "change_email": security(lambda s: mails.change_email(s.emma, NEW, session_id=None, now=START), NEW),
    "change_account_email": security(
        lambda s: mails.change_account_email(s.emma, s.account, NEW, now=START), NEW
    ),
    "invitation": security(
        lambda s: mails.invitation(Invitation(public_id="i" * 22), s.emma, s.account, now=START)
    ),
    "email_taken": security(lambda s: mails.email_taken(s.emma, now=START)),
    "email_changed": security(lambda s: mails.email_changed(s.emma, OLD, with_account=True, now=START), OLD),
    "account_email_changed": security(
        lambda s: mails.account_email_changed(s.emma, s.account, OLD, now=START), OLD
    ),
    "contact_added": security(lambda s: mails.copies_begin(make_contact(s.account.id), now=START)),
    "member_added": security(
        lambda s: mails.member_added(s.emma, s.bram, s.account, Role.BILLING, granted_by=None, now=START)
    ),
}

#: What is switched off, by the mail's own switch.
SWITCHED_OFF: dict[str, Callable[[Switch | None], set[Switch]]] = {
    "nothing off": lambda own: set(),
    "its own off": lambda own: {own} - {None},  # type: ignore[arg-type]
    "all others off": lambda own: set(Switch) - {own},
    "everything off": lambda own: set(Switch),
}

#: What Emma chose, what others of the account chose (None: she is alone), the account's, the last log-in's.
SPOKEN: dict[str, tuple[str, str | None, str, str | None]] = {
    "alone, chose nl": ("nl", None, "en", "en"),
    "alone, chose en": ("en", None, "nl", "nl"),
    "alone, auto, last nl": ("auto", None, "en", "nl"),
    "alone, auto": ("auto", None, "nl", None),
    "several, account nl": ("en", "en", "nl", "en"),
    "several, account en": ("nl", "nl", "en", "nl"),
    "several, auto, last nl": ("en", "en", "auto", "nl"),
    "several, auto": ("nl", "nl", "auto", None),
}


@contextmanager
def case(ids: Ids) -> Iterator[Scene]:
    """A scene that is gone afterwards."""
    scene = Scene(
        shop=db.session.get_one(Shop, ids.shop),
        account=db.session.get_one(Customer, ids.emma_account),
        emma=db.session.get_one(Person, ids.emma),
        bram=db.session.get_one(Person, ids.bram),
    )
    with db.session.no_autoflush:
        yield scene
    db.session.rollback()


def add_contacts(account: Customer) -> None:
    for name, billing, other in (
        ("both", True, True),
        ("billing", True, False),
        ("account", False, True),
        ("neither", False, False),
        # The account's own address, as it may have become after the contact was added: no second copy.
        ("emma", True, True),
    ):
        email = f"{name}@example.net" if name != "emma" else "Emma@Example.com"
        make_contact(account.id, name=name, email=email, billing_mails=billing, account_mails=other)
    db.session.refresh(account, ["contacts"])


def names(addresses: list[str]) -> str:
    """Who is meant by the addresses of a mail."""
    known = {"emma@example.com": "own address", "saskia@example.com": "Saskia", "kees@example.com": "Kees"}
    return ", ".join(known.get(each, each.removesuffix("@example.net")) for each in addresses) or "-"


def who_gets_it(kind: Kind, ids: Ids) -> Iterator[str]:
    for contacts in (True, False):
        for what, off in SWITCHED_OFF.items():
            with case(ids) as scene:
                for switch in off(kind.switch):
                    setattr(scene.account, switch.value, False)
                if contacts:
                    add_contacts(scene.account)
                db.session.flush()
                mail = kind.write(scene)
                to, copies = (names(mail.to), names(mail.cc)) if mail is not None else ("nobody", "-")
                who = "with contacts" if contacts else "without"
                yield f"  {who:<15}{what:<17}{to:<24}{copies}{apart(mail)}".rstrip()


def apart(mail: MailMessage | None) -> str:
    """Who gets the same in a mail of their own, so that neither sees the other's address."""
    if mail is None:
        return ""
    wanted = sa.select(MailMessage).where(MailMessage.name == mail.name, MailMessage.id != mail.id)
    return "".join(f"; apart: {names(other.recipients)}" for other in db.session.scalars(wanted))


def which_language(kind: Kind, ids: Ids) -> Iterator[str]:
    for what, (own, others, account, last) in SPOKEN.items():
        with case(ids) as scene:
            scene.emma.language, scene.bram.language = own, others or "auto"
            scene.account.language, scene.account.last_language = account, last
            if others is None:
                db.session.execute(sa.delete(Membership).where(Membership.person_id == ids.bram))
            db.session.flush()
            mail = kind.write(scene)
            assert mail is not None
            yield f"  {what:<32}{mail.language}"


def table(ids: Ids) -> str:
    """Who gets each mail, and in which language."""
    lines = []
    for name, kind in MAILS.items():
        lines += ["", f"{name}: {kind.category}, {kind.switch or 'no switch'}"]
        lines += [f"  {'contacts':<15}{'switches':<17}{'to':<24}copies", *who_gets_it(kind, ids)]
        lines += ["  people and language", *which_language(kind, ids)]
    return "\n".join(lines).lstrip() + "\n"


def test_every_mail_has_its_place_in_the_table(app: Flask) -> None:
    ending = ".subject.txt"
    there = {
        name.removeprefix("email/").removesuffix(ending)
        for name in app.jinja_env.list_templates()
        if name.startswith("email/") and name.endswith(ending)
    }
    assert set(MAILS) == there, "say in MAILS what category the new mail has and which switch, and write it"


def test_who_gets_which_mail_in_which_language(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        found = table(ids)
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_is_what_the_table_says(on_stage: Stage, ids: Ids, name: str) -> None:
    """And a security mail reaches one person whatever is switched off, and nobody besides."""
    kind = MAILS[name]
    for off in (set(), set(Switch)):
        with on_stage(), case(ids) as scene:
            add_contacts(scene.account)
            for switch in off:
                setattr(scene.account, switch.value, False)
            db.session.flush()
            mail = kind.write(scene)
            assert mail is not None and (mail.name, mail.category) == (name, kind.category)
            if kind.category is Category.SECURITY:
                assert (mail.to, mail.cc) == ([kind.to], [])


def test_a_security_mail_cannot_be_copied(on_stage: Stage) -> None:
    with on_stage():
        for to, cc in ((["a@example.com"], ["b@example.com"]), (["a@example.com", "b@example.com"], [])):
            mail = Mail(name="reset_password", category=Category.SECURITY, language="en", to=to, cc=cc)
            with pytest.raises(ValueError, match="one person"):
                mailer.queue(mail, now=START)


@pytest.mark.parametrize("off", SWITCHED_OFF)
def test_what_has_no_switch_always_comes(on_stage: Stage, ids: Ids, off: str) -> None:
    """The announcement of a direct debit and what else the law asks for: by no switch, to the account itself."""
    with on_stage(), case(ids) as scene:
        add_contacts(scene.account)
        for switch in SWITCHED_OFF[off](None):
            setattr(scene.account, switch.value, False)
        billing, account = billing_recipients(scene.account, None), account_recipients(scene.account, None)
        assert billing is not None and account is not None
        assert billing.to == account.to == ["emma@example.com"]
        assert billing.cc == ["both@example.net", "billing@example.net"]
        assert account.cc == ["both@example.net", "account@example.net"]


@pytest.mark.parametrize("switch", Switch)
def test_each_switch_governs_its_own_mails_for_both_kinds(on_stage: Stage, ids: Ids, switch: Switch) -> None:
    """Also those that no mail asks about yet: on, off, and nobody left."""
    with on_stage(), case(ids) as scene:
        for ask in (billing_recipients, account_recipients):
            setattr(scene.account, switch.value, True)
            found = ask(scene.account, switch)
            assert found is not None and (found.to, found.cc) == (["emma@example.com"], [])
            setattr(scene.account, switch.value, False)
            assert ask(scene.account, switch) is None
            for other in set(Switch) - {switch}:
                assert ask(scene.account, other) is not None
        add_contacts(scene.account)
        billing, account = (
            billing_recipients(scene.account, switch),
            account_recipients(scene.account, switch),
        )
        assert billing is not None and (billing.to, billing.cc) == (
            ["both@example.net", "billing@example.net"],
            [],
        )
        assert account is not None and (account.to, account.cc) == (
            ["both@example.net", "account@example.net"],
            [],
        )
