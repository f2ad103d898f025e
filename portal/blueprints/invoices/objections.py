"""What a customer has against an invoice: asking for money back, disputing it or a line, and taking that back."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.invoices import bp, pages
from portal.blueprints.invoices.forms import WHOLE, DisputeForm, RefundForm
from portal.core import access, clock, message_limits
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import PortalForm, checked_by_form
from portal.core.principals import PersonPrincipal, current_person
from portal.core.shops import current_shop
from portal.domain.invoices import disputing, queries
from portal.domain.invoices.models import Document
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.tickets import disputes, refunds
from portal.domain.tickets.actions import Said
from portal.extensions import db

#: Of the subject of a ticket.
LONGEST = 200


@bp.route("/<public_id>/refund", methods=["GET", "POST"])
@needs(Permission.INVOICES_REFUND)
@checked_by_form
def refund(public_id: str) -> ResponseReturnValue:
    """Asks for the money of an invoice back; where it was asked for already, the invoice, which says so."""
    document, also = _load(public_id)
    usual = _("Refund request for invoice %(number)s", number=document.number)
    form = RefundForm(data={"subject": usual})
    if not form.is_submitted():
        asked, refundable = also["refund_ticket"] is not None, int(also["refundable_minor"])
        if asked:
            return _back(document)
        if not refunds.is_refundable(document, refundable):
            flash(str(refunds.NOT_POSSIBLE), "info")
            return _back(document)
        return _refund_page(document, form)
    if not form.validate():
        return _refund_page(document, form), 422
    try:
        body, _files, key = form.sent()
        message_limits.count("SUPPORT_LIMIT_NEW")
        ticket = refunds.request_refund(
            document.id,
            form.plain_subject(usual),
            Said(body, (), key),
            customer_id=document.customer_id,
            author=_person(),
            now=clock.now(),
        )
        db.session.commit()
    except DomainError as error:
        return _refused(error, form, public_id, _refund_page)
    flash(
        _(
            "We have your request, as number %(number)s. We mail you when there is an answer.",
            number=ticket.number,
        ),
        "success",
    )
    return _back(document)


@bp.route("/<public_id>/dispute", methods=["GET", "POST"])
@needs(Permission.INVOICES_DISPUTE)
@checked_by_form
def dispute(public_id: str) -> ResponseReturnValue:
    """Objects to an invoice or a line; where somebody did already, the invoice, which says so."""
    document, _also = _load(public_id)
    form = DisputeForm(_lines(document))
    if not form.is_submitted():
        if disputing.is_disputed(document):
            return _back(document)
        if not disputes.is_disputable(document):
            flash(str(disputes.NOT_POSSIBLE), "info")
            return _back(document)
        return _dispute_page(document, form)
    if not form.validate():
        return _dispute_page(document, form), 422
    try:
        said = Said(*form.sent())
        message_limits.count("SUPPORT_LIMIT_NEW")
        ticket = disputes.open_dispute(
            document.id,
            _subject(document, form.position),
            said,
            line=form.position,
            customer_id=document.customer_id,
            author=_person(),
            now=clock.now(),
        )
        db.session.commit()
    except DomainError as error:
        return _refused(error, form, public_id, _dispute_page)
    flash(
        _(
            "We have your objection, as number %(number)s. Until we have answered we send no reminders.",
            number=ticket.number,
        ),
        "success",
    )
    return _back(document)


@bp.route("/<public_id>/dispute/withdraw", methods=["GET", "POST"])
@needs(Permission.INVOICES_DISPUTE)
@checked_by_form
def withdraw(public_id: str) -> ResponseReturnValue:
    """Takes a dispute back, once asked whether that is meant; where none runs, the invoice."""
    document, _also = _load(public_id)
    form = PortalForm()
    if not form.validate_on_submit():
        if not form.is_submitted() and not disputing.is_disputed(document):
            return _back(document)
        page = render_template("invoices/withdraw.html", invoice=document, above=_above(document), form=form)
        return page, 422 if form.is_submitted() else 200
    said = Said(_("I withdraw my objection to this invoice."))
    if disputes.withdraw(document.id, said, author=_person(), now=clock.now()) is not None:
        db.session.commit()
        flash(_("Your objection is withdrawn."), "success")
    return _back(document)


def _load(public_id: str) -> tuple[Document, dict[str, Any]]:
    """The invoice among this person's accounts, or 404; without the right 403."""
    whole = queries.get_whole_invoice(
        public_id,
        customer_ids=access.customer_ids(),
        mode=Mode(current_shop().mode),
        also=pages.objections,
    )
    access.open_for(whole.document.customer_id)
    return whole.document, whole.also


def _refused(error: DomainError, form: Any, public_id: str, page: Any) -> ResponseReturnValue:
    """Undoes what was begun and shows the refusal in the form, with what was typed."""
    db.session.rollback()
    form.refuse(error)
    status = (
        429 if isinstance(error, message_limits.TooOften) else 409 if isinstance(error, Conflict) else 422
    )
    document, _also = _load(public_id)
    return page(document, form), status


def _refund_page(document: Document, form: RefundForm) -> str:
    return render_template(
        "invoices/refund.html",
        invoice=document,
        above=_above(document),
        lines=pages.lines_of(document),
        vat_groups=pages.vat_groups_of(document),
        sums=pages.sums_of(document),
        form=form,
    )


def _dispute_page(document: Document, form: DisputeForm) -> str:
    return render_template("invoices/dispute.html", invoice=document, above=_above(document), form=form)


def _above(document: Document) -> list[tuple[str, str]]:
    """The pages that lead here."""
    title = f"{document.kind.label} {document.number}"
    return [
        (_("Invoices"), url_for("invoices.index")),
        (title, url_for("invoices.show", public_id=document.public_id)),
    ]


def _lines(document: Document) -> list[tuple[str, Any]]:
    return [
        (WHOLE, _("The whole invoice")),
        *((str(line.position), pages.line_name(document, line.position)) for line in document.lines),
    ]


def _subject(document: Document, position: int | None) -> str:
    if position is None:
        return str(_("Objection to invoice %(number)s", number=document.number))

    def said(longest: int) -> str:
        line = pages.line_name(document, position, longest=longest)
        return str(_("Objection to invoice %(number)s: %(line)s", number=document.number, line=line))

    whole = said(LONGEST)
    # Of a long one the description is cut: an amount that is cut reads as another amount.
    return whole if len(whole) <= LONGEST else said(LONGEST - len(said(0)))


def _back(document: Document) -> ResponseReturnValue:
    return redirect(url_for("invoices.show", public_id=document.public_id), 303)


def _person() -> PersonPrincipal:
    person = current_person()
    assert person is not None
    return person
