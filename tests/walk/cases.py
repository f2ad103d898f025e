"""One case for each rule and method of the portal; a rule that is not in here fails the walk.

A page of a customer needs no more than its path. A public page says what makes its address valid, and what a wrong
one looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.walk.stage import CAUGHT, EMMAS_ACCOUNT, METHOD, PLAN, Things

Path = Callable[[Things], str]
Key = tuple[str, str]


@dataclass(frozen=True)
class CustomerCase:
    """A page of a customer. With ``is_list`` it has no object: everybody sees their own."""

    path: Path
    data: dict[str, str] = field(default_factory=dict)
    is_list: bool = False
    is_page: bool = True


def _list(path: str) -> CustomerCase:
    return CustomerCase(lambda things: path, is_list=True)


#: What Emma's account is changed to: nothing, as it is that already.
DETAILS = {
    "version": "2", "given_name": "Emma", "family_name": "de Vries", "name": "Emma de Vries", "phone": "",
    "street": "Lange Nieuwstraat 2", "postal_code": "3512 PH", "city": "Utrecht", "country": "NL",
}  # fmt: skip

#: (endpoint, method) → case. Bodies are valid ones.
CUSTOMER: dict[Key, CustomerCase] = {
    ("home.index", "GET"): _list("/customer"),
    ("invoices.index", "GET"): _list("/customer/invoices"),
    ("orders.index", "GET"): _list("/customer/orders"),
    ("subscriptions.index", "GET"): _list("/customer/subscriptions"),
    ("support.index", "GET"): _list("/customer/support"),
    ("payment_methods.index", "GET"): _list("/customer/payment-methods"),
    ("payment_methods.create", "GET"): _list("/customer/payment-methods/new"),
    ("payment_methods.add", "POST"): CustomerCase(
        lambda t: "/customer/payment-methods/new", {"account": EMMAS_ACCOUNT, "kind": "sepa"}, is_list=True
    ),
    ("invoices.show", "GET"): CustomerCase(lambda t: f"/customer/invoices/{t.invoice}"),
    ("invoices.pay", "POST"): CustomerCase(
        lambda t: f"/customer/invoices/{t.invoice}/pay", {"method": "ideal"}
    ),
    ("invoices.pay_several", "GET"): CustomerCase(lambda t: f"/customer/invoices/pay?invoice={t.invoice}"),
    ("invoices.start_several", "POST"): CustomerCase(
        lambda t: f"/customer/invoices/pay?invoice={t.invoice}", {"method": "ideal", "total": "12100"}
    ),
    ("invoices.restart_several", "POST"): CustomerCase(
        lambda t: f"/customer/invoices/pay/restart?invoice={t.invoice}"
    ),
    ("invoices.unsent", "GET"): CustomerCase(lambda t: f"/customer/invoices/{t.invoice}/pay"),
    ("invoices.paying", "GET"): CustomerCase(
        lambda t: f"/customer/invoices/{t.invoice}/pay/progress", is_page=False
    ),
    ("invoices.restart", "POST"): CustomerCase(lambda t: f"/customer/invoices/{t.invoice}/restart"),
    ("invoices.transfer", "GET"): CustomerCase(lambda t: f"/customer/invoices/{t.invoice}/transfer"),
    ("invoices.download", "GET"): CustomerCase(lambda t: f"/customer/invoices/{t.invoice}/pdf"),
    ("invoices.build", "POST"): CustomerCase(
        lambda t: f"/customer/invoices/{t.invoice}/pdf", {"language": "en"}
    ),
    ("invoices.progress", "GET"): CustomerCase(
        lambda t: f"/customer/invoices/{t.invoice}/pdf/progress", is_page=False
    ),
    ("invoices.bundled", "GET"): _list("/customer/invoices/files"),
    ("invoices.bundled", "POST"): CustomerCase(
        lambda t: "/customer/invoices/files",
        {"first_day": "2026-01-01", "last_day": "2026-11-01", "account": EMMAS_ACCOUNT},
        is_list=True,
    ),
    ("invoices.make_year", "POST"): CustomerCase(
        lambda t: "/customer/invoices/files/year", {"year": "2026", "account": EMMAS_ACCOUNT}, is_list=True
    ),
    ("invoices.bundle_progress", "GET"): CustomerCase(
        lambda t: f"/customer/invoices/files/{t.bundle}/progress", is_page=False
    ),
    ("invoices.fetch_bundle", "GET"): CustomerCase(
        lambda t: f"/customer/invoices/files/{t.bundle}/download", is_page=False
    ),
    ("invoices.refund", "GET"): CustomerCase(lambda t: f"/customer/invoices/{t.paid}/refund"),
    ("invoices.refund", "POST"): CustomerCase(
        lambda t: f"/customer/invoices/{t.paid}/refund",
        {"subject": "Money back", "body": "It broke.", "key": "c" * 22},
    ),
    ("invoices.dispute", "GET"): CustomerCase(lambda t: f"/customer/invoices/{t.invoice}/dispute"),
    ("invoices.dispute", "POST"): CustomerCase(
        lambda t: f"/customer/invoices/{t.invoice}/dispute",
        {"line": "1", "body": "Too much.", "key": "d" * 22},
    ),
    ("invoices.withdraw", "GET"): CustomerCase(lambda t: f"/customer/invoices/{t.disputed}/dispute/withdraw"),
    ("invoices.withdraw", "POST"): CustomerCase(
        lambda t: f"/customer/invoices/{t.disputed}/dispute/withdraw"
    ),
    ("notifications.index", "GET"): _list("/customer/notifications"),
    ("notifications.dismiss", "POST"): CustomerCase(lambda t: f"/customer/notifications/{t.notice}/dismiss"),
    ("contacts.index", "GET"): _list("/customer/contacts"),
    ("contacts.create", "GET"): _list("/customer/contacts/new"),
    ("contacts.add", "POST"): CustomerCase(
        lambda t: "/customer/contacts/new",
        {"name": "Piet", "email": "piet@example.net", "role": "general", "account": EMMAS_ACCOUNT},
        is_list=True,
    ),
    ("contacts.edit", "GET"): CustomerCase(lambda t: f"/customer/contacts/{t.contact}"),
    ("contacts.change", "POST"): CustomerCase(
        lambda t: f"/customer/contacts/{t.contact}",
        {"name": "Piet", "email": "piet@example.net", "role": "general", "version": "1"},
    ),
    ("contacts.confirm", "GET"): CustomerCase(lambda t: f"/customer/contacts/{t.contact}/remove"),
    ("contacts.remove", "POST"): CustomerCase(lambda t: f"/customer/contacts/{t.contact}/remove"),
    ("settings.index", "GET"): _list("/customer/settings"),
    # What is everybody's own; the account's part has a table of its own in tests/blueprints/settings.
    ("settings.save", "POST"): CustomerCase(lambda t: "/customer/settings", {"theme": "dark"}, is_list=True),
    ("profile.index", "GET"): _list("/customer/profile"),
    ("profile.index", "POST"): CustomerCase(
        lambda t: "/customer/profile", {"given_name": "Emma", "family_name": "de Vries"}, is_list=True
    ),
    ("profile.login_email", "GET"): _list("/customer/profile/email"),
    ("profile.login_email", "POST"): CustomerCase(
        lambda t: "/customer/profile/email",
        {"email": "other@example.com", "password": "correct horse battery"},
        is_list=True,
    ),
    ("profile.account", "GET"): CustomerCase(lambda t: f"/customer/profile/{t.account}"),
    ("profile.account", "POST"): CustomerCase(lambda t: f"/customer/profile/{t.account}", DETAILS),
    ("profile.account_email", "GET"): CustomerCase(lambda t: f"/customer/profile/{t.account}/email"),
    ("profile.account_email", "POST"): CustomerCase(
        lambda t: f"/customer/profile/{t.account}/email",
        {"email": "other@example.com", "password": "correct horse battery"},
    ),
    ("orders.show", "GET"): CustomerCase(lambda t: f"/customer/orders/{t.order}"),
    ("orders.fetch", "POST"): CustomerCase(
        lambda t: f"/customer/orders/{t.order}/files/{t.download}", is_page=False
    ),
    ("subscriptions.show", "GET"): CustomerCase(lambda t: f"/customer/subscriptions/{t.subscription}"),
    ("subscriptions.cancel", "GET"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/cancel"
    ),
    ("subscriptions.cancel", "POST"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/cancel",
        # Today, in a month, after two bills of which the last is for two days of fourteen.
        {"reason": "other", "told": "2026-12-01.2.350.0"},
    ),
    ("subscriptions.withdraw", "POST"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/withdraw"
    ),
    ("subscriptions.pause", "GET"): CustomerCase(lambda t: f"/customer/subscriptions/{t.subscription}/pause"),
    ("subscriptions.pause", "POST"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/pause",
        {"until": "2026-12-24", "told": "2026-11-01_13_2026-12-24_13_2027-01-06.2450_2027-01-20.2450"},
    ),
    ("subscriptions.resume", "GET"): CustomerCase(lambda t: f"/customer/subscriptions/{t.paused}/resume"),
    ("subscriptions.resume", "POST"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.paused}/resume",
        {"told": "2026-11-01_3_2026-11-04.2450_2026-11-18.2450"},
    ),
    # With what was chosen in the address, the page shows the form that agrees to it.
    ("subscriptions.switch", "GET"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/switch?plan={PLAN}&quantity=2"
    ),
    ("subscriptions.switch", "POST"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/switch?plan={PLAN}&quantity=2",
        {"plan": PLAN, "quantity": "2", "told": "2026-11-15.2450.4900"},
    ),
    ("subscriptions.keep", "POST"): CustomerCase(lambda t: f"/customer/subscriptions/{t.subscription}/keep"),
    ("subscriptions.choose_method", "GET"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/method"
    ),
    ("subscriptions.choose_method", "POST"): CustomerCase(
        lambda t: f"/customer/subscriptions/{t.subscription}/method", {"method": METHOD}
    ),
    ("payment_methods.show", "GET"): CustomerCase(lambda t: f"/customer/payment-methods/{t.method}"),
    ("payment_methods.make_default", "POST"): CustomerCase(
        lambda t: f"/customer/payment-methods/{t.method}/default"
    ),
    ("payment_methods.resume", "POST"): CustomerCase(
        lambda t: f"/customer/payment-methods/{t.method}/continue"
    ),
    ("payment_methods.stop", "POST"): CustomerCase(lambda t: f"/customer/payment-methods/{t.method}/stop"),
    ("payment_methods.back", "GET"): CustomerCase(lambda t: f"/customer/payment-methods/{t.method}/return"),
    ("payment_methods.confirm", "GET"): CustomerCase(
        lambda t: f"/customer/payment-methods/{t.method}/revoke"
    ),
    ("payment_methods.revoke", "POST"): CustomerCase(
        lambda t: f"/customer/payment-methods/{t.method}/revoke", {"successor": "none"}
    ),
    ("payment_methods.mandate", "GET"): CustomerCase(
        lambda t: f"/customer/payment-methods/{t.method}/mandate", is_page=False
    ),
    ("collections.index", "GET"): _list("/customer/collections"),
    ("collections.show", "GET"): CustomerCase(lambda t: f"/customer/collections/{t.case}"),
    ("collections.plan", "GET"): CustomerCase(lambda t: f"/customer/collections/{t.case}/plan?instalments=3"),
    ("collections.ask", "POST"): CustomerCase(
        lambda t: f"/customer/collections/{t.case}/plan?instalments=3", {"instalments": "3", "total": "12100"}
    ),
    ("collections.method", "GET"): CustomerCase(lambda t: f"/customer/collections/{t.agreed_case}/method"),
    ("collections.pay_with", "POST"): CustomerCase(
        lambda t: f"/customer/collections/{t.agreed_case}/method", {"method": METHOD}
    ),
    ("support.show", "GET"): CustomerCase(lambda t: f"/customer/support/{t.ticket}"),
    ("support.create", "GET"): _list("/customer/support/new"),
    ("support.create", "POST"): CustomerCase(
        lambda t: "/customer/support/new",
        {
            "type": "general",
            "subject": "Opening hours",
            "body": "Are you open on Monday?",
            "priority": "low",
            "key": "a" * 22,
            "account": EMMAS_ACCOUNT,
        },
        is_list=True,
    ),
    ("support.preview", "POST"): CustomerCase(
        lambda t: "/customer/support/new/preview", {"body": "**Hello**"}, is_list=True, is_page=False
    ),
    ("support.reply", "POST"): CustomerCase(
        lambda t: f"/customer/support/{t.ticket}/reply", {"body": "Thank you", "key": "b" * 22}
    ),
    ("support.unsent", "GET"): CustomerCase(lambda t: f"/customer/support/{t.ticket}/reply"),
    ("support.download", "GET"): CustomerCase(
        lambda t: f"/customer/support/{t.ticket}/files/{t.ticket_file}", is_page=False
    ),
}

NOTICE = {
    "type": "vacation", "title": "Closed", "body": "Until **Monday**.", "audience": "all",
    "starts_at": "2026-11-01T10:00",
    "is_active": "y",
}  # fmt: skip

#: A draft with one line.
LINE = {
    "lines-0-description": "Bread",
    "lines-0-quantity": "2",
    "lines-0-unit_price": "3.50",
    "lines-0-vat": "reduced:9",
}

#: The office's pages; ``is_list`` says that it needs nothing of this shop's.
STAFF: dict[Key, CustomerCase] = {
    ("office.home.index", "GET"): _list("/office"),
    ("office.customers.index", "GET"): _list("/office/customers"),
    ("office.customers.create", "GET"): _list("/office/customers/new"),
    ("office.customers.create", "POST"): CustomerCase(
        lambda t: "/office/customers/new",
        {"kind": "consumer", "name": "Piet", "email": "piet@example.net", "country": "NL", "invites": "y"},
        is_list=True,
    ),
    ("office.customers.show", "GET"): CustomerCase(lambda t: f"/office/customers/{t.account}"),
    ("office.customers.edit", "GET"): CustomerCase(lambda t: f"/office/customers/{t.account}/edit"),
    ("office.customers.edit", "POST"): CustomerCase(
        lambda t: f"/office/customers/{t.account}/edit",
        {**DETAILS, "kind": "consumer", "email": "emma@example.com", "language": "auto"},
    ),
    ("office.customers.invite", "GET"): CustomerCase(lambda t: f"/office/customers/{t.account}/invite"),
    ("office.customers.invite", "POST"): CustomerCase(
        lambda t: f"/office/customers/{t.account}/invite", {"email": "piet@example.net", "role": "billing"}
    ),
    ("office.customers.revoke", "POST"): CustomerCase(
        lambda t: f"/office/customers/{t.account}/invitations/{t.invitation}/revoke"
    ),
    ("office.invoices.index", "GET"): _list("/office/invoices"),
    ("office.invoices.create", "GET"): CustomerCase(lambda t: f"/office/invoices/new?customer={t.account}"),
    ("office.invoices.create", "POST"): CustomerCase(
        lambda t: f"/office/invoices/new?customer={t.account}", {**LINE, "key": "e" * 22}
    ),
    ("office.invoices.show", "GET"): CustomerCase(lambda t: f"/office/invoices/{t.invoice}"),
    ("office.invoices.download", "GET"): CustomerCase(
        lambda t: f"/office/invoices/{t.invoice}/pdf", is_page=False
    ),
    ("office.invoices.edit", "GET"): CustomerCase(lambda t: f"/office/invoices/{t.draft}/edit"),
    ("office.invoices.edit", "POST"): CustomerCase(
        lambda t: f"/office/invoices/{t.draft}/edit", {**LINE, "version": "1"}
    ),
    ("office.invoices.delete", "GET"): CustomerCase(lambda t: f"/office/invoices/{t.draft}/delete"),
    ("office.invoices.delete", "POST"): CustomerCase(
        lambda t: f"/office/invoices/{t.draft}/delete", {"version": "1"}
    ),
    ("office.invoices.finalise", "GET"): CustomerCase(lambda t: f"/office/invoices/{t.draft}/finalise"),
    ("office.invoices.finalise", "POST"): CustomerCase(
        lambda t: f"/office/invoices/{t.draft}/finalise", {"version": "1", "sends": "y"}
    ),
    ("office.invoices.send", "POST"): CustomerCase(lambda t: f"/office/invoices/{t.invoice}/send"),
    ("office.invoices.remind", "POST"): CustomerCase(lambda t: f"/office/invoices/{t.invoice}/remind"),
    ("office.invoices.pay", "GET"): CustomerCase(lambda t: f"/office/invoices/{t.invoice}/payment"),
    ("office.invoices.pay", "POST"): CustomerCase(
        lambda t: f"/office/invoices/{t.invoice}/payment",
        {"amount": "10.00", "method": "transfer", "paid_on": "2026-11-01", "key": "f" * 22},
    ),
    ("office.invoices.undo_payment", "GET"): CustomerCase(
        lambda t: f"/office/invoices/{t.booked}/payments/{t.booked_payment}/undo"
    ),
    ("office.invoices.undo_payment", "POST"): CustomerCase(
        lambda t: f"/office/invoices/{t.booked}/payments/{t.booked_payment}/undo", {"reason": "A mistake."}
    ),
    ("office.invoices.credit", "GET"): CustomerCase(lambda t: f"/office/invoices/{t.invoice}/credit"),
    ("office.invoices.credit", "POST"): CustomerCase(
        lambda t: f"/office/invoices/{t.invoice}/credit", {"whole-1": "y", "told": "12100.12100.12100"}
    ),
    ("office.notifications.index", "GET"): _list("/office/notifications"),
    ("office.notifications.create", "GET"): _list("/office/notifications/new"),
    ("office.notifications.create", "POST"): CustomerCase(
        lambda t: "/office/notifications/new", {**NOTICE, "key": "g" * 22}, is_list=True
    ),
    ("office.notifications.look", "POST"): CustomerCase(
        lambda t: "/office/notifications/preview", {"body": "**Hello**"}, is_list=True, is_page=False
    ),
    ("office.notifications.edit", "GET"): CustomerCase(lambda t: f"/office/notifications/{t.notice}"),
    ("office.notifications.edit", "POST"): CustomerCase(
        lambda t: f"/office/notifications/{t.notice}", {**NOTICE, "version": "1"}
    ),
    ("office.notifications.deactivate", "POST"): CustomerCase(
        lambda t: f"/office/notifications/{t.notice}/deactivate"
    ),
    ("office.tickets.index", "GET"): _list("/office/tickets"),
    ("office.tickets.preview", "POST"): CustomerCase(
        lambda t: "/office/tickets/preview", {"body": "**Hello**"}, is_list=True, is_page=False
    ),
    ("office.tickets.show", "GET"): CustomerCase(lambda t: f"/office/tickets/{t.ticket}"),
    ("office.tickets.answer", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.ticket}/answer", {"body": "Yes, we are.", "key": "c" * 22}
    ),
    ("office.tickets.note", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.ticket}/note", {"body": "A good customer.", "key": "d" * 22}
    ),
    ("office.tickets.unsent", "GET"): CustomerCase(lambda t: f"/office/tickets/{t.ticket}/answer"),
    ("office.tickets.unsent_note", "GET"): CustomerCase(lambda t: f"/office/tickets/{t.ticket}/note"),
    ("office.tickets.move", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.ticket}/move", {"move": "review"}
    ),
    ("office.tickets.prioritise", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.ticket}/priority", {"priority": "urgent"}
    ),
    ("office.tickets.grant", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_file}/files/{t.wanted_file}/grant", {"version": "1"}
    ),
    ("office.tickets.answer_plan", "GET"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_plan}/plan/refuse"
    ),
    ("office.tickets.answer_plan", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_plan}/plan/refuse", {"body": "Because of the terms."}
    ),
    ("office.tickets.answer_dispute", "GET"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_dispute}/dispute/reject"
    ),
    ("office.tickets.answer_dispute", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_dispute}/dispute/reject", {"body": "Because of the terms."}
    ),
    ("office.tickets.decide_cancellation", "GET"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_cancellation}/cancellation/keep"
    ),
    ("office.tickets.decide_cancellation", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_cancellation}/cancellation/keep",
        {"body": "Because of the terms."},
    ),
    ("office.tickets.refuse_refund", "GET"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_refund}/refund/refuse"
    ),
    ("office.tickets.refuse_refund", "POST"): CustomerCase(
        lambda t: f"/office/tickets/{t.asks_refund}/refund/refuse", {"body": "Because of the terms."}
    ),
    ("office.invoices.refund", "GET"): CustomerCase(
        lambda t: f"/office/invoices/{t.refundable}/refund?ticket={t.asks_refund}"
    ),
    ("office.invoices.refund", "POST"): CustomerCase(
        lambda t: f"/office/invoices/{t.refundable}/refund?ticket={t.asks_refund}",
        {
            "amount": "0.01",
            "way": "own_bank",
            "paid_on": "2026-11-01",
            "body": "It is on its way.",
            "key": "f" * 22,
        },
    ),
    ("office.tickets.download", "GET"): CustomerCase(
        lambda t: f"/office/tickets/{t.ticket}/files/{t.ticket_file}", is_page=False
    ),
}


@dataclass(frozen=True)
class OpenCase:
    """A public page without a secret in its address: everybody may."""

    path: Path
    data: dict[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class TokenCase:
    """A public page whose address holds the secret that opens it.

    ``wrong`` are addresses that open nothing. ``expires`` says after how long the right one does neither; None where
    it does not expire by time. ``headers`` go with a caller that is no browser.
    """

    path: Path
    wrong: Callable[[Things], list[str]]
    data: dict[str, Any] = field(default_factory=dict)
    expires: timedelta | None = None
    status: int = 200
    headers: Callable[[Things], dict[str, str]] | None = None
    json: dict[str, Any] | None = None
    on_other_host: int = 404
    is_page: bool = True


def _tampered(secret: str) -> str:
    """The same length and letters, another secret."""
    return secret[:-2] + ("aa" if secret[-2:] != "aa" else "bb")


def _wrong(before: str, secret: Path, after: str = "") -> Callable[[Things], list[str]]:
    def addresses(things: Things) -> list[str]:
        token = secret(things)
        return [
            f"{before}{each}{after}" for each in (_tampered(token), "x", "a" * 300, token.swapcase(), "%00")
        ]

    return addresses


def _mailed(page: str, secret: Path, lasts: timedelta, **options: Any) -> TokenCase:
    return TokenCase(
        lambda t: f"/{page}/{secret(t)}",
        _wrong(f"/{page}/", secret),
        expires=lasts + timedelta(minutes=1),
        **options,
    )


def _link(after: str = "", **options: Any) -> TokenCase:
    return TokenCase(lambda t: f"/pay/{t.link}{after}", _wrong("/pay/", lambda t: t.link, after), **options)


def _bank(secret: Path, before: str = "/sandbox/", after: str = "", **options: Any) -> TokenCase:
    return TokenCase(lambda t: f"{before}{secret(t)}{after}", _wrong(before, secret, after), **options)


def _with_key(things: Things) -> dict[str, str]:
    return {"Authorization": f"Bearer {things.bank_key}", "Idempotency-Key": "walk-2"}


_OWN_NAME = {"given_name": "Gerda", "family_name": "Groot"}
_NEW_PASSWORD = {"password": "four words that differ"}
_ORDER = {
    "amount": {"minor": 100, "currency": "EUR"},
    "description": "d",
    "reference": "r",
    "return_url": "https://shop.example.test/",
    "webhook_url": "https://shop.example.test/hooks/sandbox",
    "method": "ideal",
    "locale": "en",
}
_CONSENT = {
    "kind": "sepa",
    "customer": "c",
    "holder": "h",
    **{name: _ORDER[name] for name in ("reference", "return_url", "webhook_url", "locale")},
}
_SIGNED_AT_BANK = {"holder": "E. de Vries", "iban": "NL91ABNA0417164300", "consent": "y"}


PUBLIC: dict[Key, OpenCase | TokenCase] = {
    ("shop.index", "GET"): OpenCase(lambda t: "/"),
    ("shop.favicon", "GET"): OpenCase(lambda t: "/favicon.ico"),
    ("shop.check", "GET"): OpenCase(lambda t: "/health"),
    ("shop.brand_sheet", "GET"): OpenCase(lambda t: "/brand-0123456789ab.css"),
    ("shop.tone_sheet", "GET"): OpenCase(lambda t: "/tone-7a3b12.css"),
    ("shop.logo", "GET"): TokenCase(
        lambda t: f"/logo-{t.logo}",
        lambda t: ["/logo-x.gif", "/logo-..%2f..%2fsecret", "/logo-%00"],
        is_page=False,
    ),
    ("static", "GET"): OpenCase(lambda t: "/static/portal.css"),
    ("preferences.save", "POST"): OpenCase(lambda t: "/preferences", {"theme": "dark", "locale": "nl"}, 303),
    # A visitor has no account to choose.
    ("preferences.account", "POST"): OpenCase(lambda t: "/preferences/account", {"account": "x"}, 404),
    ("auth.login", "GET"): OpenCase(lambda t: "/login"),
    ("auth.login", "POST"): OpenCase(
        lambda t: "/login", {"email": "emma@example.com", "password": "correct horse battery"}, 303
    ),
    ("auth.logout", "POST"): OpenCase(lambda t: "/logout", status=303),
    ("auth.register", "GET"): OpenCase(lambda t: "/register"),
    ("auth.register", "POST"): OpenCase(
        lambda t: "/register", {"given_name": "A", "family_name": "B", "email": "a@example.com"}, 303
    ),
    ("auth.registered", "GET"): OpenCase(lambda t: "/register/sent"),
    ("auth.forgot", "GET"): OpenCase(lambda t: "/forgot-password"),
    ("auth.forgot", "POST"): OpenCase(lambda t: "/forgot-password", {"email": "emma@example.com"}, 303),
    ("auth.asked", "GET"): OpenCase(lambda t: "/forgot-password/sent"),
    ("auth.confirm", "GET"): _mailed("confirm", lambda t: t.confirm, timedelta(days=3)),
    ("auth.confirm", "POST"): _mailed(
        "confirm", lambda t: t.confirm, timedelta(days=3), data=_NEW_PASSWORD, status=303
    ),
    ("auth.reset", "GET"): _mailed("reset-password", lambda t: t.reset, timedelta(hours=1)),
    ("auth.reset", "POST"): _mailed(
        "reset-password", lambda t: t.reset, timedelta(hours=1), data=_NEW_PASSWORD, status=303
    ),
    ("auth.claim", "GET"): _mailed("claim", lambda t: t.claim, timedelta(days=7)),
    ("auth.claim", "POST"): _mailed(
        "claim", lambda t: t.claim, timedelta(days=7), data={"role": "read_only"}, status=303
    ),
    ("auth.accept", "GET"): _mailed("invitation", lambda t: t.accept, timedelta(days=7)),
    ("auth.accept", "POST"): _mailed(
        "invitation", lambda t: t.accept, timedelta(days=7), data=_OWN_NAME | _NEW_PASSWORD, status=303
    ),
    ("auth.change_email", "GET"): _mailed("change-email", lambda t: t.change_email, timedelta(days=1)),
    ("auth.change_email", "POST"): _mailed(
        "change-email", lambda t: t.change_email, timedelta(days=1), data={"x": "y"}, status=303
    ),
    ("office.auth.login", "GET"): OpenCase(lambda t: "/office/login"),
    # At the other shop too, where nobody of this address works: see OPEN in the walk.
    ("office.auth.login", "POST"): OpenCase(
        lambda t: "/office/login", {"email": "saskia@example.com", "password": "correct horse battery"}, 303
    ),
    ("office.auth.logout", "POST"): OpenCase(lambda t: "/office/logout", status=303),
    ("office.auth.preferences", "POST"): OpenCase(
        lambda t: "/office/preferences", {"theme": "dark", "locale": "nl"}, 303
    ),
    ("pay.link", "GET"): _link(),
    ("pay.pay", "POST"): _link(data={"method": "ideal"}, status=303),
    ("pay.restart", "POST"): _link("/restart", status=303),
    ("pay.transfer", "GET"): _link("/transfer"),
    ("pay.back", "GET"): TokenCase(
        lambda t: f"/pay/return/{t.payment}",
        _wrong("/pay/return/", lambda t: t.payment),
        expires=timedelta(days=30, minutes=1),
    ),
    ("download.fetch", "GET"): TokenCase(
        lambda t: f"/download/{t.download_token}",
        _wrong("/download/", lambda t: t.download_token),
        expires=timedelta(hours=1),
        is_page=False,
    ),
    # Callers without a browser; an id unknown in a shop is answered like a known one and books nothing.
    ("hooks.receive", "POST"): TokenCase(
        lambda t: "/hooks/sandbox",
        lambda t: ["/hooks/nobody", "/hooks/mollie", "/hooks/%00"],
        data={"id": "sbp_unknown"},
        headers=lambda t: {},
        on_other_host=200,
    ),
    # Only for the person at this very machine.
    ("sandbox.index", "GET"): OpenCase(lambda t: "/sandbox/", status=404),
    # The mailbox too. From this very machine: test_walk.py and tests/blueprints/sandbox/test_mailbox.py.
    ("sandbox.mailbox", "GET"): OpenCase(lambda t: "/sandbox/mail", status=404),
    ("sandbox.mail", "GET"): OpenCase(lambda t: f"/sandbox/mail/{CAUGHT}", status=404),
    ("sandbox.mail_html", "GET"): OpenCase(lambda t: f"/sandbox/mail/{CAUGHT}/html", status=404),
    ("sandbox.mail_file", "GET"): OpenCase(lambda t: f"/sandbox/mail/{CAUGHT}/files/0", status=404),
    ("sandbox.show", "GET"): _bank(lambda t: t.bank_payment),
    ("sandbox.decide", "POST"): _bank(lambda t: t.bank_mandate, data=_SIGNED_AT_BANK, status=303),
    ("sandbox.returning", "GET"): _bank(lambda t: t.bank_payment, after="/returning", status=303),
    ("sandbox.create_payment", "POST"): _bank(
        lambda t: "payments", "/sandbox/api/", headers=_with_key, json=_ORDER, status=201, on_other_host=401
    ),
    ("sandbox.show_payment", "GET"): _bank(
        lambda t: t.bank_payment, "/sandbox/api/payments/", headers=_with_key, on_other_host=401
    ),
    ("sandbox.cancel_payment", "POST"): _bank(
        lambda t: t.bank_payment, "/sandbox/api/payments/", "/cancel", headers=_with_key, on_other_host=401
    ),
    ("sandbox.create_refund", "POST"): _bank(
        lambda t: t.bank_payment,
        "/sandbox/api/payments/",
        "/refunds",
        headers=_with_key,
        json={"amount": _ORDER["amount"], "reference": "r"},
        # Understood, and refused: nothing was paid.
        status=422,
        on_other_host=401,
    ),
    ("sandbox.create_method", "POST"): _bank(
        lambda t: "methods", "/sandbox/api/", headers=_with_key, json=_CONSENT, status=201, on_other_host=401
    ),
    ("sandbox.show_method", "GET"): _bank(
        lambda t: t.bank_mandate, "/sandbox/api/methods/", headers=_with_key, on_other_host=401
    ),
    ("sandbox.cancel_method", "POST"): _bank(
        lambda t: t.bank_mandate, "/sandbox/api/methods/", "/cancel", headers=_with_key, on_other_host=401
    ),
    ("sandbox.revoke_method", "POST"): _bank(
        lambda t: t.bank_mandate, "/sandbox/api/methods/", "/revoke", headers=_with_key, on_other_host=401
    ),
}

#: Public secrets that no time ends by itself, and what ends them instead.
ENDLESS = {
    **dict.fromkeys(
        ("pay.link", "pay.pay", "pay.restart", "pay.transfer"),
        "as long as there is something to pay, and for 30 days after; a walk of its own",
    ),
    "shop.logo": "a picture that everybody may see, named by what is in it",
    "hooks.receive": "no secret: what a caller says is asked back",
    **dict.fromkeys(
        ("sandbox.show", "sandbox.decide", "sandbox.returning"), "the test bank's own page of an order"
    ),
    **dict.fromkeys(
        (
            "sandbox.create_payment", "sandbox.show_payment", "sandbox.cancel_payment", "sandbox.create_refund",
            "sandbox.create_method", "sandbox.show_method", "sandbox.cancel_method", "sandbox.revoke_method",
        ),
        "the shop's key at the test bank",
    ),
}  # fmt: skip

#: Only while there is no shop: walked on an empty installation.
SETUP: set[Key] = {("setup.create", "GET"), ("setup.create", "POST")}
SETUP_FORM = {
    "shop_name": "New shop",
    "language": "en",
    "owner_name": "Olga",
    "email": "olga@example.com",
    "password": "four words that differ",
}
