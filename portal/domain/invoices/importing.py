"""An invoice as JSON, for ``flask invoice create --from-json``: the whole file is right, or nothing is written.

The schema, which ``docs/invoices.md`` tells the owner, with every key that is not marked optional::

    {
      "customer": "emma@example.com",       the billing e-mail or the public id of an account
      "currency": "EUR",                    optional; only the shop's own
      "prices_include_vat": true,           optional; else what the shop does
      "supply_date": "2026-11-01",          optional; else the day of issue
      "note": "Thank you!",                 optional; at most 2,000 characters
      "lines": [                            1 to 500
        {
          "description": "Coffee, 1 kg",    at most 1,000 characters
          "quantity": "2",                  text, a point for decimals, at most four, not 0
          "unit_price": "24.50",            text in the currency's units, at most six decimals
          "vat_rate": "9",                  text, percent, one of the shop's country's, or 0
          "vat_category": "reduced"         optional; else standard or reduced by the rate, or zero for rate 0
        }
      ]
    }

Numbers are texts, because a number in JSON is a float. A file may hold one invoice or a list of up to 1,000, with up to
10,000 lines in all.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import selectinload

from portal.core import clock
from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.core.money import exponent
from portal.core.vat import Line, VatCategory
from portal.domain.invoices import vat_rules
from portal.domain.invoices.actions import issue_invoices, send_invoices
from portal.domain.invoices.drafts import MAX_LINES, LineInput, keep_drafts, new_draft
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer
from portal.domain.people.queries import find_customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Shop
from portal.extensions import db

#: Larger files are split by whoever makes them; a command that runs for hours cannot be undone.
MAX_BYTES, MAX_INVOICES = 5_000_000, 1_000
#: Over all invoices of a file: while they are written other writers wait on SQLite, and that must stay a few seconds.
MAX_FILE_LINES = 10_000

_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_KEYS = {"customer", "currency", "prices_include_vat", "supply_date", "note", "lines"}
_LINE_KEYS = {"description", "quantity", "unit_price", "vat_rate", "vat_category"}


@dataclass(frozen=True)
class InvoiceInput:
    """One invoice of a file, checked and worked out."""

    customer: Customer
    draft: Document


@dataclass(frozen=True)
class _Terms:
    """What decides on the VAT of an invoice."""

    shop: Shop
    customer: Customer
    day: date


def read_invoices(text: bytes, shop: Shop, *, now: datetime) -> list[InvoiceInput]:
    """The invoices of a file, worked out to the cent; raises DomainError with the place of the first mistake.

    Writes nothing, and the drafts are in no session yet. Where the file names no day of supply it is that of ``now``:
    rates of VAT are those of the day of supply.
    """
    if len(text) > MAX_BYTES:
        raise DomainError(_("The file is larger than %(size)s bytes.", size=MAX_BYTES))
    try:
        content = json.loads(text.decode("utf-8-sig"), parse_float=_float, parse_constant=_float)
    except UnicodeDecodeError as error:
        raise DomainError(_("The file is not text in UTF-8.")) from error
    except json.JSONDecodeError as error:
        raise DomainError(
            _(
                "The file is not JSON: look for a missing or extra comma, quote or bracket at or before line %(line)s,"
                " column %(column)s.",
                line=error.lineno,
                column=error.colno,
            )
        ) from error
    except (ValueError, RecursionError) as error:
        # A whole number of thousands of digits, or lists in lists without end.
        raise DomainError(_("The file is no JSON that holds invoices.")) from error
    entries = content if isinstance(content, list) else [content]
    if not entries or len(entries) > MAX_INVOICES:
        raise DomainError(_("A file holds 1 to %(count)s invoices.", count=MAX_INVOICES))
    _count_lines(entries)
    reader = _Reader(shop, now)
    if entries is not content:
        return [reader.invoice(content, "")]
    return [reader.invoice(entry, f"[{index}]") for index, entry in enumerate(entries)]


def create_invoices(inputs: list[InvoiceInput], shop: Shop, *, now: datetime, actor: Actor) -> list[Document]:
    """Drafts, issues and sends them; the caller commits all of them or none. For commands.

    The sums are worked out already: while this runs, other writers wait on SQLite.
    """
    _load_customers({each.customer.id for each in inputs})
    invoices = [(each.draft, each.customer) for each in inputs]
    keep_drafts([each.draft for each in inputs], now=now, actor=actor)
    issue_invoices(invoices, shop=shop, now=now, actor=actor)
    send_invoices(invoices, shop=shop, now=now, actor=actor)
    return [each.draft for each in inputs]


def _load_customers(ids: set[int]) -> None:
    """Reads the accounts anew with their contacts, for all invoices at once: since the file was read, time passed."""
    db.session.scalars(
        sa.select(Customer)
        .where(Customer.id.in_(ids))
        .options(selectinload(Customer.contacts))
        .execution_options(populate_existing=True)
    ).all()


def _count_lines(entries: list[Any]) -> None:
    lists = [entry.get("lines") for entry in entries if isinstance(entry, dict)]
    if sum(len(lines) for lines in lists if isinstance(lines, list)) > MAX_FILE_LINES:
        raise DomainError(
            _("A file holds at most %(count)s lines, over all its invoices.", count=MAX_FILE_LINES)
        )


class _Reader:
    """Reads the invoices of one file; an account that is in it often is looked up once."""

    def __init__(self, shop: Shop, now: datetime) -> None:
        self._shop = shop
        self._now = now
        self._today = clock.today(shop.time_zone, now)
        self._customers: dict[str, Customer | None] = {}
        self._languages: dict[int, str] = {}

    def invoice(self, entry: Any, at: str) -> InvoiceInput:
        """One invoice; its draft is in no session."""
        shop = self._shop
        _keys(entry, _KEYS, {"customer", "lines"}, at)
        currency = _text(entry.get("currency", shop.currency), f"{at}.currency", 3)
        if currency != shop.currency:
            _refuse(f"{at}.currency", _("the shop's currency is %(currency)s", currency=shop.currency))
        customer = self._customer(entry["customer"], f"{at}.customer")
        include = entry.get("prices_include_vat")
        if include is not None and not isinstance(include, bool):
            _refuse(f"{at}.prices_include_vat", _("this must be true or false"))
        supply_date = _date(entry["supply_date"], f"{at}.supply_date") if "supply_date" in entry else None
        terms = _Terms(shop, customer, supply_date or self._today)
        lines = entry["lines"]
        if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_LINES:
            _refuse(f"{at}.lines", _("an invoice has 1 to %(count)s lines", count=MAX_LINES))
        read = [_line(line, terms, f"{at}.lines[{index}]") for index, line in enumerate(lines)]
        note = _text(entry.get("note", ""), f"{at}.note", 2000, empty=True)
        try:
            draft = new_draft(
                shop,
                customer,
                read,
                language=self._language(customer),
                now=self._now,
                prices_include_vat=include,
                supply_date=supply_date,
                note=note,
            )
        except DomainError as error:
            _refuse(at, str(error))
        return InvoiceInput(customer, draft)

    def _customer(self, value: Any, at: str) -> Customer:
        name = _text(value, at, 254)
        if name not in self._customers:
            self._customers[name] = find_customer(name)
        customer = self._customers[name]
        if customer is None:
            _refuse(at, _("there is no such account"))
        return customer

    def _language(self, customer: Customer) -> str:
        if customer.id not in self._languages:
            self._languages[customer.id] = account_language(customer, self._shop)
        return self._languages[customer.id]


def _line(line: Any, terms: _Terms, at: str) -> LineInput:
    _keys(line, _LINE_KEYS, {"description", "quantity", "unit_price", "vat_rate"}, at)
    rate = _number(line["vat_rate"], f"{at}.vat_rate")
    category = _category(line, rate, terms, at)
    quantity = _number(line["quantity"], f"{at}.quantity")
    if quantity == 0 or quantity != quantity.quantize(Decimal("0.0001")):
        _refuse(f"{at}.quantity", _("a quantity is not 0 and has at most four decimals"))
    price = _number(line["unit_price"], f"{at}.unit_price").scaleb(exponent(terms.shop.currency))
    if price != price.quantize(Decimal("0.0001")) or price < 0:
        _refuse(f"{at}.unit_price", _("a price is not negative and has at most six decimals"))
    description = _text(line["description"], f"{at}.description", 1000)
    try:
        Line(quantity, price, rate, category)
        vat_rules.check_line(category, rate, shop=terms.shop, customer=terms.customer, day=terms.day)
    except DomainError as error:
        _refuse(f"{at}.{'vat_rate' if error.field == 'rate' else error.field}", str(error))
    return LineInput(description, quantity, price, rate, category)


def _category(line: dict[str, Any], rate: Decimal, terms: _Terms, at: str) -> VatCategory:
    if "vat_category" in line:
        word = _text(line["vat_category"], f"{at}.vat_category", 32)
        if word not in set(VatCategory):
            _refuse(f"{at}.vat_category", _("there is no such category"))
        return VatCategory(word)
    category = vat_rules.default_category(rate, shop=terms.shop, day=terms.day)
    if category is None:
        rates = ", ".join(map(str, vat_rules.known_rates(terms.shop, terms.day)))
        _refuse(f"{at}.vat_rate", _("there is no such rate; use %(rates)s", rates=rates))
    return category


def _keys(entry: Any, known: set[str], needed: set[str], at: str) -> None:
    if not isinstance(entry, dict):
        _refuse(at, _("this must be an object"))
    unknown, missing = sorted(set(entry) - known), sorted(needed - set(entry))
    if unknown:
        _refuse(f"{at}.{unknown[0][:40]}", _("there is no such key"))
    if missing:
        _refuse(f"{at}.{missing[0]}", _("this is missing"))


def _text(value: Any, at: str, longest: int, *, empty: bool = False) -> str:
    if not isinstance(value, str):
        _refuse(at, _("this must be a text"))
    text: str = value.strip()
    if not text and not empty:
        _refuse(at, _("this is empty"))
    if len(text) > longest:
        _refuse(at, _("this is longer than %(count)s characters", count=longest))
    if any(ord(char) < 32 and char not in "\n\t" for char in text) or any(
        0xD800 <= ord(c) <= 0xDFFF for c in text
    ):
        _refuse(at, _("this contains characters that cannot be used"))
    return text


def _number(value: Any, at: str) -> Decimal:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        _refuse(at, _('this must be a number written as a text, such as "12.50"'))
    return Decimal(value.strip())


def _date(value: Any, at: str) -> date:
    text = _text(value, at, 30)
    try:
        # Weeks and dates without dashes are ISO 8601 too, but not what the schema says.
        return date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        _refuse(at, _("this must be a date such as 2026-11-01"))


def _float(text: str) -> NoReturn:
    raise DomainError(_('Numbers are written as texts, such as "12.50"; %(found)s is not.', found=text[:20]))


def _refuse(at: str, why: str) -> NoReturn:
    """``at`` is the place in the file, which of a single invoice begins with the point before its key."""
    place = at.removeprefix(".") or _("the invoice")
    raise DomainError(f"{place}: {why}")
