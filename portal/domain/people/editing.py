"""What the shop changes of a customer: the details, the kind, the documents' language, and where their mail goes.

| of | what a change by the shop does |
| --- | --- |
| issued documents | nothing: they keep the details of their day; a draft takes those of the day it is finalised |
| somebody's log-in | nothing, even where it was one with the account: a log-in is changed by its person alone |
| who logs in with the new address | the account is theirs where nobody logs in to it, as when it is opened |
| the address before | it is told, once, wherever mail can go to it at all |
| a link by which somebody of the account may change its address | it ends: what the shop was asked for is later |
| mails that were written before | they go where they were addressed |
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.letter import BadAddress
from portal.domain.people import claims, details, mails, queries, tokens
from portal.domain.people.details import Details
from portal.domain.people.mail_settings import get_mail_settings
from portal.domain.people.models import Customer, CustomerKind

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Edited:
    """What a customer is to be. ``language`` is auto, en or nl; None leaves it."""

    details: Details
    kind: CustomerKind
    email: str
    language: str | None = None


def edit_customer(customer: Customer, wanted: Edited, *, version: int, actor: Actor, now: datetime) -> None:
    """Changes a customer, for staff who may change customers.

    ``version`` is that of the row that was shown: ``Conflict`` when it changed meanwhile, and for an address at which
    another account is billed, as for a new account. ``DomainError`` for what cannot be right, as of the customer's own
    form, and for an address of one of its contact persons. The language stays where a single person belongs to the
    account, whose choice its documents follow. Where nobody logs in to the account it becomes that of whoever logs in
    with its new address.
    """
    if queries.normal_email(wanted.email) != customer.email.lower():
        # Before the account: who confirms an address holds the shop, and may write to their accounts after it.
        queries.hold_new_accounts()
    details.hold(customer, version=version)
    changed = details.put(customer, wanted.details, kind=wanted.kind)
    if wanted.kind is not customer.kind:
        customer.kind = wanted.kind
        changed.append("kind")
    if wanted.language not in (None, customer.language) and not get_mail_settings(customer.id).follows_person:
        customer.language = str(wanted.language)
        changed.append("language")
    if changed:
        audit.record("customer.details_changed", customer, actor=actor, now=now, changed=changed)
    if queries.normal_email(wanted.email) != customer.email.lower():
        _move_mail(customer, queries.normal_email(wanted.email), actor=actor, now=now)


def _move_mail(customer: Customer, email: str, *, actor: Actor, now: datetime) -> None:
    if queries.find_contact(customer.id, email) is not None:
        raise DomainError(
            _l("A contact person of this customer has this address, and gets copies at it already."), "email"
        )
    if queries.find_customer_by_email(email) is not None:
        raise Conflict(_l("There is an account with this e-mail address already."), "email")
    old, customer.email = customer.email, email
    tokens.revoke_changes_of_account(customer.id, now=now)
    audit.record("customer.email_changed", customer, actor=actor, now=now)
    try:
        mails.account_email_moved(customer, old, now=now)
    except BadAddress:
        # It may be the very reason for the change.
        log.warning("customer %s had no address that a mail could go to", customer.id)
    person = queries.find_person_by_email(email)
    is_free = customer.archived_at is None and not queries.list_people_who_log_in(customer.id)
    if person is not None and is_free and mails.can_log_in(person):
        claims.join(person, customer, actor=actor, now=now)
