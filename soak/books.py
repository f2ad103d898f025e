"""What must hold once all is quiet again: each change with its mail, PDF and webhook, and books that agree."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.blueprints.sandbox import book as bank_book
from portal.blueprints.sandbox.models import BankStatus, Notice, SandboxPayment
from portal.core import clock, storage
from portal.core.audit import AuditEntry
from portal.core.mailer import MailMessage, MailState
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    CreditEntry,
    Document,
    DocumentFile,
    DocumentKind,
)
from portal.domain.payments.models import Payment, PaymentEvent, PaymentStatus
from portal.extensions import db
from soak.installation import Portal
from soak.report import Part
from tests.durable.repeats import repeats, unexcused
from tests.services import wait_until

OPEN = (OutboxState.WAITING, OutboxState.RUNNING)
_BANK = {
    BankStatus.OPEN: {PaymentStatus.OPEN},
    BankStatus.PENDING: {PaymentStatus.PENDING},
    BankStatus.PAID: {PaymentStatus.PAID},
    BankStatus.FAILED: {PaymentStatus.FAILED},
    BankStatus.CANCELED: {PaymentStatus.CANCELLED},
    # What the bank lets expire we may have given up before.
    BankStatus.EXPIRED: {PaymentStatus.EXPIRED, PaymentStatus.CANCELLED},
    BankStatus.CHARGED_BACK: {PaymentStatus.REVERSED},
}


def count_open(portal: Portal) -> int:
    """Rows of the outbox that are neither done nor failed, over all shops."""
    with portal.everything():
        query = sa.select(sa.func.count(OutboxRow.id)).where(OutboxRow.state.in_(OPEN))
        return db.session.scalar(query) or 0


def hurry(portal: Portal) -> None:
    """Makes what waits for its next attempt due now: the pauses between attempts are minutes and hours."""
    with portal.everything():
        db.session.execute(
            sa.update(OutboxRow).where(OutboxRow.state == OutboxState.WAITING).values(due_at=clock.now()),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()


def settle(portal: Portal, *, seconds: float = 120) -> list[str]:
    """Lets the running workers finish, without the pauses; what is left after that."""
    rounds = 0

    def done() -> bool:
        nonlocal rounds
        if rounds % 20 == 0:
            hurry(portal)
        rounds += 1
        return count_open(portal) == 0

    try:
        wait_until(done, seconds=seconds, what="the end of all work")
    except pytest.fail.Exception:
        with portal.everything():
            rows = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.state.in_(OPEN)).limit(5)).all()
            return [f"{r.job} still {r.state} after {r.attempts} attempts: {r.last_error}" for r in rows]
    return []


def ask_the_bank(portal: Portal, *, ahead: timedelta = timedelta(minutes=11)) -> None:
    """The scheduled question about every payment under way, as of a time when it is due."""
    from portal.domain.payments.jobs import ask_open

    with portal.scope():
        ask_open(now=clock.now() + ahead)
        # The run wrote its rows as of then; the workers live now.
        db.session.commit()
    hurry(portal)


class Ledger:
    """One shop's rows, read once, and the questions about them. Each answer lists what is wrong."""

    def __init__(self, portal: Portal, smtp_log: Sequence[dict[str, Any]] | None = None) -> None:
        self.portal = portal
        self.smtp_log = list(smtp_log or ())
        self.answered = [line for line in self.smtp_log if line["event"] == "answered"]
        with portal.scope():
            self.documents = _all(Document, Document.number.is_not(None))
            self.mails = _all(MailMessage)
            self.files = _all(DocumentFile)
            self.payments = _all(Payment)
            self.events = _all(PaymentEvent)
            self.bank = _all(SandboxPayment)
            self.outbox = _all(OutboxRow)
            self.audit = _all(AuditEntry)
            self.allocations = _all(Allocation)
            self.credit = _all(CreditEntry)
            self.imbalances = [document.number for document, _ in find_imbalances()]

    def unfinished(self) -> Iterable[str]:
        """Work that did not end, or failed."""
        for row in self.outbox:
            if row.state is not OutboxState.DONE and not (
                row.job == "payments.ask" and row.state is OutboxState.FAILED
            ):
                yield f"{row.job} {row.id} is {row.state}: {row.last_error}"

    def mails_missing(self) -> Iterable[str]:
        """Each document and each payment has one mail, and the server took it."""
        related = defaultdict(list)
        for mail in self.mails:
            related[(mail.name, mail.related)].append(mail)
        wanted = [(_mail_of(d), f"document:{d.public_id}", d.number) for d in self.documents]
        wanted += [
            ("payment_confirmation", f"payment:{p.public_id}", p.public_id)
            for p in self.payments
            if p.status in (PaymentStatus.PAID, PaymentStatus.REVERSED)
        ]
        taken = Counter(line["message_id"] for line in self.answered)
        for name, key, called in wanted:
            found = related.pop((name, key), [])
            if len(found) != 1:
                yield f"{len(found)} mails {name} for {called}"
            for mail in found:
                if mail.state is not MailState.SENT:
                    yield f"{name} for {called} is {mail.state}: {mail.error}"
                elif not taken[f"<{mail.message_id}>"]:
                    yield f"{name} for {called} counts as sent, and no server has it"
        for (name, key), found in related.items():
            if name in ("invoice_issued", "credit_note_issued", "payment_confirmation"):
                yield f"{len(found)} mails {name} for {key}, which did not happen"

    def mails_twice(self, kills: Sequence[tuple[float, str]]) -> tuple[int, list[str]]:
        """How many mails the server took twice, and those that no death of a sender explains."""
        wrong = unexcused(self.smtp_log, [at for at, _ in kills])
        words = [f"{each.message_id} was sent again and no sender had died" for each in wrong]
        return len(repeats(self.smtp_log)), words

    def files_missing(self) -> Iterable[str]:
        """Each document has its PDF once, whole, on the disk."""
        of_document = defaultdict(list)
        for file in self.files:
            of_document[(file.document_id, file.language)].append(file)
        with self.portal.scope():
            for document in self.documents:
                found = of_document[(document.id, document.language)]
                if len(found) != 1:
                    yield f"{len(found)} PDFs for {document.number}"
            for file in self.files:
                if not storage.exists(file.storage_key):
                    yield f"{file.storage_key} is not on the disk"
                elif hashlib.sha256(data := storage.get(file.storage_key)).hexdigest() != file.sha256:
                    yield f"{file.storage_key} holds other bytes than were stored"
                elif not data.rstrip().endswith(b"%%EOF"):
                    yield f"{file.storage_key} is cut off"

    def webhooks_missing(self) -> Iterable[str]:
        """What the bank wanted to tell it told, as often as it wanted."""
        told = Counter(
            row.payload["bank_id"]
            for row in self.outbox
            if row.job == bank_book.NOTIFY and row.state is OutboxState.DONE
        )
        for payment in self.bank:
            if payment.decided_at is None or payment.notice is None or payment.status is BankStatus.PENDING:
                continue
            least = {Notice.NEVER: 0, Notice.THRICE: 3}.get(payment.notice, 1)
            if told[payment.bank_id] < least:
                yield f"{payment.bank_id} was told {told[payment.bank_id]} times, not {least}"
            if least and payment.told_at is None:
                yield f"{payment.bank_id} was never told"

    def books_differ(self) -> Iterable[str]:
        """The portal's payments are the bank's, to the cent; each booked once; balances are what they add up to."""
        ours = {payment.provider_ref: payment for payment in self.payments if payment.provider_ref}
        by_reference = {payment.public_id: payment for payment in self.payments}
        now = clock.now()
        paid_there = 0
        for theirs in self.bank:
            status = bank_book.status_at(theirs, now=now)
            if status is BankStatus.PAID:
                paid_there += theirs.amount_minor
            payment = ours.get(theirs.bank_id)
            if payment is None:
                known = by_reference.get(theirs.reference)
                if status in (BankStatus.PAID, BankStatus.PENDING) or known is None:
                    yield f"{theirs.bank_id} ({status}) is not in the portal's book"
                continue
            if payment.status not in _BANK[status] and not (
                # Given up here while the bank still waits: nothing was paid.
                status is BankStatus.OPEN and payment.status is PaymentStatus.CANCELLED
            ):
                yield f"{theirs.bank_id} is {status} at the bank and {payment.status} here"
            if payment.amount_minor != theirs.amount_minor:
                yield f"{theirs.bank_id} is {theirs.amount_minor} at the bank and {payment.amount_minor} here"
            if payment.status is PaymentStatus.PAID and payment.received_minor != theirs.amount_minor:
                yield f"{theirs.bank_id} brought {theirs.amount_minor}, and {payment.received_minor} is noted"
        booked = sum(
            each.amount_minor
            for each in self.allocations
            if each.state is AllocationState.BOOKED and each.payment_id is not None
        )
        credit = sum(entry.amount_minor for entry in self.credit)
        if booked + credit != paid_there:
            yield f"{paid_there} came in at the bank, {booked} is booked and {credit} is credit"
        times = Counter((event.payment_id, event.status) for event in self.events)
        for payment in self.payments:
            paid, reversed_ = (
                times[payment.id, each] for each in (PaymentStatus.PAID, PaymentStatus.REVERSED)
            )
            if paid - reversed_ != (payment.status is PaymentStatus.PAID):
                yield f"payment {payment.public_id} became paid {paid} times and was reversed {reversed_} times"
        for number in self.imbalances:
            yield f"{number}: the stored balance is not what its allocations say"

    def numbers_wrong(self) -> Iterable[str]:
        """No number is left out and none given twice."""
        series = defaultdict(list)
        for document in self.documents:
            series[(document.mode, document.kind, document.year)].append(document.sequence)
        for (mode, kind, year), drawn in series.items():
            if sorted(drawn) != list(range(1, len(drawn) + 1)):
                missing = sorted(set(range(1, max(drawn) + 1)) - set(drawn))[:5]
                yield f"{mode} {kind} {year}: {len(drawn)} numbers up to {max(drawn)}, missing {missing}"

    def audit_missing(self) -> Iterable[str]:
        """Each issued document and each paid payment stands once in the audit log."""
        seen = Counter((entry.event, entry.subject_id) for entry in self.audit)
        for document in self.documents:
            times = seen[("invoice.issued", document.id)]
            if document.kind is DocumentKind.INVOICE and times != 1:
                yield f"{document.number} was issued {times} times by the log"
        for payment in self.payments:
            times = seen[("payment.paid", payment.id)] - seen[("payment.reversed", payment.id)]
            if times != (payment.status is PaymentStatus.PAID):
                yield f"{payment.public_id} was paid {times} times by the log"

    @property
    def told(self) -> str:
        """How much was looked at."""
        paid = sum(payment.status is PaymentStatus.PAID for payment in self.payments)
        return f"{len(self.documents)} invoices, {paid} payments, {len(self.mails)} mails, {len(self.files)} PDFs"

    def everything_wrong(self, *, mails: bool = True) -> list[str]:
        """All of it as one list; without the mails where no server kept a log."""
        return [
            *self.unfinished(),
            *(self.mails_missing() if mails else ()),
            *(self.mails_twice(())[1] if mails else ()),
            *self.files_missing(),
            *self.webhooks_missing(),
            *self.books_differ(),
            *self.numbers_wrong(),
            *self.audit_missing(),
        ]

    def into(self, part: Part, where: str, kills: Sequence[tuple[float, str]] = ()) -> None:
        """Every question as a row of the table."""
        paid = sum(payment.status is PaymentStatus.PAID for payment in self.payments)
        part.row(
            f"{where}: all work ended, none failed",
            f"{len(self.outbox)} rows of the outbox",
            self.unfinished(),
        )
        part.row(
            f"{where}: every invoice and payment has its one mail at the server",
            f"{len(self.documents)} invoices, {paid} payments, {len(self.mails)} mails",
            self.mails_missing(),
        )
        twice, wrong = self.mails_twice(kills)
        part.row(
            f"{where}: no mail twice, but those the server had taken before its sender died",
            f"{len(self.answered)} mails taken, {twice} of them again after a kill",
            wrong,
        )
        part.row(f"{where}: every PDF once and whole", f"{len(self.files)} files", self.files_missing())
        part.row(
            f"{where}: the bank told all it wanted to tell",
            f"{sum(row.job == bank_book.NOTIFY for row in self.outbox)} webhooks",
            self.webhooks_missing(),
        )
        part.row(
            f"{where}: the portal's book is the bank's, each payment booked once",
            f"{len(self.bank)} payments at the bank, {len(self.payments)} here, {paid} paid",
            self.books_differ(),
        )
        part.row(
            f"{where}: numbers without gaps, one entry each in the audit log",
            f"{len(self.documents)} numbers",
            [*self.numbers_wrong(), *self.audit_missing()],
        )


def _mail_of(document: Document) -> str:
    is_note = document.kind is DocumentKind.CREDIT_NOTE
    return "credit_note_issued" if is_note else "invoice_issued"


def _all(model: Any, *where: Any) -> list[Any]:
    found = list(db.session.scalars(sa.select(model).where(*where).order_by(model.id)))
    for each in found:
        db.session.expunge(each)
    return found
