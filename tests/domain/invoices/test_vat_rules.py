"""Who may be charged which VAT, and above all who may be charged none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask_babel import force_locale

from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.core.vat import VatCategory
from portal.domain.invoices import actions, vat_rules
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.people.models import Customer, CustomerKind
from portal.domain.shops.models import NumberSeries, Shop
from portal.extensions import db
from tests.cast import START, Ids

Stage = Callable[..., Any]
ACTOR = Actor.system("test")
DAY = date(2026, 11, 1)
CONSUMER, BUSINESS = CustomerKind.CONSUMER, CustomerKind.BUSINESS
STANDARD, REDUCED = VatCategory.STANDARD, VatCategory.REDUCED


def check(
    category: VatCategory,
    rate: str = "0",
    *,
    shop: dict[str, Any] | None = None,
    day: date = DAY,
    **customer: Any,
) -> None:
    seller = Shop(**{"country": "NL", "small_business": False} | (shop or {}))
    details = {"kind": CONSUMER, "country": "NL", "postal_code": "3512 PH", "vat_number": ""} | customer
    vat_rules.check_line(category, Decimal(rate), shop=seller, customer=Customer(**details), day=day)


def refusal(*args: Any, **values: Any) -> DomainError:
    with pytest.raises(DomainError) as refused:
        check(*args, **values)
    return refused.value


def business(country: str, vat_number: str, checked: date | None = DAY, **more: Any) -> dict[str, Any]:
    return {"kind": BUSINESS, "country": country, "vat_number": vat_number, "vat_checked_on": checked, **more}


@pytest.mark.parametrize(("category", "rate"), [(STANDARD, "21"), (STANDARD, "21.00"), (REDUCED, "9")])
def test_the_rates_of_the_netherlands(app: Any, category: VatCategory, rate: str) -> None:
    check(category, rate)


@pytest.mark.parametrize(
    ("category", "rate"),
    [(STANDARD, "9"), (REDUCED, "21"), (STANDARD, "19"), (REDUCED, "6"), (STANDARD, "0")],
)
def test_a_rate_of_another_category_is_refused(app: Any, category: VatCategory, rate: str) -> None:
    refused = refusal(category, rate)
    assert refused.field == "vat_rate" and {STANDARD: "21%", REDUCED: "9%"}[category] in str(refused)


def test_the_rates_are_those_of_the_day_of_supply(app: Any) -> None:
    check(REDUCED, "6", day=date(2018, 12, 31))
    refusal(REDUCED, "9", day=date(2018, 12, 31))


def test_a_shop_whose_rates_are_not_known_uses_its_own(app: Any) -> None:
    check(STANDARD, "25.5", shop={"country": "FI"})
    check(REDUCED, "10", shop={"country": "FI"})


@pytest.mark.parametrize("category", [VatCategory.ZERO, VatCategory.EXEMPT])
def test_zero_and_exempt_depend_on_what_is_sold(app: Any, category: VatCategory) -> None:
    check(category)


@pytest.mark.parametrize(
    "buyer",
    [
        business("BE", "BE0123456749"),
        business("GR", "EL123456789"),
        business("EL", "EL123456789"),
        business("MC", "FR12345678901"),
        business("GB", "XI123456789", postal_code="BT1 5GS"),
        business("XI", "XI123456789"),
    ],
    ids=[
        "Belgium",
        "Greece",
        "Greece by its own code",
        "Monaco",
        "Northern Ireland",
        "Northern Ireland by its own code",
    ],
)
def test_reverse_charge_to_a_checked_business_in_another_member_state(
    app: Any, buyer: dict[str, Any]
) -> None:
    check(VatCategory.REVERSE_CHARGE, **buyer)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a consumer": ({**business("BE", "BE0123456749"), "kind": CONSUMER}, "only to a business with"),
    "no number": (business("BE", ""), "only to a business with"),
    "not checked": (business("BE", "BE0123456749", None), "was checked"),
    "at home": (business("NL", "NL123456782B90"), "another member state"),
    "at home with a foreign number": (business("NL", "BE0123456749"), "another member state"),
    "the United States": (business("US", "US123456789"), "another member state"),
    "the United States with a number of the EU": (business("US", "BE0123456749"), "another member state"),
    "Great Britain": (business("GB", "GB123456789", postal_code="SW1A 1AA"), "another member state"),
    "Northern Ireland with a British number": (
        business("GB", "GB123456789", postal_code="BT1 5GS"),
        "another country",
    ),
    "Greece with its country's code": (business("GR", "GR123456789"), "another country"),
    "the number of a third country": (business("BE", "DE123456789"), "another country"),
    "a Dutch number abroad": (business("BE", "NL123456782B90"), "another country"),
    "no country": (business("", "BE0123456749"), "another member state"),
}  # fmt: skip


@pytest.mark.parametrize(("buyer", "why"), REFUSED.values(), ids=REFUSED)
def test_reverse_charge_to_nobody_else(app: Any, buyer: dict[str, Any], why: str) -> None:
    refused = refusal(VatCategory.REVERSE_CHARGE, **buyer)
    assert refused.field == "vat_category" and why in str(refused)


def test_a_belgian_shop_reverse_charges_to_a_dutch_business_and_not_to_a_belgian(app: Any) -> None:
    belgian = {"country": "BE"}
    check(VatCategory.REVERSE_CHARGE, shop=belgian, **business("NL", "NL123456782B90"))
    refusal(VatCategory.REVERSE_CHARGE, shop=belgian, **business("BE", "BE0123456749"))


def test_a_shop_outside_the_eu_reverse_charges_to_nobody(app: Any) -> None:
    for buyer in (business("BE", "BE0123456749"), business("XI", "XI123456789")):
        assert "shop in the EU" in str(refusal(VatCategory.REVERSE_CHARGE, shop={"country": "CH"}, **buyer))


@pytest.mark.parametrize("country", ["US", "GB", "CH", "NO", "GP"])
def test_export_leaves_the_eu(app: Any, country: str) -> None:
    check(VatCategory.EXPORT, country=country, postal_code="12345")


@pytest.mark.parametrize(
    ("country", "postal_code"),
    [("NL", ""), ("BE", ""), ("EL", ""), ("MC", ""), ("GB", "BT1 5GS"), ("XI", "")],
)
def test_what_stays_in_the_eu_is_no_export(app: Any, country: str, postal_code: str) -> None:
    refused = refusal(VatCategory.EXPORT, country=country, postal_code=postal_code)
    assert refused.field == "vat_category" and "outside the EU" in str(refused)


def test_the_scheme_for_small_businesses_is_a_setting_of_the_shop(app: Any) -> None:
    check(VatCategory.SMALL_BUSINESS, shop={"small_business": True})
    refused = refusal(VatCategory.SMALL_BUSINESS)
    assert refused.field == "vat_category" and "small businesses" in str(refused)


def test_a_refusal_is_in_the_readers_language(app: Any) -> None:
    refused = [
        refusal(STANDARD, "19"),
        refusal(VatCategory.EXPORT),
        refusal(VatCategory.SMALL_BUSINESS),
        refusal(VatCategory.REVERSE_CHARGE, shop={"country": "CH"}, **business("BE", "BE0123456749")),
        *(refusal(VatCategory.REVERSE_CHARGE, **buyer) for buyer, _ in REFUSED.values()),
    ]
    with app.test_request_context():
        for each in refused:
            with force_locale("en"):
                english = str(each)
            with force_locale("nl"):
                assert str(each) != english, "translate it in portal/translations/nl"


@pytest.mark.parametrize("country", ["NL", "BE"])
def test_issuing_asks_before_a_number_is_drawn(on_stage: Stage, ids: Ids, country: str) -> None:
    with on_stage():
        shop, customer = parties(ids)
        customer.kind, customer.vat_number, customer.vat_checked_on = BUSINESS, "BE0123456749", DAY
        customer.country = country
        document = draft(shop, customer, VatCategory.REVERSE_CHARGE)
        if country == "BE":
            issue(document, shop, customer)
            assert document.number is not None
        else:
            with pytest.raises(DomainError):
                issue(document, shop, customer)
            assert document.number is None and db.session.query(NumberSeries).count() == 0


def test_a_credit_note_carries_what_its_original_did_and_nothing_else(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        shop, customer = parties(ids)
        customer.kind, customer.country, customer.vat_number = BUSINESS, "BE", "BE0123456749"
        customer.vat_checked_on = DAY
        original = draft(shop, customer, VatCategory.REVERSE_CHARGE)
        issue(original, shop, customer)
        customer.country, customer.vat_checked_on = "NL", None
        issue(correction(original, shop, customer, VatCategory.REVERSE_CHARGE), shop, customer)
        with pytest.raises(DomainError):
            issue(correction(original, shop, customer, VatCategory.EXPORT), shop, customer)


def parties(ids: Ids) -> tuple[Shop, Customer]:
    return db.session.get_one(Shop, ids.shop), db.session.get_one(Customer, ids.emma_account)


def draft(shop: Shop, customer: Customer, category: VatCategory, **options: Any) -> Document:
    line = LineInput("Coffee", Decimal(1), Decimal(1000), Decimal(0), category)
    return create_draft(shop, customer, [line], now=START, actor=ACTOR, **options)


def correction(original: Document, shop: Shop, customer: Customer, category: VatCategory) -> Document:
    document = draft(shop, customer, category, kind=DocumentKind.CREDIT_NOTE)
    document.original_id = original.id
    return document


def issue(document: Document, shop: Shop, customer: Customer) -> None:
    actions.issue_invoice(document, shop=shop, customer=customer, now=START, actor=ACTOR)


@pytest.fixture(autouse=True)
def in_english(app: Any) -> Iterator[None]:
    with app.test_request_context(), force_locale("en"):
        yield
