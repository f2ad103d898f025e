"""Whatever is sent to any form or written into any address: an answer, no row changed, nothing in the error log.

On both databases: PostgreSQL refuses texts that SQLite takes, so a value that gets through the checks shows there.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import flask_migrate
import pytest
import sqlalchemy as sa
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.test import TestResponse

from portal.core import clock, database
from portal.domain.shops.models import Shop
from portal.extensions import db, limiter
from portal.installation.translations import compile_changed
from tests import cast
from tests.conftest import make_app
from tests.page_client import PageClient, find_all, parse, text_of
from tests.payments_world import World
from tests.services import IN_TURN
from tests.walk.cases import CUSTOMER, DETAILS, PUBLIC, SETUP_FORM, STAFF
from tests.walk.stage import EMMAS_ACCOUNT, PLAN, Things, put_things, remove_every_shop, signed_in, writing

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

HUGE = "x" * 20_000
BYTES_10_MB = 10 * 1024 * 1024

#: Tried in every field of every form and in every part of an address.
ATTACKS = (
    "", " ", "\0", "a\0b", HUGE, "-1", "0", "1e400", "NaN", "9" * 400, "\U0001f600" * 300, "' OR 1=1 --", "%00", "%",
    "<script>alert(1)</script>", "{{7*7}}", "a\r\nBcc: x@example.com", "../../etc/passwd", "\u202e\u200b", "null",
    "\x7f", "\ufffe", "true", "[]", "Ⅷ",
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """A form: who sends it, where to, a valid filling, and what must be refused in which field."""

    path: Callable[[Things], str]
    valid: dict[str, str] = field(default_factory=dict)
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_emma: bool = False
    #: In the office, by Saskia.
    by_staff: bool = False
    #: What stands beside an attack on one field, so that nothing is taken by accident; else ``valid``.
    beside: dict[str, str] | None = None
    #: Fields that take any text, or nearly: the forms' own tests try them.
    free: tuple[str, ...] = ()
    #: A refusal of which a trace is kept.
    writes: tuple[str, ...] = ()
    #: What a form without anything in it answers.
    empty: tuple[int, ...] = (400, 404, 422)
    #: A failed check of the token shows the form again with what was typed in this field.
    keeps: str | None = None


EMPTY_AND_LONG = ("", " ", HUGE, "a\0b")
ADDRESSES = (*EMPTY_AND_LONG, "x", "a@b", "a@b@c.nl", "a\r\n@example.com", "x" * 300 + "@example.com")
AMOUNTS = ("-1", "0", "0.001", "NaN", "1e3", "abc", "9" * 400, "1.000.000", "99999", HUGE, "1\0", "\u0661")
PAY = {
    "method": ("", HUGE, "\0", "saved:", "saved:\0", "saved:x", "cash", "sepa", "IDEAL"),
    "amount": AMOUNTS,
}
CENTS = ("-1", "x", "1.5", "1e3", "NaN", "9" * 400, HUGE, "1\0", "\u0661")
PASSWORDS = ("", "short", HUGE, "a\0" * 10)

CONTACT = {
    "name": "A", "email": "a@example.com", "phone": "", "role": "general", "billing_mails": "y", "account_mails": "y",
    "account": "x",
}  # fmt: skip
CONTACT_REFUSED = {
    "name": EMPTY_AND_LONG,
    "email": ADDRESSES,
    "phone": ("x", "+31 6 call me", HUGE, "1\0", "\u0661"),
    "role": ("", "king", "GENERAL", HUGE, "\0"),
}
SWITCHES = (
    "mail_new_invoice", "mail_payment_confirmation", "mail_payment_reminders", "mail_renewal_notices",
    "mail_status_changes", "mail_order_confirmation",
)  # fmt: skip

#: It begins on no day, so that nothing is taken by accident.
NOTICE_TYPED = {
    "type": "vacation", "title": "Closed", "body": "Until Monday", "colour_of": "own", "colour": "#7a3b12",
    "audience": "all", "tags": "", "starts_at": "x", "expires_at": "", "is_permanent": "y", "is_active": "y",
}  # fmt: skip
NOTICE_REFUSED: dict[str, tuple[str, ...]] = {
    "type": ("", "x", "VACATION", HUGE, "\0"),
    "title": EMPTY_AND_LONG,
    "body": (HUGE, "a\0b"),
    "colour_of": ("x", "OWN", HUGE, "\0"),
    "colour": ("", "x", "#12", "#gggggg", "7a3b12;", HUGE, "\0", "\u0661" * 6),
    "audience": ("", "x", "some", "ALL", HUGE, "\0"),
    "tags": (HUGE, "a\0b", "x," * 30),
    "starts_at": ("", "x", "0001-01-01T00:00", "9999-12-31T23:59", "2026-02-30T10:00", HUGE, "\0", "\u0661"),
    "expires_at": ("x", "0001-01-01T00:00", "9999-12-31T23:59", HUGE, "\0", "\u0661"),
    # A button, which shows the form again: tests/blueprints/office/test_notifications.py.
    "preview": (),
}
#: Its address is none, so that nothing is taken by accident.
CUSTOMER_TYPED = {
    "kind": "consumer", "name": "A", "email": "no address", "company": "", "phone": "", "street": "", "postal_code": "",
    "city": "", "country": "NL", "vat_number": "", "chamber_number": "",
}  # fmt: skip
CUSTOMER_REFUSED: dict[str, tuple[str, ...]] = {
    "kind": ("", "x", "CONSUMER", HUGE, "\0"),
    "name": EMPTY_AND_LONG,
    "email": ADDRESSES,
    "company": (HUGE, "a\0b"),
    "phone": (HUGE, "a\0b", "call me", "1", "+99912"),
    "street": (HUGE, "a\0b"),
    "postal_code": (HUGE, "a\0b", "x" * 21),
    "city": (HUGE, "a\0b"),
    "country": ("", "XX", "nl", "NLD", HUGE, "\0"),
    "vat_number": ("x", HUGE, "\0"),
    "chamber_number": ("x", HUGE, "\0"),
}
#: Beside a quantity that cannot be read, so that nothing is taken by accident.
DRAFT_REFUSED: dict[str, tuple[str, ...]] = {
    "lines-0-description": (HUGE, "a\0b"),
    "lines-0-quantity": ("", "x", "1,000.5.5", "NaN", "1e3", "9" * 400, HUGE, "1\0", "\u0661"),
    "lines-0-unit_price": ("", "x", "NaN", "1e3", "9" * 400, HUGE, "1\0", "\u0661"),
    "lines-0-vat": ("", "x", "standard:20", "standard", "reduced:21", HUGE, "\0"),
    "note": (HUGE, "a\0b"),
    # A button, which shows the form again with a line more: tests/blueprints/office/test_drafts.py.
    "add": (),
}

FORMS: dict[str, Form] = {
    "log-in": Form(
        lambda t: "/login",
        {"email": "who@example.com", "password": "wrong password here"},
        {"email": ADDRESSES, "password": ("", HUGE, "a\0b")},
        keeps="email",
        writes=("login_events",),
    ),
    # The first of several ends the session, and the token with it.
    "log-out": Form(lambda t: "/logout", empty=(303, 400)),
    "register": Form(
        lambda t: "/register",
        {"given_name": "A", "family_name": "B", "email": "a@example.com"},
        {"given_name": EMPTY_AND_LONG, "family_name": EMPTY_AND_LONG, "email": ADDRESSES},
        keeps="email",
    ),
    "forgot": Form(
        lambda t: "/forgot-password", {"email": "who@example.com"}, {"email": ADDRESSES}, keeps="email"
    ),
    "confirm": Form(
        lambda t: f"/confirm/{t.confirm}", {"password": "short"}, {"password": PASSWORDS}, free=("password",)
    ),
    "reset": Form(
        lambda t: f"/reset-password/{t.reset}",
        # The name is there for password managers, and nobody reads it.
        {"password": "short", "username": "emma@example.com"},
        {"password": PASSWORDS},
        free=("password",),
    ),
    "claim": Form(
        lambda t: f"/claim/{t.claim}", {"role": "king"}, {"role": ("", "king", "OWNER", HUGE, "\0")}
    ),
    "preferences": Form(
        lambda t: "/preferences",
        {"theme": "dark", "locale": "nl", "next": "/"},
        {"theme": ("", "x", "DARK", HUGE, "\0"), "locale": ("", "de", HUGE, "\0", "nl_NL")},
        empty=(303,),
    ),
    "preferences of Emma": Form(
        lambda t: "/preferences",
        {"theme": "dark", "locale": "en", "next": "/"},
        {"theme": ("", "x", HUGE, "\0"), "locale": ("", "de", HUGE, "\0")},
        beside={"theme": "x", "locale": "x"},
        by_emma=True,
        empty=(303,),
    ),
    "account": Form(
        lambda t: "/preferences/account",
        {"account": "nobody"},
        {"account": ("", "nobody", "1", HUGE, "\0")},
        by_emma=True,
    ),
    "pay": Form(
        lambda t: f"/customer/invoices/{t.invoice}/pay",
        {"method": "ideal", "amount": "-1"},
        PAY,
        beside={"method": "cash", "amount": "-1"},
        by_emma=True,
        keeps="amount",
    ),
    "pay several": Form(
        lambda t: f"/customer/invoices/pay?invoice={t.invoice}",
        {"method": "ideal", "total": "1"},
        {"method": PAY["method"], "total": CENTS, "credit": CENTS},
        beside={"method": "cash", "total": "1", "credit": ""},
        by_emma=True,
    ),
    "restart several": Form(
        lambda t: f"/customer/invoices/pay/restart?invoice={t.invoice}", by_emma=True, empty=(303,)
    ),
    "pay by link": Form(
        lambda t: f"/pay/{t.link}",
        {"method": "ideal", "amount": "-1"},
        PAY,
        keeps="amount",
        beside={"method": "cash", "amount": "-1"},
    ),
    "restart": Form(lambda t: f"/customer/invoices/{t.invoice}/restart", by_emma=True, empty=(303,)),
    "restart by link": Form(lambda t: f"/pay/{t.link}/restart", empty=(303,)),
    "PDF": Form(
        lambda t: f"/customer/invoices/{t.invoice}/pdf",
        {"language": "de"},
        {"language": ("", "de", "NL", HUGE, "\0")},
        by_emma=True,
        empty=(303,),
    ),
    "new contact": Form(
        lambda t: "/customer/contacts/new",
        CONTACT,
        CONTACT_REFUSED,
        by_emma=True,
        keeps="email",
        # Without the account it is for, nothing is added.
        beside=CONTACT | {"email": "no address"},
    ),
    "contact": Form(
        lambda t: f"/customer/contacts/{t.contact}",
        CONTACT | {"version": "1"},
        CONTACT_REFUSED,
        by_emma=True,
        keeps="email",
        beside=CONTACT | {"version": "0", "email": "no address"},
    ),
    "cancel a subscription": Form(
        lambda t: f"/customer/subscriptions/{t.subscription}/cancel",
        # Told of another end than it would have, nothing is cancelled.
        {"reason": "other", "message": "", "told": "x"},
        {"reason": ("bored", "OTHER", HUGE, "\0"), "message": (HUGE, "a\0b"), "told": ("", HUGE)},
        by_emma=True,
        keeps="message",
        beside={"reason": "bored", "message": "", "told": "x"},
    ),
    "take a cancellation back": Form(
        lambda t: f"/customer/subscriptions/{t.subscription}/withdraw", by_emma=True, empty=(303,)
    ),
    "pause a subscription": Form(
        lambda t: f"/customer/subscriptions/{t.subscription}/pause",
        {"until": "2026-12-24", "told": "x"},
        {
            "until": ("2026-10-31", "2026-11-01", "2027-11-02", "2026-02-30", "24-12-2026", "x", HUGE, "\0"),
            "told": ("", HUGE),
        },
        by_emma=True,
    ),
    "resume a subscription": Form(
        lambda t: f"/customer/subscriptions/{t.paused}/resume",
        {"told": "x"},
        {"told": ("", HUGE)},
        by_emma=True,
    ),
    "change a plan": Form(
        lambda t: f"/customer/subscriptions/{t.subscription}/switch",
        {"plan": PLAN, "quantity": "2", "told": "x"},
        {
            "plan": ("", "x", HUGE, "\0"),
            "quantity": ("", "0", "6", "-1", "1.5", "1e3", "x", HUGE, "1\0", "\u0661"),
            "told": ("", HUGE),
        },
        by_emma=True,
        beside={"plan": "x", "quantity": "2", "told": "x"},
    ),
    "keep a plan": Form(
        lambda t: f"/customer/subscriptions/{t.subscription}/keep", by_emma=True, empty=(303,)
    ),
    "what pays a subscription": Form(
        lambda t: f"/customer/subscriptions/{t.subscription}/method",
        {"method": "x"},
        {"method": ("", "x", HUGE, "\0")},
        by_emma=True,
    ),
    "remove contact": Form(lambda t: "/customer/contacts/nobody/remove", by_emma=True),
    "settings": Form(
        lambda t: "/customer/settings",
        {"theme": "dark", "language": "auto", "documents_language": "auto", "version": "1", "account": "x"}
        | dict.fromkeys(SWITCHES, "on"),
        {
            "theme": ("", "x", "DARK", HUGE, "\0"),
            "language": ("", "de", "NL", HUGE, "\0"),
            "documents_language": ("", "de", HUGE, "\0"),
            "version": ("", "x", "-1", "9" * 400, HUGE, "\0", "\u0661"),
            "changed": ("", "x", "email", "id", HUGE, "\0"),
        },
        by_emma=True,
        beside={"theme": "x"},
    ),
    "name": Form(
        lambda t: "/customer/profile",
        {"given_name": "", "family_name": "de Vries"},
        {"given_name": EMPTY_AND_LONG, "family_name": (HUGE, "a\0b")},
        by_emma=True,
        keeps="family_name",
    ),
    "details": Form(
        lambda t: f"/customer/profile/{t.account}",
        {**DETAILS, "country": "XX"},
        {
            "version": ("", "x", "-1", HUGE, "1\0", "\u0661"),
            "given_name": EMPTY_AND_LONG,
            "family_name": (HUGE, "a\0b"),
            "name": EMPTY_AND_LONG,
            "phone": (HUGE, "a\0b", "call me", "1", "+99912"),
            "street": (HUGE, "a\0b"),
            "postal_code": (HUGE, "a\0b", "x" * 21),
            "city": (HUGE, "a\0b"),
            "country": ("", "XX", "nl", "NLD", HUGE, "\0"),
        },
        by_emma=True,
        keeps="street",
    ),
    "log-in address": Form(
        lambda t: "/customer/profile/email",
        {"email": "who@example.com", "password": "wrong password here"},
        {"email": ADDRESSES, "password": ("", HUGE, "a\0b")},
        by_emma=True,
        keeps="email",
        writes=("login_events",),
    ),
    "account's address": Form(
        lambda t: f"/customer/profile/{t.account}/email",
        {"email": "who@example.com", "password": "wrong password here"},
        {"email": ADDRESSES, "password": ("", HUGE, "a\0b")},
        by_emma=True,
        keeps="email",
        writes=("login_events",),
    ),
    # Its button has no field, so one is tried that is always refused.
    "change of address": Form(lambda t: f"/change-email/{t.refused_change}", empty=(422,)),
    # It asks for a subscription and names none, so that nothing is taken by accident.
    "new question": Form(
        lambda t: "/customer/support/new",
        {
            "type": "pause_subscription",
            "subject": "Opening hours",
            "body": "Are you open on Monday?",
            "about": "",
            "number": "",
            "priority": "low",
            "files": "",
            "key": "a" * 22,
            "account": EMMAS_ACCOUNT,
        },
        {
            "type": ("", "x", "GENERAL", "dispute", "refund_request", HUGE, "\0"),
            "subject": (*EMPTY_AND_LONG, "x" * 201, "\u202e\u200b"),
            "body": (*EMPTY_AND_LONG, "x" * 50_000),
            "about": ("x", "invoice:", "invoice:x", "order:x", "subscription:\0", HUGE),
            "number": ("x", HUGE, "a\0b", "%"),
            "priority": ("", "x", "HIGH", HUGE, "\0"),
            "key": ("", "x", HUGE, "\0" * 22),
        },
        by_emma=True,
        keeps="subject",
    ),
    "preview": Form(lambda t: "/customer/support/new/preview", {"body": "**x**"}, by_emma=True, empty=(200,)),
    "reply": Form(
        lambda t: f"/customer/support/{t.ticket}/reply",
        {"body": "", "files": "", "key": "a" * 22},
        {"body": (*EMPTY_AND_LONG, "x" * 50_000), "key": ("", "x", HUGE, "\0" * 22)},
        by_emma=True,
        free=("body",),
    ),
    "statement": Form(
        lambda t: "/customer/invoices/files",
        {"first_day": "2026-01-01", "last_day": "2026-11-02", "account": EMMAS_ACCOUNT},
        {
            "first_day": (*EMPTY_AND_LONG, "1999-12-31", "0000-00-00", "2026-02-30", "\u0661", "31/12/2026"),
            "last_day": (*EMPTY_AND_LONG, "9999-12-31", "2025-12-31", "2026-11-02", "-1"),
        },
        by_emma=True,
    ),
    # There was no shop yet.
    "invoices of a year": Form(
        lambda t: "/customer/invoices/files/year",
        {"year": "2019", "account": EMMAS_ACCOUNT},
        {"year": ("", "x", "-1", "26", "20266", "0999", HUGE, "\0", "\u0662\u0660\u0662\u0666")},
        by_emma=True,
    ),
    # Neither says why, so that nothing is taken.
    "refund": Form(
        lambda t: f"/customer/invoices/{t.paid}/refund",
        {"subject": "Money back", "body": "", "key": "a" * 22},
        {
            "subject": (*EMPTY_AND_LONG, "x" * 201),
            "body": (*EMPTY_AND_LONG, "x" * 50_000),
            "key": ("", "x", HUGE, "\0" * 22),
        },
        by_emma=True,
        free=("body",),
        keeps="subject",
    ),
    "dispute": Form(
        lambda t: f"/customer/invoices/{t.invoice}/dispute",
        {"line": "1", "body": "", "files": "", "key": "a" * 22},
        {
            "line": ("", "0", "2", "-1", "x", "9" * 400, HUGE, "\0", "\u0661"),
            "body": (*EMPTY_AND_LONG, "x" * 50_000),
            "key": ("", "x", HUGE, "\0" * 22),
        },
        by_emma=True,
        free=("body",),
    ),
    # The first of several is taken.
    "withdraw": Form(
        lambda t: f"/customer/invoices/{t.disputed}/dispute/withdraw", by_emma=True, empty=(303, 422)
    ),
    "save a method": Form(
        lambda t: "/customer/payment-methods/new",
        {"kind": "sepa", "account": "x"},
        {"kind": ("", "paypal", "SEPA", HUGE, "\0"), "account": (HUGE, "\0")},
        by_emma=True,
    ),
    "make a method the default": Form(
        lambda t: f"/customer/payment-methods/{t.method}/default", by_emma=True, empty=(303,)
    ),
    "continue with a method": Form(
        lambda t: f"/customer/payment-methods/{t.method}/continue", by_emma=True, empty=(303,)
    ),
    "stop a method": Form(lambda t: f"/customer/payment-methods/{t.method}/stop", by_emma=True, empty=(303,)),
    "revoke a method": Form(
        lambda t: f"/customer/payment-methods/{t.method}/revoke",
        {"successor": "x"},
        {"successor": ("", HUGE, "\0")},
        by_emma=True,
    ),
    # Counted, it leads to the file.
    "download": Form(lambda t: f"/customer/orders/{t.order}/files/{t.download}", by_emma=True, empty=(303,)),
    "ask for a plan": Form(
        lambda t: f"/customer/collections/{t.case}/plan",
        # Another total than is open, so that nothing is asked for by accident.
        {"instalments": "3", "message": "", "total": "1"},
        {
            "instalments": ("", "0", "4", "-3", "3.0", HUGE, "\0", "\u0663"),
            "message": (HUGE, "a\0b"),
            "total": CENTS,
        },
        by_emma=True,
        keeps="message",
    ),
    "pay a plan with": Form(
        lambda t: f"/customer/collections/{t.agreed_case}/method",
        {"method": "x"},
        {"method": ("", "x", HUGE, "\0")},
        by_emma=True,
    ),
    "dismiss": Form(lambda t: "/customer/notifications/nothing/dismiss", by_emma=True),
    "office log-in": Form(
        lambda t: "/office/login",
        {"email": "who@example.com", "password": "wrong password here"},
        {"email": ADDRESSES, "password": ("", HUGE, "a\0b")},
        keeps="email",
        writes=("login_events",),
    ),
    "office log-out": Form(lambda t: "/office/logout", empty=(303, 400)),
    "office preferences": Form(
        lambda t: "/office/preferences",
        {"theme": "dark", "locale": "en", "next": "/office"},
        {"theme": ("", "x", "DARK", HUGE, "\0"), "locale": ("", "de", HUGE, "\0", "nl_NL")},
        beside={"theme": "x", "locale": "x"},
        by_staff=True,
        empty=(303,),
    ),
    "office preview": Form(
        lambda t: "/office/tickets/preview", {"body": "**x**"}, by_staff=True, empty=(200,)
    ),
    "answer": Form(
        lambda t: f"/office/tickets/{t.ticket}/answer",
        {"body": "", "files": "", "by_mail": "y", "key": "a" * 22},
        {"body": (*EMPTY_AND_LONG, "x" * 50_000), "key": ("", "x", HUGE, "\0" * 22)},
        by_staff=True,
        free=("body",),
    ),
    "note": Form(
        lambda t: f"/office/tickets/{t.ticket}/note",
        {"body": "", "files": "", "key": "a" * 22},
        {"body": (*EMPTY_AND_LONG, "x" * 50_000), "key": ("", "x", HUGE, "\0" * 22)},
        by_staff=True,
        free=("body",),
    ),
    "new customer": Form(
        lambda t: "/office/customers/new",
        CUSTOMER_TYPED | {"invites": "y"},
        CUSTOMER_REFUSED,
        by_staff=True,
        keeps="email",
    ),
    "customer": Form(
        lambda t: f"/office/customers/{t.account}/edit",
        CUSTOMER_TYPED | {"language": "auto", "version": "1"},
        CUSTOMER_REFUSED
        | {"language": ("", "x", "EN", HUGE, "\0"), "version": ("", "x", "-1", HUGE, "1\0", "\u0661")},
        by_staff=True,
        keeps="email",
    ),
    "new draft": Form(
        lambda t: f"/office/invoices/new?customer={t.account}",
        {
            "lines-0-description": "Bread",
            "lines-0-quantity": "x",
            "lines-0-unit_price": "3.50",
            "lines-0-vat": "reduced:9",
            "note": "",
            "key": "a" * 22,
        },
        DRAFT_REFUSED | {"key": ("", "x", HUGE, "\0" * 22)},
        by_staff=True,
    ),
    "draft": Form(
        lambda t: f"/office/invoices/{t.draft}/edit",
        {
            "lines-0-description": "Bread",
            "lines-0-quantity": "x",
            "lines-0-unit_price": "3.50",
            "lines-0-vat": "reduced:9",
            "note": "",
            "version": "1",
        },
        DRAFT_REFUSED | {"version": ("", "x", "-1", "9" * 400, HUGE, "\0", "\u0661")},
        by_staff=True,
    ),
    "delete a draft": Form(
        lambda t: f"/office/invoices/{t.draft}/delete",
        {"version": "x"},
        {"version": ("", "x", "-1", "9" * 400, HUGE, "\0", "\u0661")},
        by_staff=True,
    ),
    "finalise": Form(
        lambda t: f"/office/invoices/{t.draft}/finalise",
        {"version": "x", "sends": "y"},
        {"version": ("", "x", "-1", "9" * 400, HUGE, "\0", "\u0661")},
        by_staff=True,
    ),
    "send an invoice": Form(lambda t: "/office/invoices/nothing/send", by_staff=True),
    "remind of an invoice": Form(lambda t: "/office/invoices/nothing/remind", by_staff=True),
    "register a payment": Form(
        lambda t: f"/office/invoices/{t.invoice}/payment",
        {"amount": "-1", "method": "transfer", "paid_on": "2026-11-01", "reference": "", "key": "a" * 22},
        {
            # More than what is open becomes credit, and a million is written like this in Dutch.
            "amount": tuple(each for each in AMOUNTS if each not in ("99999", "1.000.000")),
            "method": ("", "x", "ideal", "TRANSFER", HUGE, "\0"),
            "paid_on": ("", "x", "2999-01-01", "0001-01-01", "2026-02-30", HUGE, "\0", "\u0661"),
            "reference": (HUGE, "a\0b"),
            "key": ("", "x", HUGE, "\0" * 22),
        },
        by_staff=True,
        keeps="amount",
    ),
    "take a payment back": Form(
        lambda t: f"/office/invoices/{t.booked}/payments/{t.booked_payment}/undo",
        {"reason": ""},
        {"reason": EMPTY_AND_LONG},
        by_staff=True,
        free=("reason",),
    ),
    "credit": Form(
        lambda t: f"/office/invoices/{t.invoice}/credit",
        {"amount-1": "-1", "note": "", "told": ""},
        {
            # Beside an amount that cannot be: a tick is a tick whatever it says.
            "everything": ("x",),
            "whole-1": ("x",),
            "amount-1": AMOUNTS,
            "quantity-1": ("-1", "0", "x", "NaN", "1e3", "9" * 400, HUGE, "1\0", "\u0661"),
            "note": (HUGE, "a\0b"),
            "told": ("x", "-1", "9" * 51, HUGE, "\0", "\u0661"),
        },
        by_staff=True,
        keeps="amount-1",
    ),
    "new notification": Form(
        lambda t: "/office/notifications/new",
        NOTICE_TYPED | {"key": "a" * 22},
        NOTICE_REFUSED | {"key": ("", "x", HUGE, "\0" * 22)},
        by_staff=True,
        keeps="title",
    ),
    "notification": Form(
        lambda t: f"/office/notifications/{t.notice}",
        NOTICE_TYPED | {"version": "1"},
        NOTICE_REFUSED | {"version": ("", "x", "-1", "9" * 400, HUGE, "\0", "\u0661")},
        by_staff=True,
        keeps="title",
    ),
    "look at a notification": Form(
        lambda t: "/office/notifications/preview", NOTICE_TYPED, by_staff=True, empty=(200,)
    ),
    "take down": Form(lambda t: "/office/notifications/nothing/deactivate", by_staff=True),
    "invite": Form(
        lambda t: f"/office/customers/{t.account}/invite",
        {"email": "no address", "role": "owner"},
        {"email": ADDRESSES, "role": ("", "king", "OWNER", HUGE, "\0")},
        by_staff=True,
        keeps="email",
    ),
    "revoke an invitation": Form(
        lambda t: f"/office/customers/{t.account}/invitations/nothing/revoke", by_staff=True
    ),
    "accept an invitation": Form(
        lambda t: f"/invitation/{t.accept}",
        {"password": "short"},
        {"password": PASSWORDS},
        free=("password",),
    ),
    "decide": Form(
        lambda t: f"/office/tickets/{t.ticket}/move",
        {"move": "x"},
        {"move": ("", "x", "REVIEW", "customer_reply", HUGE, "\0")},
        by_staff=True,
    ),
    "grant": Form(
        lambda t: f"/office/tickets/{t.asks_file}/files/{t.wanted_file}/grant",
        {"version": "x"},
        {"version": ("", "x", "-1", "9" * 400, HUGE, "\0", "\u0661")},
        by_staff=True,
    ),
    "answer a plan": Form(
        lambda t: f"/office/tickets/{t.asks_plan}/plan/refuse",
        {"body": ""},
        {"body": (*EMPTY_AND_LONG, "x" * 50_000)},
        by_staff=True,
        free=("body",),
    ),
    "answer a dispute": Form(
        lambda t: f"/office/tickets/{t.asks_dispute}/dispute/reject",
        {"body": ""},
        {"body": (*EMPTY_AND_LONG, "x" * 50_000)},
        by_staff=True,
        free=("body",),
    ),
    "decide a cancellation": Form(
        lambda t: f"/office/tickets/{t.asks_cancellation}/cancellation/keep",
        {"body": ""},
        {"body": (*EMPTY_AND_LONG, "x" * 50_000)},
        by_staff=True,
        free=("body",),
    ),
    "refuse a refund": Form(
        lambda t: f"/office/tickets/{t.asks_refund}/refund/refuse",
        {"body": ""},
        {"body": (*EMPTY_AND_LONG, "x" * 50_000)},
        by_staff=True,
        free=("body",),
    ),
    "pay a refund out": Form(
        lambda t: f"/office/tickets/{t.asks_refund}/refund/paid",
        {"amount": "-1", "paid_on": "2026-11-01", "reference": "", "body": "Paid.", "key": "a" * 22},
        {
            "amount": AMOUNTS,
            "paid_on": ("", "x", "2999-01-01", "0001-01-01", "2026-02-30", HUGE, "\0", "\u0661"),
            "reference": (HUGE, "a\0b"),
            "body": (*EMPTY_AND_LONG, "x" * 50_000),
            "key": ("", "x", HUGE, "\0" * 22),
        },
        by_staff=True,
        keeps="amount",
        free=("body",),
    ),
    "prioritise": Form(
        lambda t: f"/office/tickets/{t.ticket}/priority",
        {"priority": "x"},
        {"priority": ("", "x", "HIGH", HUGE, "\0")},
        by_staff=True,
    ),
    "bank": Form(
        lambda t: f"/sandbox/{t.bank_payment}",
        {"decision": "x", "notice": "never"},
        {"decision": ("", "x", "PAID", HUGE, "\0"), "notice": ("", "x", HUGE, "\0")},
    ),
    "mandate": Form(
        lambda t: f"/sandbox/{t.bank_mandate}",
        {"holder": "E. de Vries", "iban": "NL00BANK", "consent": "y", "notice": "x"},
        {
            "notice": ("x", HUGE, "\0"),
            "holder": ("", HUGE, "a\0b"),
            "iban": ("", "x", "NL91ABNA0417164301", HUGE, "\0"),
            "consent": ("",),
        },
    ),
}


#: What takes a POST and is no form of FORMS, and where it is given bad input instead.
NOT_FORMS = {
    "setup.create": "at the end of this file, as it is there only without a shop",
    "hooks.receive": "no browser posts it: tests/blueprints/hooks/test_hooks.py",
    **dict.fromkeys(
        (
            "create_payment",
            "cancel_payment",
            "create_refund",
            "create_method",
            "cancel_method",
            "revoke_method",
        ),
        "JSON of the test bank: tests/blueprints/sandbox/test_bank.py",
    ),
}
NOT_FORMS = {name if "." in name else f"sandbox.{name}": place for name, place in NOT_FORMS.items()}
#: Forms that no page shows of what is on stage: one account, whose owner saves all of it, nothing started, and
#: subscriptions of which nothing is planned, a ticket that asks for nothing; a script sends one of them.
NOT_SHOWN = {
    "preferences.account",
    "profile.index",
    "invoices.restart",
    "pay.restart",
    "payment_methods.resume",
    "payment_methods.stop",
    "subscriptions.withdraw",
    "subscriptions.keep",
    "support.preview",
    "office.tickets.preview",
    # tests/blueprints/office/tickets/test_decisions.py finds it on the page of a ticket about an order.
    "office.tickets.grant",
    "office.notifications.look",
    "invoices.restart_several",
}
#: What stands in many forms and is tried in each of them.
EVERYWHERE = {"csrf_token", "next"}

#: What does not depend on the database is tried on one of them.
on_sqlite = pytest.mark.parametrize("here", ["sqlite"], indirect=True)


@pytest.fixture(scope="module", autouse=True)
def catalogues() -> None:
    compile_changed()


@pytest.fixture(scope="module", params=IN_TURN)
def here(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Things]]:
    """A world of its own on each database; part payments are on."""
    folder: Path = tmp_path_factory.mktemp("bad-input")
    url = f"sqlite:///{folder / 'loket.sqlite'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    app = make_app(folder, url, SMTP_URL="smtp://127.0.0.1:9", SANDBOX_URL="http://127.0.0.1:9")
    with clock.frozen(cast.START):
        database.set_reading(False)
        with app.app_context():
            flask_migrate.upgrade()
            ids = cast.put_on_stage()
            db.session.remove()
        app.config.update({name: "100000 per minute" for name in app.config if name.startswith("AUTH_LIMIT")})
        world = World(app, ids)
        things = put_things(world)
        with writing(world):
            db.session.get_one(Shop, ids.shop).allow_part_payment = True
        yield world, things
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[None]:
    with clock.frozen(cast.START):
        yield


def row_counts(world: World) -> dict[str, int]:
    database.set_reading(False)
    with world.app.app_context(), db.engine.connect() as connection:
        counting = [
            sa.select(sa.literal(table.name), sa.func.count()).select_from(table)
            for table in db.metadata.sorted_tables
        ]
        return {row[0]: int(row[1]) for row in connection.execute(sa.union_all(*counting))}


def sender(world: World, form: Form, language: str = "en") -> PageClient:
    client: Any = world.app.test_client()
    if form.by_emma or form.by_staff:
        client = (
            signed_in(world, world.ids.emma)
            if form.by_emma
            else signed_in(world, None, staff_id=world.ids.saskia)
        )
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    return client


def post(client: PageClient, path: str, token: str, **request: Any) -> TestResponse:
    limiter.reset()
    headers = {"Referer": f"https://{client.host}/", "X-CSRFToken": token}
    return client.post(path, headers=headers, **request)


class Trial:
    """Sends and judges: the status, the log, and the rows after a refusal."""

    def __init__(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        self.world, self.caplog = world, caplog
        self.wrong: list[str] = []
        self.rows: dict[str, int] | None = None

    def judge(
        self,
        what: str,
        send: Callable[[], TestResponse],
        *,
        allowed: tuple[int, ...] | None = None,
        writes: tuple[str, ...] = (),
    ) -> TestResponse:
        if self.rows is None:
            self.rows = row_counts(self.world)
        self.caplog.clear()
        answer = send()
        if answer.status_code >= 500:
            self.wrong.append(f"{what}: {answer.status}")
        if allowed is not None and answer.status_code not in allowed:
            self.wrong.append(f"{what}: {answer.status}, not {allowed}")
        if answer.status_code < 400 and answer.request.method == "POST":
            self.rows = None  # it may have been taken
        elif answer.request.method == "POST":
            before, self.rows = self.rows, row_counts(self.world)
            if [
                (table, count)
                for table, count in self.rows.items()
                if count != before[table] and table not in writes
            ]:
                self.wrong.append(f"{what}: refused, and yet rows were written")
        errors = [record.getMessage() for record in self.caplog.records if record.levelno >= logging.ERROR]
        if errors:
            self.wrong.append(f"{what}: the log says {errors}")
        return answer

    def finish(self) -> None:
        if self.rows is not None and self.rows != row_counts(self.world):
            self.wrong.append("a GET wrote rows")
        assert not self.wrong, "\n".join(self.wrong)


@pytest.fixture
def trial(here: tuple[World, Things], caplog: pytest.LogCaptureFixture) -> Iterator[Trial]:
    caplog.set_level(logging.INFO)
    made = Trial(here[0], caplog)
    yield made
    made.finish()


def name(value: str) -> str:
    return repr(value if len(value) < 40 else f"{value[:10]}… ({len(value)})")


@on_sqlite
def test_every_rule_that_takes_something_is_tried(here: tuple[World, Things]) -> None:
    """A new form has no test of its bad input until it stands in FORMS."""
    world, things = here
    map_ = world.app.url_map
    takes = {
        rule.endpoint for rule in map_.iter_rules() if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    adapter = map_.bind(cast.HOST)
    tried = {adapter.match(urlsplit(form.path(things)).path, method="POST")[0] for form in FORMS.values()}
    assert takes - tried - set(NOT_FORMS) == set(), "add the new rule to FORMS"
    assert not tried & set(NOT_FORMS) and set(NOT_FORMS) <= takes


@on_sqlite
def test_every_field_is_tried(here: tuple[World, Things]) -> None:
    """A new field on a page that is there already, too: the names that a browser would send are those of FORMS."""
    world, things = here
    adapter = world.app.url_map.bind(cast.HOST)
    tried: dict[str, set[str]] = {}
    for form in FORMS.values():
        endpoint = adapter.match(urlsplit(form.path(things)).path, method="POST")[0]
        tried.setdefault(endpoint, set(EVERYWHERE)).update(form.valid, form.refused)
    seen, missing = set(), set()
    clients: tuple[tuple[Any, Any], ...] = (
        (signed_in(world, world.ids.emma), CUSTOMER),
        (world.app.test_client(), PUBLIC),
        (signed_in(world, None, staff_id=world.ids.saskia), STAFF),
    )
    for client, cases in clients:
        client.checks = False
        for key, case in cases.items():
            if key[1] != "GET" or getattr(case, "headers", None) is not None:
                continue
            limiter.reset()
            path = case.path(things)
            answer = client.get(path)
            if answer.mimetype != "text/html" or answer.status_code != 200:
                continue
            for element in find_all(parse(answer.get_data(as_text=True)), "form"):
                if element.attrib.get("method", "get").lower() != "post":
                    continue
                endpoint = adapter.match(urlsplit(element.attrib.get("action") or path).path, method="POST")[
                    0
                ]
                seen.add(endpoint)
                controls = find_all(element, "input", "select", "textarea", "button")
                names = {each.attrib["name"] for each in controls if each.attrib.get("name")}
                missing |= {(endpoint, name) for name in names - tried[endpoint]}
    assert not missing, "a field that nobody tries: add it to FORMS"
    assert set(tried) - seen == NOT_SHOWN


@pytest.mark.parametrize("which", FORMS)
def test_what_a_field_does_not_take_is_refused(here: tuple[World, Things], trial: Trial, which: str) -> None:
    world, things = here
    form = FORMS[which]
    client = sender(world, form)
    token, path = client.token(), form.path(things)
    for into, values in form.refused.items():
        for value in values:
            data = {**form.valid, into: value, "csrf_token": token}
            if into == "method":
                data.pop("amount", None)
            trial.judge(
                f"{into}={name(value)}",
                lambda data=data: post(client, path, token, data=data),  # type: ignore[misc]
                allowed=(400, 404, 422),
            )


def in_turn(values: Sequence[str], place: int, of: int) -> Sequence[str]:
    """In `make test` each place gets some of the values, the next one the next; the soak sends all of them to each."""
    return values if IN_TURN == ["postgres"] else values[place % of :: of]


@pytest.mark.parametrize("which", FORMS)
def test_no_value_breaks_a_form(here: tuple[World, Things], trial: Trial, which: str) -> None:
    world, things = here
    form = FORMS[which]
    client = sender(world, form)
    token, path = client.token(), form.path(things)
    for place, into in enumerate(sorted({*form.valid, "next", "unknown"} - set(form.free))):
        for value in in_turn(ATTACKS, place, 5):
            data = {**(form.beside or form.valid), into: value, "csrf_token": token}
            answer = trial.judge(
                f"{into}={name(value)}",
                lambda data=data: post(client, path, token, data=data),  # type: ignore[misc]
                writes=form.writes,
            )
            location = answer.headers.get("Location", "/")
            if not re.match(r"/(?![/\\])", location):
                trial.wrong.append(f"{into}={name(value)} leads to {location}")
            if "<script>alert" in answer.get_data(as_text=True):
                trial.wrong.append(f"{into}={name(value)} comes back as markup")
            mine = ("__Secure-loket_staff", "/office") if form.by_staff else ("__Host-loket_person", "/")
            kept = client.get_cookie(mine[0], domain=client.host, path=mine[1]) is not None
            if not kept and (form.by_emma or form.by_staff):
                trial.wrong.append(f"{into}={name(value)} ended the session")


FORM_DATA = "application/x-www-form-urlencoded"
BODIES: dict[str, dict[str, Any]] = {
    "JSON": {"json": {"email": "a@example.com", "method": ["ideal"], "theme": {"$ne": None}}},
    "JSON that is none": {"data": b"{", "content_type": "application/json"},
    "a list": {"json": []},
    "plain text": {"data": b"email=a@example.com", "content_type": "text/plain"},
    "XML": {
        "data": b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
        "content_type": "text/xml",
    },
    "no UTF-8": {"data": b"email=%ff%fe&method=\xff\xfe&theme=%c3%28", "content_type": FORM_DATA},
    "half a multipart": {
        "data": b"--x\r\nContent-Disposition: form-data; name=",
        "content_type": "multipart/form-data; boundary=x",
    },
    "a multipart without a boundary": {"data": b"--x--", "content_type": "multipart/form-data"},
    "another character set": {"data": b"email=a", "content_type": f"{FORM_DATA}; charset=utf-7"},
    "a content type of nothing": {"data": b"x", "content_type": "\u00ff/\u00ff; charset=\u00ff"},
    "2,000 fields": {"data": {f"field{number}": "x" for number in range(2000)}},
}
#: What the application stops before any form sees it.
HUGE_BODIES: dict[str, dict[str, Any]] = {
    "10 MB in a field": {"data": {"email": "x" * BYTES_10_MB, "method": "x", "theme": "x"}},
    "10 MB of nothing": {"data": b"\0" * BYTES_10_MB, "content_type": "application/octet-stream"},
    "10 MB in JSON": {"data": b"[" * BYTES_10_MB, "content_type": "application/json"},
    "13 MB": {"data": b"a=" + b"x" * (13 * 1024 * 1024), "content_type": FORM_DATA},
}
#: One form of each limit and of each kind of reader, which `make test` sends them to; the soak sends them to all.
TRIED_WITH_HUGE = {
    "log-in",
    "office log-in",
    "account",
    "new question",
    "preview",
    "answer",
    "new draft",
    "bank",
}


@on_sqlite
@pytest.mark.parametrize("which", FORMS)
def test_no_body_breaks_a_form(here: tuple[World, Things], trial: Trial, which: str) -> None:
    world, things = here
    form = FORMS[which]
    client = sender(world, form)
    token, path = client.token(), form.path(things)
    huge = HUGE_BODIES if IN_TURN == ["postgres"] or which in TRIED_WITH_HUGE else {}
    for what, body in (BODIES | huge).items():
        send = lambda body=body: post(client, path, token, **body)  # type: ignore[misc]  # noqa: E731
        answer = trial.judge(what, send)
        if answer.status_code >= 400 and len(answer.get_data(as_text=True)) < 500:
            trial.wrong.append(f"{what}: no page, but {answer.get_data(as_text=True)!r}")
    trial.judge("nothing", lambda: post(client, path, token, data={"csrf_token": token}), allowed=form.empty)
    files = {"csrf_token": token, **{into: (io.BytesIO(b"x"), "x.txt") for into in form.valid}}
    send = lambda: post(client, path, token, data=files, content_type="multipart/form-data")  # noqa: E731
    trial.judge("files in place of texts", send)


def complaints(answer: TestResponse) -> str:
    """What a page says is wrong: of a form its errors, of an error page its text."""
    page = parse(answer.get_data(as_text=True))
    alerts = [
        e
        for e in page.iter()
        if e.attrib.get("role") == "alert" or "field-error" in e.attrib.get("class", "")
    ]
    if not alerts:
        alerts = [e for e in page.iter() if e.attrib.get("class", "") == "error-page"]
    return " ".join(text_of(element) for element in alerts)


@on_sqlite
@pytest.mark.parametrize("which", FORMS)
def test_the_reader_is_told_in_their_language(here: tuple[World, Things], trial: Trial, which: str) -> None:
    """Of each field one value in `make test`, which sends all of them elsewhere, and all of them in the soak."""
    world, things = here
    form = FORMS[which]
    for into, values in form.refused.items():
        for value in values if IN_TURN == ["postgres"] else values[:1]:
            said = {}
            for language in ("en", "nl"):
                client = sender(world, form, language)
                token = client.token()
                data = {**form.valid, into: value, "csrf_token": token}
                if into == "method":
                    data.pop("amount", None)
                answer = post(client, form.path(things), token, data=data)
                html = parse(answer.get_data(as_text=True))
                assert find_all(html, "html")[0].attrib["lang"] == language
                said[language] = complaints(answer)
            if not said["en"] or said["en"] == said["nl"]:
                trial.wrong.append(f"{into}={name(value)}: {said}")
            if len(values) > 4 and len(value) > 5000:
                break


def fail_at_the_door(world: World, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The shop's own page ends in an error, as any view may."""

    def view() -> None:
        raise error

    monkeypatch.setitem(world.app.view_functions, "shop.index", view)
    monkeypatch.setitem(world.app.config, "PROPAGATE_EXCEPTIONS", False)


@on_sqlite
@pytest.mark.parametrize(
    ("status", "by_emma"),
    # 403 is for who is signed in and lacks a right; a visitor is led to log-in.
    [(status, who) for status in (400, 404, 405, 409, 413, 429, 500) for who in (False, True)]
    + [(403, True)],
)
def test_error_pages_are_in_the_readers_language(
    here: tuple[World, Things], monkeypatch: pytest.MonkeyPatch, status: int, by_emma: bool
) -> None:
    world, things = here
    said = {}
    monkeypatch.setitem(world.app.config, "AUTH_LIMIT_LINK", "1 per hour")
    if status in (409, 500):
        error = StaleDataError() if status == 409 else ZeroDivisionError("secret detail")
        fail_at_the_door(world, monkeypatch, error)
    for language in ("en", "nl"):
        client: Any = sender(world, Form(lambda t: "/", by_emma=by_emma), language)
        limiter.reset()
        requests: dict[int, Callable[[], TestResponse]] = {
            400: lambda: client.post("/logout"),  # noqa: B023
            403: lambda: bram_pays(world, things, language),  # noqa: B023
            404: lambda: client.get("/nothing-here"),  # noqa: B023
            405: lambda: client.get("/logout"),  # noqa: B023
            409: lambda: client.get("/"),  # noqa: B023
            413: lambda: client.post("/preferences", data={"theme": "x" * 13 * 1024 * 1024}),  # noqa: B023
            429: lambda: [client.post(f"/reset-password/{'A' * 43}") for _ in range(2)][-1],  # noqa: B023
            500: lambda: client.get("/"),  # noqa: B023
        }
        answer = requests[status]()
        assert answer.status_code == status
        html = parse(answer.get_data(as_text=True))
        assert find_all(html, "html")[0].attrib["lang"] == language
        assert "secret detail" not in answer.get_data(as_text=True)
        said[language] = complaints(answer)
    assert said["en"] and said["nl"] and said["en"] != said["nl"]


def bram_pays(world: World, things: Things, language: str) -> TestResponse:
    """He may look at the account, and no more."""
    bram = signed_in(world, world.ids.bram)
    bram.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    return post(bram, f"/customer/invoices/{things.invoice}/pay", bram.token(), data={"method": "ideal"})


@on_sqlite
@pytest.mark.parametrize("which", FORMS)
def test_a_post_from_elsewhere_changes_nothing(here: tuple[World, Things], trial: Trial, which: str) -> None:
    """Without the token of this session: another site, or a page of before the log-in."""
    world, things = here
    form = FORMS[which]
    typed = {
        "email": "typed@example.com", "amount": "12.34", "street": "Typed 1", "subject": "Typed",
        "family_name": "Typed",
    }.get(form.keeps or "")  # fmt: skip
    data = {**form.valid, **({form.keeps: typed} if form.keeps and typed else {})}
    stranger = world.app.test_client()
    for token in (None, "", "x", stranger.token()):  # type: ignore[attr-defined]
        client = sender(world, form)
        client.get("/")
        trial.rows = None  # a session began
        body = data if token is None else {**data, "csrf_token": token}
        answer = trial.judge(
            f"token {token!r}",
            lambda body=body, client=client: client.post(  # type: ignore[misc]
                form.path(things), data=body, headers={"Referer": "https://evil.example.test/"}
            ),
            allowed=(400, 422),
        )
        if typed is not None:
            assert answer.status_code == 422, "the form is shown again"
            fields = {
                e.attrib.get("name"): e.attrib.get("value") for e in find_all(parse(answer.text), "input")
            }
            assert fields[form.keeps] == typed, "with what was typed"
            assert "open for too long" in complaints(answer)


# Addresses.

PAGES = (
    "/", "/login", "/register", "/customer", "/customer/invoices", "/customer/orders", "/customer/subscriptions",
    "/customer/support", "/customer/support/new", "/customer/contacts", "/customer/notifications", "/customer/profile",
    "/customer/settings", "/customer/collections",
    "/office", "/office/login", "/office/tickets", "/office/customers",
    "/office/invoices", "/office/invoices/new", "/office/notifications",
)  # fmt: skip
PARTS = ("status", "q", "after", "before")
OWN_PARTS = {
    "pdf": ("language", "save"),
    "return": ("piece",),
    "/login": ("next",),
    "/office/login": ("next",),
    "/office": ("x",),
    "/office/notifications": ("status", "after", "before"),
    "/office/invoices": ("status", "q", "after", "before"),
    "/office/invoices/new": ("customer", "q"),
    "/office/customers": ("q", "after", "before"),
    "/office/tickets": ("status", "type", "priority", "q", "after", "before"),
    "/customer/support/new": ("about", "type"),
    "link": ("x",),
    "bank": ("x",),
    "credit": ("ticket",),
}


@pytest.mark.parametrize("page", [*PAGES, "invoice", "pdf", "link", "return", "bank", "credit"])
def test_no_query_breaks_a_page(here: tuple[World, Things], trial: Trial, page: str) -> None:
    world, things = here
    path = {
        "invoice": f"/customer/invoices/{things.invoice}",
        "pdf": f"/customer/invoices/{things.invoice}/pdf",
        "link": f"/pay/{things.link}",
        "return": f"/pay/return/{things.payment}",
        "bank": f"/sandbox/{things.bank_payment}",
        "credit": f"/office/invoices/{things.invoice}/credit",
    }.get(page, page)
    client = sender(world, Form(lambda t: path, by_emma=True))
    if path.startswith("/office/"):
        client = sender(world, Form(lambda t: path, by_staff=path != "/office/login"))
    client.checks = page not in ("pdf", "return")
    for place, part in enumerate(OWN_PARTS.get(page, PARTS if page.startswith("/customer/") else ("x",))):
        for value in (*in_turn(ATTACKS, place, 3), "x" * 10_000, "W10", "eyJ4IjogMX0"):
            address = f"{path}?{quote(part)}={quote(value)}"
            limiter.reset()
            answer = trial.judge(
                f"{part}={name(value)}",
                lambda address=address: client.get(address),  # type: ignore[misc]
                allowed=(200, 303, 404) if page in ("pdf", "/office/invoices/new") else (200, 303),
            )
            assert (
                "<script>alert" not in answer.get_data(as_text=True)
                if answer.mimetype == "text/html"
                else True
            )
    for raw in (
        "?%ff%fe=%c3%28",
        "?" + "a=1&" * 3000,
        "?q=" + "%f0%9f%98%80" * 4000,
        "?;;;&&&===",
        "?status[]=x",
    ):
        trial.judge(raw[:20], lambda raw=raw: client.get(path + raw))  # type: ignore[misc]


OBJECTS = (
    "/customer/invoices/{}", "/customer/invoices/{}/pdf", "/customer/invoices/{}/transfer", "/customer/orders/{}",
    "/customer/subscriptions/{}", "/customer/support/{}", "/customer/contacts/{}", "/customer/contacts/{}/remove",
    "/customer/support/{}/reply", "/customer/support/x/files/{}",
    "/customer/profile/{}", "/customer/profile/{}/email", "/customer/collections/{}", "/customer/collections/{}/plan",
    "/customer/collections/{}/method",
    "/pay/{}", "/pay/return/{}", "/confirm/{}", "/reset-password/{}", "/claim/{}", "/change-email/{}", "/sandbox/{}",
    "/sandbox/{}/returning", "/setup/{}", "/logo-{}", "/hooks/{}", "/tone-{}.css",
    "/office/tickets/{}", "/office/tickets/{}/answer", "/office/tickets/x/files/{}", "/office/customers/{}",
    "/office/invoices/{}", "/office/invoices/{}/edit", "/office/invoices/{}/pdf", "/invitation/{}",
    "/office/notifications/{}", "/office/tickets/{}/plan/agree", "/office/tickets/x/plan/{}",
    "/office/invoices/{}/credit",
)  # fmt: skip


@pytest.mark.parametrize("address", OBJECTS)
def test_no_name_in_an_address_breaks_a_page(here: tuple[World, Things], trial: Trial, address: str) -> None:
    in_office = address.startswith("/office")
    client = sender(here[0], Form(lambda t: address, by_emma=not in_office, by_staff=in_office))
    for value in in_turn(ATTACKS, OBJECTS.index(address), 3):
        limiter.reset()
        path = address.format(quote(value, safe=""))
        allowed = (200, 303, 308, 400, 404, 405)
        trial.judge(path[:60], lambda path=path: client.get(path), allowed=allowed)  # type: ignore[misc]


@on_sqlite
@pytest.mark.parametrize("into", ["__Host-loket_person", "__Host-loket_visitor", "__Host-loket_flash"])
def test_no_cookie_breaks_a_page(here: tuple[World, Things], trial: Trial, into: str) -> None:
    world, _ = here
    for value in (*ATTACKS, "e30.x.y", ".eJx.x.y", "x" * 200):
        client = world.app.test_client()
        client.set_cookie(into, quote(value), domain=cast.HOST, secure=True)
        answer = trial.judge(name(value), lambda client=client: client.get("/"), allowed=(200,))  # type: ignore[misc]
        assert "Emma" not in answer.get_data(as_text=True)
        trial.judge(name(value), lambda client=client: client.get("/customer"), allowed=(303,))  # type: ignore[misc]
        raw = {"Cookie": f"{into}=".encode() + value.encode("utf-8", "replace")[:3000].replace(b"\r\n", b"")}
        header = {"Cookie": raw["Cookie"].decode("latin-1").replace("\0", "")}
        trial.judge(name(value), lambda header=header: world.app.test_client().get("/", headers=header))  # type: ignore[misc]


@on_sqlite
@pytest.mark.parametrize(
    "header",
    ["Accept-Language", "Referer", "User-Agent", "Host", "X-Forwarded-For", "Range", "If-None-Match"],
)
def test_no_header_breaks_a_page(here: tuple[World, Things], trial: Trial, header: str) -> None:
    client = here[0].app.test_client()
    for value in ATTACKS:
        sent = value.encode("utf-8").decode("latin-1").replace("\r\n", " ").replace("\0", "\x01")
        trial.judge(name(value), lambda sent=sent: client.get("/login", headers={header: sent}))  # type: ignore[misc]


# Set-up, which is there only while there is no shop: last, as it empties the database.

SETUP_REFUSED = {
    "shop_name": EMPTY_AND_LONG,
    "language": ("", "de", HUGE, "\0"),
    "owner_name": EMPTY_AND_LONG,
    "email": ADDRESSES,
    "password": PASSWORDS,
}


def test_set_up_takes_no_bad_input(here: tuple[World, Things], trial: Trial) -> None:
    world, things = here
    remove_every_shop(world)
    path, client = f"/setup/{things.setup}", world.app.test_client()
    for into, values in SETUP_REFUSED.items():
        for value in (*values, *(ATTACKS if into != "password" else ())):
            said = {}
            for language in ("en", "nl"):
                limiter.reset()
                answer = trial.judge(
                    f"{into}={name(value)}",
                    lambda into=into, value=value, language=language: client.post(  # type: ignore[misc]
                        path,
                        # Of the attacks a name may be anything: a password that is too short keeps the rest out.
                        data={**SETUP_FORM, "password": "short", into: value},
                        headers={"Accept-Language": language},
                    ),
                    allowed=(422,),
                )
                said[language] = complaints(answer)
            if not said["en"] or said["en"] == said["nl"]:
                trial.wrong.append(f"{into}={name(value)}: {said}")
    for what, body in BODIES.items():
        limiter.reset()
        trial.judge(what, lambda body=body: client.post(path, **body), allowed=(400, 413, 422))  # type: ignore[misc]
    with world.app.app_context():
        assert db.session.query(Shop).count() == 0
