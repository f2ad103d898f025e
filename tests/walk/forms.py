"""Every form that the walks fill in: what is sent where it is right, and what each field must refuse.

``tests/walk/test_bad_input.py`` sends it, and says which rules and fields are missing here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.walk.cases import DETAILS
from tests.walk.stage import EMMAS_ACCOUNT, PLAN, Things

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
CENTS = ("-1", "x", "1.5", "1e3", "NaN", "9" * 400, HUGE, "1\0", "\u0661")
PAY = {
    "method": ("", HUGE, "\0", "saved:", "saved:\0", "saved:x", "cash", "sepa", "IDEAL"),
    "amount": AMOUNTS,
    "under_way": CENTS,
}
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
        {"given_name": "A", "family_name": "B", "password": "short"},
        {"given_name": EMPTY_AND_LONG, "family_name": EMPTY_AND_LONG, "password": PASSWORDS},
        free=("given_name", "family_name", "password"),
        keeps="family_name",
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
    "pay money back": Form(
        lambda t: f"/office/invoices/{t.refundable}/refund?ticket={t.asks_refund}",
        {
            "amount": "-1",
            "way": "own_bank",
            "paid_on": "2026-11-01",
            "reference": "",
            "body": "Paid.",
            "key": "a" * 22,
        },
        {
            "amount": AMOUNTS,
            "way": ("", "x", HUGE, "\0", "a" * 22),
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
    "setup.create": "at the end of test_bad_input.py, as it is there only without a shop",
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
EVERYWHERE = {"csrf_token", "next", "kept"}
