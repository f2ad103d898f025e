"""The subscription that a page is about, and the answer where its product or status does not allow what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.core import access, clock
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.forms import PortalForm
from portal.core.principals import MembershipInfo, PersonPrincipal, current_person
from portal.core.shops import current_shop
from portal.domain.people.models import CustomerKind
from portal.domain.shops.models import Mode
from portal.domain.subscriptions import queries
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.subscriptions.queries import SubscriptionFacts
from portal.domain.subscriptions.self_service import Act, makes_sense
from portal.domain.tickets.models import TicketType
from portal.extensions import db, limiter

#: What somebody asks for who may not do it here; a change of plan is a question like any other.
TICKETS = {
    Act.PAUSE: TicketType.PAUSE_SUBSCRIPTION,
    Act.RESUME: TicketType.PAUSE_SUBSCRIPTION,
    Act.CANCEL: TicketType.CANCEL_SUBSCRIPTION,
    Act.SWITCH: TicketType.GENERAL,
}


def _who() -> str:
    return person().get_id() if current_person() is not None else ""


#: Nobody changes their subscriptions more often, and each time mails go out.
seldom = limiter.shared_limit("60 per hour", scope="subscriptions", key_func=_who, methods=["POST"])


@dataclass(frozen=True)
class Opened:
    """A subscription with the account whose page this is, and the day where its shop is."""

    facts: SubscriptionFacts
    account: MembershipInfo
    today: date

    def may(self, act: Act) -> bool:
        """Whether its product allows it and its status makes sense of it; the role is the view's to ask."""
        return self.facts.toggles.allow(act) and self.makes_sense(act)

    def makes_sense(self, act: Act) -> bool:
        """Whether it can be done as it stands."""
        return makes_sense(act, self.facts.status, is_cancelled=self.facts.is_cancelled)


def load(public_id: str) -> Opened:
    """The subscription among this person's accounts, or 404; 403 without the view's own right."""
    shop = current_shop()
    today = clock.today(shop.time_zone)
    facts = queries.get_subscription(
        public_id, customer_ids=access.customer_ids(), mode=Mode(shop.mode), today=today
    )
    return Opened(facts, access.open_for(facts.customer_id), today)


def kept_from(opened: Opened, act: Act) -> ResponseReturnValue | None:
    """The answer to who may not do this here (403, with whom to ask), or for whom there is nothing to do; else None."""
    facts = opened.facts
    if not facts.toggles.allow(act):
        return render_template(
            "subscriptions/not_here.html",
            subscription=facts,
            act=act.value,
            is_consumer=facts.customer_kind is CustomerKind.CONSUMER,
            ask_url=ask_url(facts, act),
        ), 403
    if not opened.makes_sense(act):
        flash(nothing_to_do(opened, act), "info")
        return back(facts)
    return None


def ask_url(facts: SubscriptionFacts, act: Act) -> str:
    """The form of a ticket that asks the shop to do it."""
    return url_for("support.create", about=f"subscription:{facts.public_id}", type=TICKETS[act].value)


def nothing_to_do(opened: Opened, act: Act) -> str:
    """Why there is nothing to do, as after a second click."""
    if opened.facts.is_cancelled or opened.facts.status is SubscriptionStatus.CANCELLED:
        return str(_("This subscription is cancelled already."))
    if act is Act.RESUME:
        return str(_("This subscription is not paused."))
    return str(_("This is not possible with the subscription as it is now."))


def back(facts: SubscriptionFacts) -> ResponseReturnValue:
    """To the subscription's own page."""
    return redirect(url_for("subscriptions.show", public_id=facts.public_id), 303)


def refused(error: DomainError, form: PortalForm) -> int:
    """Undoes what was begun and shows the refusal in the form; the status to answer with."""
    db.session.rollback()
    form.refuse(error)
    return 409 if isinstance(error, Conflict) else 422


def person() -> PersonPrincipal:
    """Who is signed in."""
    found = current_person()
    assert found is not None
    return found


def actor() -> Actor:
    """The same as who is behind a change."""
    return Actor.person(person())
