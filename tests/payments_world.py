"""What the tests of payments do again and again: an invoice, a server, a browser, a bank, a worker.

The way between portal and bank is real HTTP to a server on a free port; the pages are opened by the page client;
a worker's work is done by draining the lane. Nothing in here keeps an application context open.
"""

from __future__ import annotations

import contextvars
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask_babel import force_locale
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from portal.blueprints.sandbox.models import BankStatus, MandateStatus, SandboxMethod, SandboxPayment
from portal.core import clock, outbox_runner
from portal.core.tenancy import shop_scope
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.links import payment_token
from portal.domain.invoices.models import Allocation, AllocationState, CreditEntry, Document
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests import cast
from tests.page_client import PageClient

START = cast.START
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_REFRESH = re.compile(r'http-equiv="refresh" content="\d+;url=([^"]+)"')


@dataclass
class World:
    """The application with what a test needs to do in it. Ids only: objects belong to a session."""

    app: Flask
    ids: cast.Ids

    @contextmanager
    def scope(self, shop_id: int | None = None) -> Iterator[None]:
        """Inside the application and a shop; a write needs its own commit."""
        with self.app.app_context(), shop_scope(shop_id or self.ids.shop), force_locale("en"):
            yield

    def browser(self, client: PageClient | None = None, host: str = cast.HOST) -> Browser:
        """A browser at the shop, of a visitor unless a signed-in client is given."""
        made = client or self.app.test_client()
        assert isinstance(made, PageClient)
        made.host = host
        return Browser(self, made)

    def invoice(self, amount_minor: int = 10000, *, account: int | None = None) -> Invoice:
        """An open invoice, Emma's unless another account is named."""
        account = account or self.ids.emma_account
        with self.scope(self.ids.other_shop if account == self.ids.dora_account else None):
            document = cast.make_invoice(account, amount_minor=amount_minor, now=clock.now())
            db.session.commit()
            return Invoice(document.id, document.public_id, payment_token(document))

    def change_shop(self, **values: Any) -> None:
        """Changes columns of the shop."""
        with self.scope():
            shop = db.session.get_one(Shop, self.ids.shop)
            for name, value in values.items():
                setattr(shop, name, value)
            db.session.commit()
        self.app.extensions["shops"].forget()

    def mandate(self) -> str:
        """A saved mandate that the bank and the portal both know; its public id."""
        with self.scope():
            bank = SandboxMethod(
                idempotency_key="mandate",
                kind="sepa",
                customer="c",
                holder="Emma",
                reference="r",
                return_url=f"https://{cast.HOST}/",
                webhook_url=f"https://{cast.HOST}/hooks/sandbox",
                status=MandateStatus.VALID,
                masked="NL91 •••• 4300",
            )
            db.session.add(bank)
            db.session.flush()
            method = PaymentMethod(
                mode=Mode.TEST,
                customer_id=self.ids.emma_account,
                provider="sandbox",
                provider_ref=bank.bank_id,
                customer_ref="c",
                kind=MethodKind.SEPA,
                status=MethodStatus.VALID,
                masked="NL91 •••• 4300",
            )
            db.session.add(method)
            db.session.commit()
            return method.public_id

    def work(self) -> None:
        """Does what is due in the lane of the bank and of payments, as a worker would."""
        contextvars.Context().run(outbox_runner.drain, self.app, "billing")

    def payments(self) -> list[PaymentStatus]:
        """The status of each payment of the shop, oldest first."""
        with self.scope():
            return [payment.status for payment in db.session.query(Payment).order_by(Payment.id)]

    def open_minor(self, invoice: Invoice) -> int:
        """What is left to pay of an invoice."""
        with self.scope():
            return db.session.get_one(Document, invoice.id).open_minor

    def booked(self) -> int:
        """All that is booked to documents, in cents."""
        with self.scope():
            rows = db.session.query(Allocation).filter(Allocation.state == AllocationState.BOOKED)
            return sum(row.amount_minor for row in rows)

    def credit(self) -> int:
        """All of the customer's credit, in cents."""
        with self.scope():
            return sum(entry.amount_minor for entry in db.session.query(CreditEntry))

    def bank(self) -> list[SandboxPayment]:
        """The bank's own book, oldest first."""
        with self.scope():
            rows = list(db.session.query(SandboxPayment).order_by(SandboxPayment.id))
            db.session.expunge_all()
            return rows

    def check_books(self) -> None:
        """Our books against the bank's: the same money for each payment, and each cent booked or credited."""
        paid_there = {row.bank_id: row.amount_minor for row in self.bank() if row.status is BankStatus.PAID}
        with self.scope():
            rows = db.session.query(Payment).filter(Payment.status == PaymentStatus.PAID)
            paid_here = {row.provider_ref: row.received_minor for row in rows}
            assert find_imbalances() == []
        assert paid_here == paid_there
        assert self.booked() + self.credit() == sum(paid_there.values())


def text_of(page: TestResponse) -> str:
    """The text of a page with plain blanks: amounts hold ones that do not break."""
    return page.get_data(as_text=True).replace("\xa0", " ")


@dataclass(frozen=True)
class Invoice:
    """What a test knows of an invoice."""

    id: int
    public_id: str
    token: str

    @property
    def link(self) -> str:
        return f"/pay/{self.token}"


@dataclass
class Browser:
    """A person at a browser without scripts: keeps cookies, sends the forms' tokens, follows what it is told."""

    world: World
    client: PageClient
    #: Opens a page once and keeps its token for every later click: for tests with many payments on the same pages.
    hurried: bool = False
    kept: str | None = None

    def get(self, url: str) -> TestResponse:
        """Opens a page."""
        return self._open(_path(url), base_url=f"https://{_host(url, self.client.host)}")

    def _open(self, path: str, **options: Any) -> TestResponse:
        """A request of its own: what it sets in its context (reading, the shop) ends with it, as on a server."""
        answer: TestResponse = contextvars.Context().run(self.client.open, path, **options)
        return answer

    def post(self, page: str, data: dict[str, str], *, to: str | None = None) -> TestResponse:
        """Opens a page, then posts with its token, to the page itself or to another address."""
        return self.aim(page, data, to=to)()

    def aim(self, page: str, data: dict[str, str], *, to: str | None = None) -> Callable[[], TestResponse]:
        """Opens a page and answers the click on its button: for a test that wants to say when it happens."""
        token = self.kept if self.hurried else None
        if token is None:
            found = _CSRF.search(self.get(page).get_data(as_text=True))
            assert found is not None, page
            self.kept = token = found[1]
        host = _host(page, self.client.host)
        return partial(
            self._open,
            _path(to or page),
            method="POST",
            data={**data, "csrf_token": token},
            base_url=f"https://{host}",
            headers={"Referer": f"https://{host}/"},
        )

    def pay(self, invoice: Invoice, method: str = "ideal", **fields: str) -> str:
        """Presses Pay on the payment link; the address of the bank's page."""
        answer = self.post(invoice.link, {"method": method, **fields})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return str(answer.headers["Location"])

    def decide(self, checkout: str, decision: str, notice: str = "never") -> str:
        """Presses a button at the bank; the address the bank leads to."""
        answer = self.post(checkout, {"decision": decision, "notice": notice})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return str(answer.headers["Location"])

    def return_to_shop(self, address: str) -> TestResponse:
        """Follows the bank's way back, through the page in between, where the worker is waited for."""
        if "/returning" in address:
            page = self.get(address).get_data(as_text=True)
            if _REFRESH.search(page) is None:
                self.world.work()
                page = self.get(address).get_data(as_text=True)
            found = _REFRESH.search(page)
            assert found is not None, page
            address = found[1].replace("&amp;", "&")
        return self.get(address)


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _host(url: str, usual: str) -> str:
    return urlsplit(url).netloc or usual


def through_client(app: Flask) -> Callable[[HttpRequest], HttpResponse]:
    """A transport without sockets: Flask's test client, in a thread of its own, as a server would answer."""

    def send(request: HttpRequest) -> HttpResponse:
        def call() -> HttpResponse:
            headers = dict(request.headers)
            answer = app.test_client().open(
                _path(request.url),
                method=request.method,
                data=request.body,
                base_url=f"https://{headers.pop('Host')}",
                headers=headers,
            )
            return HttpResponse(answer.status_code, answer.get_data())

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(contextvars.Context().run, call).result()

    return send


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The application on a free port, where the bank and the shop reach each other."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def world(app: Flask, ids: cast.Ids) -> Iterator[World]:
    """The cast with a server beside it, standing still in time."""
    with clock.frozen(START), serving(app) as url:
        app.config.update(SANDBOX_URL=url, SMTP_URL=None)
        yield World(app, ids)
