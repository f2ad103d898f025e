"""The list of subscriptions and the page of one."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.subscriptions import bp, loading, show_subscription
from portal.core import clock
from portal.core.access import needs
from portal.core.principals import current_membership
from portal.core.shops import current_shop
from portal.domain.people.models import CustomerKind
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.subscriptions import queries
from portal.domain.subscriptions.coming import list_coming
from portal.domain.subscriptions.self_service import Act
from portal.domain.subscriptions.states import COUNTED_ACTIVE, RUNNING, SHOWN

#: The filters of the list: the word in the address and the statuses it stands for.
FILTERS = {"": SHOWN, "active": COUNTED_ACTIVE}


@bp.get("")
@needs(Permission.SUBSCRIPTIONS)
def index() -> ResponseReturnValue:
    """The subscriptions of the account, the youngest first: the active ones, or all but the archived."""
    status = request.args.get("status", "")
    status = status if status in FILTERS else ""
    shop = current_shop()
    page = queries.list_subscriptions(
        current_membership().customer_id,
        mode=Mode(shop.mode),
        today=clock.today(shop.time_zone),
        statuses=FILTERS[status],
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    kept = status or None
    return render_template(
        "subscriptions/index.html",
        rows=page.rows,
        filters=[
            (_("All"), url_for("subscriptions.index"), status == ""),
            (_("Active"), url_for("subscriptions.index", status="active"), status == "active"),
        ],
        status=status,
        previous_url=page.prev_cursor
        and url_for("subscriptions.index", status=kept, before=page.prev_cursor),
        next_url=page.next_cursor and url_for("subscriptions.index", status=kept, after=page.next_cursor),
    )


@bp.get("/<public_id>")
@needs(Permission.SUBSCRIPTIONS)
def show(public_id: str) -> ResponseReturnValue:
    """One subscription of any account of this person."""
    opened = loading.load(public_id)
    facts, account = opened.facts, opened.account
    invoices = queries.list_invoices(facts.id, customer_id=facts.customer_id, today=opened.today)
    may_change = account.can(Permission.SUBSCRIPTIONS_CHANGE)
    runs = facts.status in RUNNING
    return render_template(
        "subscriptions/show.html",
        subscription=facts,
        quantity=show_subscription.quantity(facts),
        method=show_subscription.method(facts),
        answers=[(answer["label"], answer["value"]) for answer in facts.answers],
        changes=[show_subscription.change(row, facts, account) for row in list_coming(facts.id)],
        acts={act.value: may_change and opened.may(act) for act in Act},
        method_url=(
            url_for("subscriptions.choose_method", public_id=public_id)
            if runs and account.can(Permission.METHODS_CHANGE)
            else None
        ),
        # Where one looks for the button that the product does not show (P-SUB-SELF).
        how_to_cancel=opened.makes_sense(Act.CANCEL) and not facts.toggles.allow(Act.CANCEL),
        is_consumer=facts.customer_kind is CustomerKind.CONSUMER,
        ask_to_cancel_url=loading.ask_url(facts, Act.CANCEL),
        invoices=[show_subscription.invoice(bill, account) for bill in invoices],
    )
