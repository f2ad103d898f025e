"""Several invoices in one payment: what it comes to, how it is split, and the way to the bank."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date
from types import SimpleNamespace

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.blueprints.invoices import bp
from portal.blueprints.invoices.forms import SeveralForm
from portal.blueprints.invoices.pages import credit_offer, errors_of
from portal.blueprints.invoices.views import NOT_PAID, current_actor, tell_started
from portal.core import access, clock, database, security
from portal.core.access import needs, of_objects
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.principals import current_membership, current_person
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.collections.planned import has_plan, in_plan, instalments_of
from portal.domain.invoices import booking, queries, spending, together
from portal.domain.invoices.booking import Share
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.invoices.together import Together
from portal.domain.payments import choices, registry, starting, words
from portal.domain.payments.actions import CHANGED
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.payments.provider import Method
from portal.domain.payments.queries import running_attempts
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop
from portal.extensions import db

_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{22}")


@bp.get("/pay")
@of_objects
@needs(Permission.INVOICES_PAY)
def pay_several() -> ResponseReturnValue:
    """What the chosen invoices come to, with the ways to pay them."""
    chosen = _chosen()
    if not chosen.payable:
        return _nothing(chosen)
    return _page(chosen)


@bp.post("/pay")
@of_objects
@needs(Permission.INVOICES_PAY)
@checked_by_form
def start_several() -> ResponseReturnValue:
    """Starts the payment and leads to the bank; where credit covers everything there is nobody to ask."""
    chosen = _chosen()
    if not chosen.payable:
        return _nothing(chosen)
    form = SeveralForm()
    if not form.validate_on_submit():
        return _page(chosen, form=form), 422
    try:
        return _start(chosen, form)
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
        chosen = _chosen()
        if not chosen.payable:
            return _nothing(chosen)
        return _page(chosen, form=form), 409 if isinstance(error, Conflict) else 422


@bp.post("/pay/restart")
@of_objects
@needs(Permission.INVOICES_PAY)
def restart_several() -> ResponseReturnValue:
    """Gives up whatever was merely started on one of the chosen invoices, and shows the ways to pay again."""
    chosen = _chosen()
    again = url_for("invoices.pay_several", invoice=[each.public_id for each in chosen.payable] or None)
    attempts = [each.id for each in running_attempts([each.id for each in chosen.payable])]
    ended = [
        starting.cancel_attempt(each, actor=current_actor(), now=clock.now(), transaction=_transaction)
        for each in attempts
    ]
    if PaymentStatus.PAID in ended:
        flash(_("That payment had arrived after all. There is nothing to start again."), "success")
    elif NOT_PAID & set(ended):
        flash(_("The earlier attempt was stopped, nothing was paid. Choose how you want to pay."), "info")
    return redirect(again, 303)


def _start(chosen: Together, form: SeveralForm) -> ResponseReturnValue:
    wish = choices.wish_for_all(
        chosen.payable, form.method.data or "", locale=language(), credit_minor=form.credit_minor
    )
    # The first of two clicks spent the credit: then this is the other one, and less is due than it saw.
    is_repeated = form.credit_minor and not wish.credit_minor
    if not is_repeated and str(sum(share.amount_minor for share in wish.shares)) != form.total.data:
        raise Conflict(CHANGED)
    shop_id, actor, now = current_shop().id, current_actor(), clock.now()
    if not wish.rest:
        starting.pay_with_credit(shop_id, wish, actor=actor, now=now, transaction=_transaction)
        flash(_("Everything is paid with your credit. Thank you!"), "success")
        return redirect(url_for("invoices.index"), 303)
    outcome = starting.start_payment(shop_id, wish, actor=actor, now=now, transaction=_transaction)
    if outcome.checkout_url is not None:
        return redirect(outcome.checkout_url, 303)
    tell_started(outcome.status)
    return redirect(url_for("invoices.index"), 303)


def _transaction() -> AbstractContextManager[None]:
    return database.writing(db.session)


def _chosen() -> Together:
    """Step one of these views: the invoices named in the address, or all that are open of the account named in it.

    404 for a stranger's. The page becomes that of their account, else of the one that was chosen.
    """
    shop = current_shop()
    mode = Mode(shop.mode)
    customer_id = current_membership().customer_id
    planned: dict[int, tuple[date, int]] = {}
    if "all" in request.args:
        if "account" in request.args:
            customer_id = _account(request.args["account"])
        documents = together.list_open(customer_id, mode=mode, in_plan=in_plan)
        planned = instalments_of(documents)
    else:
        ids = list(dict.fromkeys(request.args.getlist("invoice")))[: together.MOST + 1]
        if not all(_PUBLIC_ID.fullmatch(each) for each in ids):
            abort(404)
        documents = together.list_chosen(ids, customer_ids=access.customer_ids(), mode=mode) if ids else []
    access.open_for(documents[0].customer_id if documents else customer_id)
    return together.sort_out(
        documents,
        currency=request.args.get("currency", shop.currency),
        is_everything="all" in request.args,
        planned=planned,
    )


def _account(public_id: str) -> int:
    person = current_person()
    mine = {each.customer_public_id: each.customer_id for each in person.memberships} if person else {}
    return mine.get(public_id) or abort(404)


def _nothing(chosen: Together) -> ResponseReturnValue:
    if chosen.under_way:
        flash(_("The money for this is under way. It may take a few days to arrive."), "info")
    elif chosen.settled:
        flash(_("Nothing is left to pay here. Thank you!"), "success")
    elif chosen.disputed or chosen.planned:
        flash(" ".join([_("There is nothing else to pay now."), *_can_wait(chosen)]), "info")
    else:
        flash(_("Tick the invoices that you want to pay together."), "info")
    return redirect(url_for("invoices.index"), 303)


def _page(chosen: Together, *, form: SeveralForm | None = None) -> str:
    shop = get_shop(current_shop().id)
    security.allow_form_action(*registry.checkout_origins(shop))
    payable = chosen.payable
    customer_id, currency = payable[0].customer_id, payable[0].currency
    shares = choices.due_shares(payable)
    total = sum(share.amount_minor for share in shares)
    credit, _several, [in_plan] = together.over_the_list(
        customer_id, mode=shop.mode, currency=currency, also=[has_plan(customer_id, shop.mode)]
    )
    offer = credit_offer(credit, total, form)
    ids = [each.public_id for each in payable]
    attempt = _attempt(payable)
    ways = [way for way in choices.ways_to_pay(shop, customer_id) if way.value != choices.TRANSFER]
    return render_template(
        "invoices/several.html",
        rows=_rows(payable, shares, offer.minor if offer else 0, instalments_of(payable) if in_plan else {}),
        total_minor=total,
        currency=currency,
        credit=offer,
        left_out=" ".join(_left_out(chosen)),
        too_many=chosen.is_cut,
        most=together.MOST,
        elsewhere_url=_url(chosen.elsewhere) if chosen.elsewhere else None,
        attempt=attempt
        and SimpleNamespace(
            title=words.started(attempt),
            continue_url=attempt.checkout_url,
            restart_url=url_for("invoices.restart_several", invoice=ids),
        ),
        url=url_for("invoices.start_several", invoice=ids),
        methods=ways,
        selected=(form.method.data if form is not None else None) or choices.preselected(ways),
        with_fees=any(each.kind is not DocumentKind.INVOICE for each in payable),
        transfer=registry.offering(shop, Method.TRANSFER) is not None,
        errors=errors_of(form),
    )


def _rows(
    payable: Sequence[Document], shares: list[Share], credit_minor: int, by_plan: dict[int, tuple[date, int]]
) -> list[SimpleNamespace]:
    """The split: what is due of each, what credit pays of it, and what is left for the bank.

    ``by_plan`` says of what is paid in instalments when how much is due next.
    """
    today = clock.today(current_shop().time_zone)
    by_credit, _left = spending.after_credit(shares, credit_minor)
    used = {share.document_id: share.amount_minor for share in by_credit}
    return [
        SimpleNamespace(
            number=document.number,
            url=url_for("invoices.show", public_id=document.public_id),
            kind=None if document.kind is DocumentKind.INVOICE else document.kind.label,
            due_date=next_on,
            instalment_minor=next_minor,
            days_overdue=queries.days_overdue(document.list_state, late_day, today),
            due_minor=share.amount_minor,
            credit_minor=used.get(document.id, 0),
            rest_minor=share.amount_minor - used.get(document.id, 0),
        )
        for document, share in zip(booking.in_paying_order(payable), shares, strict=True)
        for next_on, next_minor in [by_plan.get(document.id, (document.due_date, None))]
        for late_day in [queries.late_day(document, next_on)]
    ]


def _left_out(chosen: Together) -> list[str]:
    """A sentence for each reason why something that was ticked is not in this payment."""
    said = []
    if chosen.settled:
        said.append(_("Already settled: %(numbers)s.", numbers=_numbers(chosen.settled)))
    if chosen.under_way:
        said.append(
            _("Left out, as money for it is under way: %(numbers)s.", numbers=_numbers(chosen.under_way))
        )
    return said + _can_wait(chosen)


def _can_wait(chosen: Together) -> list[str]:
    """What who pays everything does not mean, and why; each can be paid by itself."""
    said = []
    if chosen.disputed:
        said.append(
            ngettext(
                "%(numbers)s is not in it: you objected to it.",
                "%(numbers)s are not in it: you objected to them.",
                len(chosen.disputed),
                numbers=_numbers(chosen.disputed),
            )
        )
    if chosen.planned:
        said.append(
            ngettext(
                "%(numbers)s is not in it: you pay it in instalments.",
                "%(numbers)s are not in it: you pay them in instalments.",
                len(chosen.planned),
                numbers=_numbers(chosen.planned),
            )
        )
    return said


def _numbers(documents: Sequence[Document]) -> str:
    return ", ".join(document.number or "" for document in documents)


def _url(documents: Sequence[Document]) -> str:
    return url_for("invoices.pay_several", invoice=[each.public_id for each in documents])


def _attempt(documents: Sequence[Document]) -> Payment | None:
    """An attempt on one of these at a bank's page, to be continued or started again first."""
    running = running_attempts([each.id for each in documents])
    return next((each for each in running if each.status is PaymentStatus.OPEN and each.checkout_url), None)
