"""What the page of an invoice shows, put together from the queries in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.blueprints.invoices.forms import ChoiceForm, PayForm
from portal.core import clock, jobs, locale, outbox, storage
from portal.core.locale import LANGUAGES
from portal.core.polling import next_look
from portal.core.principals import MembershipInfo
from portal.core.references import format_rf
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.core.vat import TAXED
from portal.domain.collections.planned import in_plan, next_instalment
from portal.domain.collections.queries import case_of
from portal.domain.invoices import crediting, disputing, queries, rendering, spending, together
from portal.domain.invoices.models import AllocationState, Document, DocumentFile, DocumentKind
from portal.domain.invoices.spending import Use
from portal.domain.orders.queries import order_label
from portal.domain.payments import choices, refunded, undoing, words
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.payments.queries import PaidHere, list_payments_of
from portal.domain.payments.refunded import Refunded
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions.queries import subscription_label
from portal.domain.tickets import disputes, refunds
from portal.domain.tickets.models import DisputeStatus

ICONS = {
    PaymentStatus.PAID: ("circle-check", "green"),
    PaymentStatus.PENDING: ("clock", "azure"),
    PaymentStatus.FAILED: ("alert-circle", "red"),
    PaymentStatus.REVERSED: ("arrow-back-up", "red"),
    PaymentStatus.CANCELLED: ("circle-x", None),
    PaymentStatus.EXPIRED: ("hourglass", None),
}
#: Of what the shop took back, having booked it by mistake.
UNDONE = "arrow-back-up"


#: Whole sentences: the names of the ways are titles, and no title stands well in the middle of a sentence.
UNDER_WAY = {
    PaymentMethodKind.IDEAL: _l("An iDEAL payment is under way."),
    PaymentMethodKind.CARD: _l("A card payment is under way."),
    PaymentMethodKind.SEPA: _l("A direct debit is under way."),
    PaymentMethodKind.TRANSFER: _l("A bank transfer is under way."),
    PaymentMethodKind.CASH: _l("A payment is under way."),
}
#: What came to nothing after it had been under way, and what a bank took back.
FAILED = {
    PaymentMethodKind.IDEAL: _l("Your iDEAL payment of %(amount)s failed on %(date)s"),
    PaymentMethodKind.CARD: _l("Your card payment of %(amount)s failed on %(date)s"),
    PaymentMethodKind.SEPA: _l("The direct debit of %(amount)s failed on %(date)s"),
    PaymentMethodKind.TRANSFER: _l("Your bank transfer of %(amount)s failed on %(date)s"),
    PaymentMethodKind.CASH: _l("Your payment of %(amount)s failed on %(date)s"),
}
TAKEN_BACK = _l("Your bank took back your payment of %(amount)s on %(date)s")
CREDIT_TAKEN_BACK = _l("The credit that paid this was taken back on %(date)s")


@dataclass(frozen=True)
class Event:
    """A row of the history."""

    icon: str
    title: str
    detail: str | None
    at: datetime
    amount_minor: int | None = None
    currency: str | None = None
    state: Any = None
    tone: str | None = None


def filters(chosen: queries.Filter, search: str) -> list[tuple[str, str, bool]]:
    """The pills over the list."""
    labels = {
        queries.Filter.ALL: _("All"),
        queries.Filter.UNPAID: _("Unpaid"),
        queries.Filter.PENDING: _("Pending"),
        queries.Filter.OVERDUE: _("Overdue"),
        queries.Filter.PAID: _("Paid"),
    }
    return [
        (
            label,
            url_for(
                "invoices.index",
                status=None if each is queries.Filter.ALL else each.value,
                q=search or None,
            ),
            each is chosen,
        )
        for each, label in labels.items()
    ]


def page_columns(pdf_language: sa.ColumnElement[str]) -> dict[str, sa.ColumnElement[Any]]:
    """What the page shows of an invoice from other areas, to be read in the statement that finds the invoice."""
    return {
        **order_label(Document.order_id),
        **subscription_label(Document.subscription_id),
        **together.columns_beside(Document, in_plan),
        "build_state": rendering.build_state(pdf_language),
        **objections(pdf_language),
        **case_of(Document),
        **disputes.last_answer(Document.id),
    }


def objections(_pdf_language: sa.ColumnElement[str]) -> dict[str, sa.ColumnElement[Any]]:
    """What of it can be refunded, and the conversations about money back and about a dispute that have no end yet."""
    return {
        "refundable_minor": refunds.refundable_minor(Document.id),
        "refunds_count": refunded.refunds_count(Document.id),
        "refund_ticket": refunds.running_request(Document.id),
        "dispute_ticket": disputes.running_dispute(Document.id),
        "dispute_line": disputes.running_line(Document.id),
    }


def invoice_page(
    whole: queries.WholeInvoice,
    *,
    membership: MembershipInfo,
    form: PayForm | None = None,
    pdf_language: str | None = None,
) -> dict[str, Any]:
    """Everything ``invoices/show.html`` asks for, with the ``also`` of ``page_columns`` for the same language."""
    document, shop, also = whole.document, whole.shop, whole.also
    payments = list_payments_of(document.id)
    history = [each.payment for each in payments]
    panel = choices.panel(
        shop, document, on_link=False, history=history, credit_minor=int(also["credit_minor"])
    )
    may_pay = membership.can(Permission.INVOICES_PAY)
    # Few invoices have a case: only for those is this asked.
    is_collected = also["case_public_id"] is not None and document.open_minor > 0
    instalment = next_instalment(also["case_public_id"]) if is_collected else None
    under_way = _under_way(payments)
    order = _link("orders.show", also["order_public_id"], also["order_label"])
    subscription = _link("subscriptions.show", also["subscription_public_id"], also["subscription_label"])
    return {
        "invoice": _facts(document, instalment[0] if instalment is not None else None),
        # Who may not see the list comes from what the invoice is for.
        "above": (
            (_("Invoices"), url_for("invoices.index"))
            if membership.can(Permission.INVOICES)
            else order or subscription
        ),
        "lines": lines_of(document),
        "vat_groups": vat_groups_of(document),
        "sums": sums_of(document),
        "order": order,
        "subscription": subscription,
        "credit_notes": [
            SimpleNamespace(
                number=note.number,
                url=url_for("invoices.show", public_id=note.public_id),
                pdf_url=url_for("invoices.download", public_id=note.public_id, save=1),
                issue_date=note.issue_date,
                total_minor=-note.total_minor,
                off_minor=int(note.off_minor),
                kept_minor=note.total_minor - int(note.off_minor),
            )
            for note in whole.credit_notes
        ],
        "corrects": _corrects(document) if document.kind is DocumentKind.CREDIT_NOTE else None,
        "history": _history(
            document,
            payments,
            spending.list_uses(document.id) if also["credit_uses"] else [],
            refunded.list_refunded(document.id) if also["refunds_count"] else [],
        ),
        "pay": _pay(document, panel, form) if may_pay and panel.ways and panel.attempt is None else None,
        **_waiting(document, under_way, panel.is_pending),
        "setback": _setback(document, payments) if panel.due_minor else None,
        "attempt": _attempt(document, panel) if may_pay and panel.attempt is not None else None,
        "errors": errors_of(form),
        "pdf": pdf_state(document, whole.file, pdf_language or document.language, also["build_state"]),
        "pay_all": _pay_all(document, instalment, also, membership) if not panel.under_way_minor else None,
        "refund": _refund(document, also, membership),
        "dispute": _dispute(document, also, membership),
        "answer": _answer(document, also, membership),
        "case": (
            _case(document, also, instalment)
            if is_collected and membership.can(Permission.COLLECTIONS)
            else None
        ),
        "help_url": (
            url_for("support.create", about=f"invoice:{document.public_id}")
            if membership.can(Permission.TICKETS_WRITE)
            else None
        ),
    }


def _corrects(note: Document) -> SimpleNamespace | None:
    """The invoice that a credit note is on, and what became of the note."""
    found = crediting.get_corrected(note)
    if found is None:
        return None
    return SimpleNamespace(
        title=f"{found.kind.label} {found.number}",
        url=url_for("invoices.show", public_id=found.public_id),
        off_minor=int(found.off_minor),
        kept_minor=note.total_minor - int(found.off_minor),
    )


def lines_of(document: Document) -> list[SimpleNamespace]:
    """The lines as ``components/document.html`` shows them."""
    return [
        SimpleNamespace(
            description=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            vat_category=line.vat_category,
            vat_rate=line.vat_rate,
            amount_minor=line.gross_minor if document.prices_include_vat else line.net_minor,
        )
        for line in document.lines
    ]


def vat_groups_of(document: Document) -> list[SimpleNamespace]:
    """The VAT as ``components/document.html`` shows it."""
    return [
        SimpleNamespace(
            category=group.vat_category,
            label=None if group.vat_category in TAXED else group.vat_category.label,
            rate=group.vat_rate,
            net_minor=group.net_minor,
            vat_minor=group.vat_minor,
        )
        for group in document.vat_groups
    ]


def _refund(document: Document, also: dict[str, Any], membership: MembershipInfo) -> SimpleNamespace | None:
    """The way to money back: a button, or that it was asked for; none where there is nothing to say."""
    ticket = also["refund_ticket"]
    if ticket is not None:
        may_read = membership.can(Permission.TICKETS)
        return SimpleNamespace(url=None, ticket_url=_ticket(ticket) if may_read else None)
    may = membership.can(Permission.INVOICES_REFUND)
    if not may or not refunds.is_refundable(document, int(also["refundable_minor"])):
        return None
    return SimpleNamespace(url=url_for("invoices.refund", public_id=document.public_id), ticket_url=None)


def _dispute(document: Document, also: dict[str, Any], membership: MembershipInfo) -> SimpleNamespace | None:
    """The way to object, or that somebody did; none where there is nothing to say."""
    may = membership.can(Permission.INVOICES_DISPUTE)
    if disputing.is_disputed(document):
        ticket = also["dispute_ticket"] if membership.can(Permission.TICKETS) else None
        return SimpleNamespace(
            url=None,
            since=document.disputed_on,
            line=line_name(document, also["dispute_line"]) if also["dispute_line"] is not None else None,
            ticket_url=_ticket(ticket) if ticket else None,
            withdraw_url=url_for("invoices.withdraw", public_id=document.public_id) if may else None,
        )
    if not may or not disputes.is_disputable(document):
        return None
    return SimpleNamespace(url=url_for("invoices.dispute", public_id=document.public_id), since=None)


def line_name(document: Document, position: int, *, longest: int = 1000) -> str:
    """A line in words, so many letters of them at most, with what it comes to as the page shows it."""
    line = next(line for line in document.lines if line.position == position)
    minor = line.gross_minor if document.prices_include_vat else line.net_minor
    words = (
        line.description
        if len(line.description) <= longest
        else f"{line.description[: max(0, longest - 1)]}…"
    )
    return f"{words} ({locale.money(minor, document.currency, language())})"


#: What the shop's answer to an objection came to, and in which tone that is told.
ANSWERED = {
    DisputeStatus.REJECTED: (_l("Your objection of %(date)s was rejected"), "grey", "info-circle"),
    DisputeStatus.CORRECTED: (_l("Your objection of %(date)s led to a correction"), "green", "circle-check"),
    DisputeStatus.CREDITED: (_l("Your objection of %(date)s led to a credit note"), "green", "circle-check"),
}


def _answer(document: Document, also: dict[str, Any], membership: MembershipInfo) -> SimpleNamespace | None:
    """What became of the last objection that the shop answered; none while another one waits for its answer."""
    if also["answer_status"] is None or disputing.is_disputed(document):
        return None
    title, tone, icon = ANSWERED[also["answer_status"]]
    day = clock.today(current_shop().time_zone, also["answer_of"])
    return SimpleNamespace(
        title=str(title) % {"date": locale.date(day, language(), "long")},
        tone=tone,
        icon=icon,
        url=_ticket(also["answer_ticket"]) if membership.can(Permission.TICKETS) else None,
    )


def _ticket(public_id: str) -> str:
    return url_for("support.show", public_id=public_id)


def _case(document: Document, also: dict[str, Any], instalment: tuple[date, int] | None) -> SimpleNamespace:
    """The case that collects an invoice which is still open: what it comes to, or what comes next by its plan."""
    url = url_for("collections.show", public_id=also["case_public_id"])
    if instalment is not None:
        next_on, next_minor = instalment
        amount = locale.money(next_minor, document.currency, language())
        day = locale.date(next_on, language(), "long")
        if next_on < clock.today(current_shop().time_zone):
            title = _("An instalment of your payment plan is late")
            text = _("%(amount)s was due on %(date)s.", amount=amount, date=day)
            return SimpleNamespace(title=title, text=text, tone="orange", icon="alert-triangle", url=url)
        text = _("Next: %(amount)s on %(date)s", amount=amount, date=day)
        return SimpleNamespace(
            title=_("You pay this in instalments"), text=text, tone="azure", icon="calendar", url=url
        )
    total = int(also["case_open_minor"])
    amount = locale.money(total, document.currency, language())
    text = _("With everything that came on top, %(amount)s is to be paid.", amount=amount)
    return SimpleNamespace(
        title=_("This is collected in case %(number)s", number=also["case_number"]),
        text=text if total > document.open_minor else None,
        tone="orange",
        icon="gavel",
        url=url,
    )


def _facts(document: Document, next_on: date | None = None) -> SimpleNamespace:
    """``next_on``: the day of the next instalment where it is paid in those; only then is it late."""
    today = clock.today(current_shop().time_zone)
    is_note = document.kind is DocumentKind.CREDIT_NOTE
    return SimpleNamespace(
        public_id=document.public_id,
        number=document.number,
        title=f"{document.kind.label} {document.number}",
        badge=queries.badge_of(document, today, instalment_on=next_on)
        if document.kind is not DocumentKind.CREDIT_NOTE
        else None,
        issue_date=document.issue_date,
        due_date=document.due_date if not is_note else None,
        # One to pay by, so a credit note shows none.
        reference=format_rf(document.reference) if document.reference and not is_note else "",
        currency=document.currency,
        net_minor=document.net_minor,
        total_minor=document.total_minor,
        open_minor=document.open_minor,
        next_on=next_on,
        days_overdue=queries.days_overdue(document.list_state, queries.late_day(document, next_on), today),
        note=document.note,
        is_note=is_note,
    )


def sums_of(document: Document) -> list[tuple[str, int]]:
    sums = []
    if document.credited_minor:
        sums.append((_("Taken off by credit notes"), -document.credited_minor))
    if document.paid_minor:
        sums.append((_("Paid"), -document.paid_minor))
    return sums


def _link(endpoint: str, public_id: str | None, label: str | None) -> tuple[str, str] | None:
    return None if public_id is None else (label or "", url_for(endpoint, public_id=public_id))


def _pay(document: Document, panel: choices.Panel, form: PayForm | None) -> SimpleNamespace:
    part_errors = form.amount.errors if form is not None else ()
    return SimpleNamespace(
        url=url_for("invoices.pay", public_id=document.public_id),
        methods=panel.ways,
        selected=(form.method.data if form is not None else None) or choices.preselected(panel.ways),
        amount_minor=panel.due_minor,
        under_way_minor=panel.under_way_minor,
        part=panel.part_allowed,
        part_value=form.amount.data if form is not None else None,
        part_error=part_errors[0] if part_errors else None,
        credit=credit_offer(panel.credit_minor, panel.due_minor, form),
    )


def credit_offer(credit_minor: int, due_minor: int, form: ChoiceForm | None) -> SimpleNamespace | None:
    """The box for the customer's credit, ticked until somebody takes the tick away; none without credit."""
    minor = min(credit_minor, due_minor)
    if minor <= 0:
        return None
    return SimpleNamespace(
        minor=minor, rest_minor=due_minor - minor, ticked=form is None or bool(form.credit.data)
    )


def _pay_all(
    document: Document,
    instalment: tuple[date, int] | None,
    also: dict[str, Any],
    membership: MembershipInfo,
) -> SimpleNamespace | None:
    """Paying everything that is open in one payment, this too, where that is more than this and fits."""
    if instalment is not None or document.pending_minor or not 1 < also["open_count"] <= together.MOST:
        return None
    url = url_for(
        "invoices.pay_several",
        all=1,
        account=membership.customer_public_id,
        currency=None if document.currency == current_shop().currency else document.currency,
    )
    return SimpleNamespace(url=url, amount_minor=int(also["open_minor"]))


def pending_piece(document: Document) -> dict[str, Any] | None:
    """What ``invoices/_pay.html`` shows alone while a payment is under way; none once none is."""
    under_way = _under_way(list_payments_of(document.id))
    if under_way is None or document.pending_minor < document.open_minor:
        return None
    return {"invoice": _facts(document), "errors": [], **_waiting(document, under_way, True)}


def _under_way(payments: list[PaidHere]) -> Payment | None:
    return next((each.payment for each in payments if each.payment.is_under_way), None)


def _waiting(document: Document, under_way: Payment | None, is_all: bool) -> dict[str, Any]:
    """The money that is under way: for all that is open, or for a part, beside which the rest can be paid."""
    if under_way is None:
        return {"pending": None, "poll": None, "part_pending": None}
    if not is_all:
        # No polling: somebody may be typing.
        return {"pending": None, "poll": None, "part_pending": words.part_pending(document)}
    return {
        "part_pending": None,
        "pending": _(
            "%(what)s The bank decides within a few days; you need not do anything.",
            what=UNDER_WAY[under_way.method],
        ),
        "poll": next_look("invoices.paying", public_id=document.public_id),
    }


def _attempt(document: Document, panel: choices.Panel) -> SimpleNamespace:
    assert panel.attempt is not None
    return SimpleNamespace(
        title=words.started(panel.attempt),
        continue_url=panel.attempt.checkout_url if panel.may_continue else None,
        restart_url=url_for("invoices.restart", public_id=document.public_id),
    )


def _setback(document: Document, payments: list[PaidHere]) -> str | None:
    """Why something is open that was paid or under way: the last payment that failed or was taken back."""
    found: list[tuple[datetime, Any, int]] = []
    for payment, amount_minor, _credit in payments:
        if payment.fell_through_at is not None:
            found.append((payment.fell_through_at, FAILED[payment.method], amount_minor))
        elif payment.status is PaymentStatus.REVERSED and not payment.is_undone:
            found.append((payment.reversed_at or payment.created_at, TAKEN_BACK, amount_minor))
    if not found and document.reversed_at is not None:
        # Paid with credit, and the payment that the credit came from was taken back.
        found.append((document.reversed_at, CREDIT_TAKEN_BACK, 0))
    if not found:
        return None
    at, said, minor = max(found, key=lambda each: each[0])
    return str(said) % {
        "amount": locale.money(minor, document.currency, language()),
        "date": locale.date(clock.today(current_shop().time_zone, at), language(), "long"),
    }


def errors_of(form: ChoiceForm | None) -> list[tuple[str, str | None]]:
    if form is None:
        return []
    found: list[tuple[str, str | None]] = [(str(message), None) for message in form.form_errors]
    for field in form:
        if field.name != "csrf_token":
            target = field.name if field.name == "amount" else None
            found += [(str(message), target) for message in field.errors]
    if form.meta.csrf and form.csrf_token.errors:
        found.append((_("This page was open for too long. Please press the button once more."), None))
    return found


def _history(
    document: Document,
    payments: list[PaidHere],
    uses: list[Use],
    refunds: list[Refunded],
) -> list[Event]:
    events = [_payment_event(each) for each in payments]
    events += [_credit_event(document, use) for use in uses]
    events += [_refund_event(document, refund) for refund in refunds]
    if document.finalised_at is not None:
        is_note = document.kind is DocumentKind.CREDIT_NOTE
        title = _("Credit note made") if is_note else _("Invoice issued")
        events.append(Event("file-text", title, None, document.finalised_at))
    return sorted(events, key=lambda event: event.at, reverse=True)


def _payment_event(paid: PaidHere) -> Event:
    payment, amount, credit = paid
    if payment.is_undone:
        # It was the shop's mistake, and says nothing of the customer.
        at, said = (
            payment.paid_at or payment.created_at,
            undoing.words(payment.reversed_at or payment.created_at),
        )
        return Event(UNDONE, str(payment.method.label), said, at, amount, payment.currency)
    icon, tone = ICONS.get(payment.status, ("credit-card", None))
    detail = [str(payment.details.get(key)) for key in ("account", "holder") if payment.details.get(key)]
    if credit > 0:
        said = _(
            "%(received)s received, %(credit)s became your credit",
            received=locale.money(payment.received_minor, payment.currency, language()),
            credit=locale.money(credit, payment.currency, language()),
        )
        detail.insert(0, said)
    if payment.provider_ref:
        detail.append(_("reference %(reference)s", reference=payment.provider_ref))
    return Event(
        icon=icon,
        title=str(payment.method.label),
        detail=" · ".join(detail) or None,
        at=payment.paid_at or payment.created_at,
        amount_minor=amount,
        currency=payment.currency,
        state=payment.status,
        tone=tone,
    )


def _credit_event(document: Document, use: Use) -> Event:
    if use.is_undone:
        said = _("The credit came from a payment that was booked by mistake, and was taken back.")
        return Event(UNDONE, _("Your credit"), said, use.at, use.amount_minor, document.currency)
    shown = PaymentStatus.PAID if use.state is AllocationState.BOOKED else PaymentStatus.REVERSED
    icon, tone = ICONS[shown]
    return Event(icon, _("Your credit"), None, use.at, use.amount_minor, document.currency, shown, tone)


def _refund_event(document: Document, each: Refunded) -> Event:
    return Event(
        "arrow-back-up",
        _("Refund to you"),
        each.words(),
        each.refund.created_at,
        each.refund.amount_minor,
        document.currency,
        each.refund.status,
        each.refund.status.tone,
    )


def pdf_state(
    document: Document, file: DocumentFile | None, wanted: str, build: outbox.OutboxState | None
) -> SimpleNamespace:
    """Where the PDF of a document in a language is: there, being built, or to be asked for; and the other one.

    ``build`` is how the work on it stands, None when it was never asked for.
    """
    public_id = document.public_id
    # The original needs no word for its language in its address.
    language = None if wanted == document.language else wanted
    other = next(each for each in LANGUAGES if each != wanted)
    named = SimpleNamespace(
        other=(
            {"en": _("PDF in English"), "nl": _("PDF in Dutch")}[other],
            url_for(
                "invoices.build",
                public_id=public_id,
                language=None if other == document.language else other,
            ),
        )
    )
    if file is not None and storage.exists(file.storage_key):
        named.url = url_for("invoices.download", public_id=public_id, language=language, save=1)
        named.build_url = named.poll_url = None
        return named
    waits = build in (outbox.OutboxState.WAITING, outbox.OutboxState.RUNNING)
    # With the queue away nobody builds it: then the button stays, and its POST does the work itself.
    building = waits and jobs.redis_state() == "ok"
    named.url = None
    named.build_url = None if building else url_for("invoices.build", public_id=public_id, language=language)
    named.poll_url = (
        url_for("invoices.progress", public_id=public_id, language=language) if building else None
    )
    named.done = 1 if build is outbox.OutboxState.RUNNING else 0
    named.steps = 2
    return named
