"""A new ticket: what its form offers to whom, and what it means when it comes back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.blueprints.support.forms import NewTicketForm
from portal.core import access
from portal.core.errors import Conflict, DomainError
from portal.core.principals import MembershipInfo, current_membership, current_person
from portal.core.shops import current_shop
from portal.domain.orders.downloads import find_download
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.tickets import disputes, refunds
from portal.domain.tickets.actions import ABOUT_A_SUBSCRIPTION, NewTicket
from portal.domain.tickets.models import Priority, TicketType
from portal.domain.tickets.related import Kind, Related, find_by_number, find_related, list_newest

#: Money back and a dispute begin at their invoice, where the page says what is possible.
NOT_BY_HAND = frozenset({TicketType.REFUND_REQUEST, TicketType.DISPUTE})


def asked_about() -> Related | None:
    """What the address says the ticket is about, if this person may see it and write about it; else nothing."""
    found = _find(request.args.get("about", ""))
    person = current_person()
    for membership in person.memberships if person is not None else ():
        if found is not None and membership.customer_id == found.customer_id:
            may = membership.can(Permission.TICKETS_WRITE) and found.is_seen_with(membership.permissions)
            return found if may else None
    return None


def account_for(about: Related | None) -> MembershipInfo:
    """The account that the page is for, of the thing in the address or the one chosen; 403 without the right."""
    return access.open_for(current_membership().customer_id if about is None else about.customer_id)


def form_for(account: MembershipInfo, about: Related | None) -> NewTicketForm:
    """The form with what this account and role can choose; an unsent one with what the address says."""
    newest = list_newest(account.customer_id, account.permissions, mode=_mode())
    known = {each.value for each in newest}
    offered = [*([about] if about is not None and about.value not in known else []), *newest]
    types = {
        type_: type_.label
        for type_ in TicketType
        if type_ not in NOT_BY_HAND
        and (type_ not in ABOUT_A_SUBSCRIPTION or account.can(Permission.SUBSCRIPTIONS))
    }
    choices = [("", _("Nothing in particular")), *((each.value, _label(each)) for each in offered)]
    form = NewTicketForm(types, choices if len(choices) > 1 else [])
    if not choices[1:]:
        del form.about, form.number
    if not form.is_submitted():
        wanted = request.args.get("type", "")
        form.type.data = wanted if wanted in set(types) else TicketType.GENERAL.value
        form.account.data = account.customer_public_id
        if about is not None:
            form.about.data = about.value
        _ask_for_more(form)
    return form


def _ask_for_more(form: NewTicketForm) -> None:
    """Fills in what somebody asks for whose file cannot be fetched any more, when the address names it (``file``)."""
    wanted = request.args.get("file", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{22}", wanted):
        return
    file = find_download(wanted, customer_ids=access.customer_ids(), mode=_mode())
    if file is not None:
        form.subject.data = _("More downloads of ‘%(name)s’", name=file.name)[:200]
        form.body.data = _(
            "I would like to download ‘%(name)s’ again. Can you make that possible?", name=file.name
        )


@dataclass(frozen=True)
class Elsewhere:
    """What of an invoice begins on pages of its own, where that can be begun now: the addresses, or None."""

    object_url: str | None
    refund_url: str | None


def begins_elsewhere(about: Related | None, account: MembershipInfo) -> Elsewhere | None:
    """The pages on which what an invoice asks for begins; None where there is none for this role now."""
    if about is None or about.kind is not Kind.INVOICE:
        return None
    may_object = account.can(Permission.INVOICES_DISPUTE) and disputes.may_be_opened(about.id)
    may_ask = account.can(Permission.INVOICES_REFUND) and refunds.may_be_asked(about.id)
    if not may_object and not may_ask:
        return None
    return Elsewhere(
        url_for("invoices.dispute", public_id=about.public_id) if may_object else None,
        url_for("invoices.refund", public_id=about.public_id) if may_ask else None,
    )


def wanted(form: NewTicketForm, account: MembershipInfo) -> NewTicket:
    """What a valid form asks for. Raises ``Conflict`` when it was made for another account, and ``DomainError``
    for something that this account and role do not have."""
    if form.account.data != account.customer_public_id:
        form.account.data = account.customer_public_id
        raise Conflict(
            _l(
                "You changed to another account meanwhile. If this belongs to %(name)s, send it again.",
                name=account.customer_name,
            )
        )
    return NewTicket(
        type=TicketType(form.type.data),
        subject=form.plain_subject(),
        priority=Priority(form.priority.data),
        related=_related(form, account),
    )


def _related(form: NewTicketForm, account: MembershipInfo) -> Related | None:
    if "about" not in form:
        return None
    if form.number.data:
        found = find_by_number(form.number.data, account.customer_id, account.permissions, mode=_mode())
        if found is None:
            raise DomainError(_l("You have no invoice or order with this number."), "number")
        return found
    if not form.about.data:
        return None
    found = _find(form.about.data)
    if (
        found is None
        or found.customer_id != account.customer_id
        or not found.is_seen_with(account.permissions)
    ):
        raise DomainError(_l("Choose one of these."), "about")
    return found


def _find(value: str) -> Related | None:
    return find_related(value, customer_ids=access.customer_ids(), mode=_mode()) if value else None


def _label(each: Related) -> Any:
    match each.kind:
        case Kind.INVOICE:
            return _("Invoice %(number)s", number=each.label)
        case Kind.ORDER:
            return _("Order %(number)s", number=each.label)
        case Kind.SUBSCRIPTION:
            return _("Subscription: %(name)s", name=each.label)


def _mode() -> Mode:
    return Mode(current_shop().mode)
