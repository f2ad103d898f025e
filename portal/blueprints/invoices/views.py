"""The list of invoices, one invoice, paying it, and its PDF."""

from __future__ import annotations

import io
import logging
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.invoices import bp
from portal.blueprints.invoices.forms import PayForm
from portal.blueprints.invoices.pages import (
    filters,
    invoice_page,
    page_columns,
    pdf_state,
    pending_piece,
)
from portal.core import access, clock, database, jobs, outbox, pdf, security, storage
from portal.core.access import needs
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.locale import LANGUAGES
from portal.core.money import decimal_string, parse_amount
from portal.core.principals import current_membership, current_person
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.collections.planned import has_plan, in_instalments, in_plan
from portal.domain.invoices import actions, queries, rendering, together
from portal.domain.invoices.models import Document
from portal.domain.payments import choices, registry, starting
from portal.domain.payments.actions import Wish
from portal.domain.payments.models import PaymentStatus
from portal.domain.payments.queries import find_started_attempt
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop
from portal.extensions import db

log = logging.getLogger(__name__)

#: How an attempt may have ended without money.
NOT_PAID = frozenset({PaymentStatus.CANCELLED, PaymentStatus.FAILED, PaymentStatus.EXPIRED})


@bp.get("")
@needs(Permission.INVOICES)
def index() -> ResponseReturnValue:
    """The list, newest first; filter, search and place in the address."""
    shop = current_shop()
    status = request.args.get("status", "")
    chosen = queries.Filter(status) if status in set(queries.Filter) else queries.Filter.ALL
    search = "".join(char for char in request.args.get("q", "")[:40] if char.isprintable()).strip()
    membership, mode = current_membership(), Mode(shop.mode)
    customer_id = membership.customer_id
    credit_minor, several, [with_plan] = together.over_the_list(
        customer_id,
        mode=mode,
        currency=shop.currency,
        in_plan=in_plan,
        also=[has_plan(customer_id, mode)],
    )
    page = queries.list_invoices(
        customer_id,
        mode=mode,
        today=clock.today(shop.time_zone),
        status=chosen,
        search=search,
        after=request.args.get("after"),
        before=request.args.get("before"),
        planned=in_instalments() if with_plan else None,
    )
    may_pay = membership.can(Permission.INVOICES_PAY)
    kept = {"status": "" if chosen is queries.Filter.ALL else chosen.value, "q": search}
    return render_template(
        "invoices/index.html",
        rows=page.rows,
        filters=filters(chosen, search),
        status=kept["status"],
        q=search,
        credit_minor=credit_minor,
        currency=shop.currency,
        pick_url=url_for("invoices.pay_several")
        if may_pay and any(row.is_payable for row in page.rows)
        else None,
        pay_all_url=url_for("invoices.pay_several", all=1, account=membership.customer_public_id)
        if may_pay and several
        else None,
        previous_url=_place(kept, before=page.prev_cursor),
        next_url=_place(kept, after=page.next_cursor),
    )


def _place(kept: dict[str, str], **cursor: str | None) -> str | None:
    if not any(cursor.values()):
        return None
    values = {name: value for name, value in {**kept, **cursor}.items() if value}
    return f"{url_for('invoices.index')}?{urlencode(values)}"


@bp.get("/<public_id>")
@needs(Permission.INVOICES)
def show(public_id: str) -> ResponseReturnValue:
    """One invoice with the way to pay it."""
    return _page(public_id)


@bp.post("/<public_id>/pay")
@needs(Permission.INVOICES_PAY)
@checked_by_form
def pay(public_id: str) -> ResponseReturnValue:
    """Starts a payment and leads to the bank; a refusal shows the invoice again with what was typed."""
    document = _load(public_id)
    form = PayForm()
    if not form.validate_on_submit():
        return _page(public_id, form=form), 422
    try:
        part = _part(form, document.currency)
        if form.method.data == choices.TRANSFER:
            return _transfer(document, part, form)
        wish = choices.wish_for(
            document,
            form.method.data or "",
            locale=language(),
            via_link=False,
            amount_minor=part,
            credit_minor=form.credit_minor,
            under_way_minor=form.under_way_minor,
        )
        if not wish.rest:
            return _by_credit(document, wish)
        outcome = starting.start_payment(
            document.shop_id,
            wish,
            actor=current_actor(),
            now=clock.now(),
            transaction=partial(database.writing, db.session),
        )
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
        return _page(public_id, form=form), 409 if isinstance(error, Conflict) else 422
    if outcome.checkout_url is not None:
        return redirect(outcome.checkout_url, 303)
    tell_started(outcome.status)
    return redirect(url_for("invoices.show", public_id=public_id), 303)


def tell_started(status: PaymentStatus) -> None:
    """Says how a payment stands that nobody has to go to a bank's page for."""
    if status in NOT_PAID:
        flash(_("The bank refused this payment. Nothing was paid. Please try another way."), "error")
    elif status is PaymentStatus.PAID:
        flash(_("Thank you. Your payment has arrived."), "success")
    else:
        flash(_("The payment is under way. You will see the outcome here."), "info")


def _transfer(document: Document, part: int | None, form: PayForm) -> ResponseReturnValue:
    """On to the details of a transfer, of what is left after the credit that was ticked."""
    if part is not None:
        choices.check_part(get_shop(document.shop_id), document, part)
    if form.credit_minor:
        wish = choices.wish_for_credit(
            [document], form.credit_minor, amount_minor=part, under_way_minor=form.under_way_minor
        )
        used = _by_credit(document, wish)
        if not wish.rest:
            return used
        part = None if part is None else part - wish.credit_minor
    amount = None if part is None else decimal_string(part, document.currency)
    return redirect(url_for("invoices.transfer", public_id=document.public_id, amount=amount), 303)


def _by_credit(document: Document, wish: Wish) -> ResponseReturnValue:
    """Credit pays, and no bank is asked."""
    back = url_for("invoices.show", public_id=document.public_id)
    starting.pay_with_credit(
        document.shop_id,
        wish,
        actor=current_actor(),
        now=clock.now(),
        transaction=partial(database.writing, db.session),
    )
    flash(_("Your credit was used."), "success")
    return redirect(back, 303)


@bp.get("/<public_id>/pay")
@needs(Permission.INVOICES_PAY)
def unsent(public_id: str) -> ResponseReturnValue:
    """The address that a refused form leaves behind, opened anew: the invoice."""
    return redirect(url_for("invoices.show", public_id=_load(public_id).public_id), 303)


@bp.get("/<public_id>/pay/progress")
@needs(Permission.INVOICES)
def paying(public_id: str) -> ResponseReturnValue:
    """The piece of the page about a payment that is under way, for polling; the whole page once it no longer is."""
    document = _load_to_see(public_id)
    piece = pending_piece(document)
    if piece is None:
        return "", {"HX-Refresh": "true"}
    return render_template("invoices/_pay.html", **piece)


@bp.post("/<public_id>/restart")
@needs(Permission.INVOICES_PAY)
def restart(public_id: str) -> ResponseReturnValue:
    """Gives up the attempt that was merely started, at the bank too, and shows the ways to pay again."""
    document = _load(public_id)
    attempt = find_started_attempt(document.id)
    if attempt is not None:
        status = starting.cancel_attempt(
            attempt.id,
            actor=current_actor(),
            now=clock.now(),
            transaction=partial(database.writing, db.session),
        )
        if status is PaymentStatus.PAID:
            flash(_("That payment had arrived after all. There is nothing to start again."), "success")
        elif status in NOT_PAID:
            flash(_("The earlier attempt was stopped, nothing was paid. Choose how you want to pay."), "info")
    return redirect(url_for("invoices.show", public_id=public_id), 303)


@bp.get("/<public_id>/transfer")
@needs(Permission.INVOICES_PAY)
def transfer(public_id: str) -> ResponseReturnValue:
    """What to type or scan for a bank transfer; showing it starts nothing."""
    document = _load(public_id)
    details = choices.transfer_details(get_shop(document.shop_id), document, request.args.get("amount", ""))
    if details is None:
        return redirect(url_for("invoices.show", public_id=public_id), 303)
    label = f"{document.kind.label} {document.number}"
    return render_template(
        "pay/transfer.html",
        **details.shown(),
        crumbs=[
            (_("Invoices"), url_for("invoices.index")),
            (label, url_for("invoices.show", public_id=public_id)),
        ],
        number=document.number,
        document=(_("Back to the invoice"), url_for("invoices.show", public_id=public_id)),
    )


@bp.get("/<public_id>/pdf")
@needs(Permission.INVOICES)
def download(public_id: str) -> ResponseReturnValue:
    """The stored PDF; while there is none, the page that builds it."""
    document = _load_to_see(public_id)
    wanted = _wanted(document)
    file = rendering.find_file(document, wanted)
    if file is None:
        return redirect(_back(document, wanted), 303)
    return send_file(
        io.BytesIO(storage.get(file.storage_key)),
        mimetype="application/pdf",
        download_name=rendering.file_name(document, wanted),
        as_attachment="save" in request.args,
    )


@bp.post("/<public_id>/pdf")
@needs(Permission.INVOICES)
def build(public_id: str) -> ResponseReturnValue:
    """Fetches a PDF; has a missing one built, in the background, or here and now when the queue is away."""
    document = _load_to_see(public_id)
    now = clock.now()
    wanted = _wanted(document)
    if rendering.find_file(document, wanted) is not None:
        return redirect(url_for("invoices.download", public_id=public_id, language=wanted, save=1), 303)
    row = actions.queue_pdf(document, language=wanted, now=now)
    if row.state is outbox.OutboxState.DONE:
        # It was built once, and its file was lost: build it again.
        outbox.retry(row, now=now)
    db.session.commit()
    if jobs.redis_state() != "ok":
        return _build_here(public_id, wanted)
    return redirect(_back(document, wanted), 303)


@bp.get("/<public_id>/pdf/progress")
@needs(Permission.INVOICES)
def progress(public_id: str) -> ResponseReturnValue:
    """The piece of the page about the PDF, for polling."""
    document = _load_to_see(public_id)
    wanted = _wanted(document)
    build = rendering.find_build(document, wanted)
    state = pdf_state(
        document, rendering.find_file(document, wanted), wanted, None if build is None else build.state
    )
    return render_template("invoices/_pdf.html", pdf=state, fetch=True)


def _wanted(document: Document) -> str:
    """The language a PDF is asked for in; the original's when none is named, 404 for one that there is not."""
    wanted = request.values.get("language", document.language)
    if wanted not in LANGUAGES:
        abort(404)
    return wanted


def _back(document: Document, wanted: str) -> str:
    language = None if wanted == document.language else wanted
    return url_for("invoices.show", public_id=document.public_id, language=language)


def _build_here(public_id: str, wanted: str) -> ResponseReturnValue:
    document = _load_to_see(public_id)
    shop = get_shop(document.shop_id)
    context = rendering.document_context(document, shop, wanted)
    document_id = document.id
    db.session.rollback()
    try:
        data = pdf.render("pdf/invoice.html", context, locale=wanted)
    except pdf.PdfError:
        log.exception("the PDF of document %s could not be made", document_id)
        flash(_("The PDF could not be made. Please try again later, or ask the shop for it."), "error")
        return redirect(url_for("invoices.show", public_id=public_id), 303)
    rendering.keep_file(db.session.get_one(Document, document_id), wanted, data, now=clock.now())
    db.session.commit()
    return redirect(url_for("invoices.download", public_id=public_id, language=wanted, save=1), 303)


def _load(public_id: str) -> Document:
    """Step one of a view that pays: the invoice among this person's accounts, or 404; without the right 403."""
    document = _find(public_id)
    access.open_for(document.customer_id)
    return document


def _load_to_see(public_id: str) -> Document:
    """The same for what changes nothing: what is of an order or a subscription opens for who sees these."""
    document = _find(public_id)
    access.open_for(document.customer_id, enough=_enough(document))
    return document


def _find(public_id: str) -> Document:
    return queries.get_invoice(public_id, customer_ids=access.customer_ids(), mode=Mode(current_shop().mode))


def _enough(document: Document) -> Permission | None:
    return Permission.INVOICES_LINKED if queries.is_linked(document) else None


def _part(form: PayForm, currency: str) -> int | None:
    text = form.amount.data
    return parse_amount(text, language(), currency, field="amount") if text else None


def current_actor() -> Actor:
    """The signed-in person, as who does it."""
    person = current_person()
    assert person is not None
    return Actor.person(person)


def _page(public_id: str, *, form: PayForm | None = None) -> str:
    asked = request.args.get("language")
    pdf_language = asked if asked in LANGUAGES else None
    whole = queries.get_whole_invoice(
        public_id,
        customer_ids=access.customer_ids(),
        mode=Mode(current_shop().mode),
        language=pdf_language,
        also=page_columns,
    )
    membership = access.open_for(whole.document.customer_id, enough=_enough(whole.document))
    security.allow_form_action(*registry.checkout_origins(whole.shop))
    values: dict[str, Any] = invoice_page(
        whole,
        membership=membership,
        form=form,
        pdf_language=pdf_language,
    )
    return render_template("invoices/show.html", **values)
