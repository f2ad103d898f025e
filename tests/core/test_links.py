"""Addresses outside a request, proofs in addresses, and where a redirect may lead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from portal.core import links
from portal.domain.shops.models import ShopDomain
from portal.extensions import db
from tests.cast import HOST, Ids


@dataclass(frozen=True)
class Where:
    host: str
    port: int | None
    scheme: str


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        (Where("a.nl", None, "https"), "https://a.nl"),
        (Where("a.nl", 443, "https"), "https://a.nl"),
        (Where("a.nl", 8443, "https"), "https://a.nl:8443"),
        (Where("localhost", 8000, "http"), "http://localhost:8000"),
        (Where("localhost", 80, "http"), "http://localhost"),
        (Where("::1", 8000, "http"), "http://[::1]:8000"),
    ],
)
def test_an_origin_leaves_out_what_goes_without_saying(place: Where, origin: str) -> None:
    assert links.origin(place) == origin


def test_addresses_come_from_the_domain_row(on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        assert links.external(ids.shop, "auth.login", next="/a") == f"https://{HOST}/login?next=/a"
        row = db.session.query(ShopDomain).filter_by(host=HOST).one()
        row.host, row.port, row.scheme = "localhost", 8000, "http"
        assert links.external(ids.shop, "auth.login") == "http://localhost:8000/login"


def test_addresses_never_come_from_a_request(app: Flask, ids: Ids) -> None:
    headers = {"Host": "evil.example.test", "X-Forwarded-Host": "evil.example.test"}
    with app.test_request_context("/", base_url="https://evil.example.test", headers=headers):
        assert links.external(ids.shop, "auth.login") == f"https://{HOST}/login"


def test_a_proof_is_of_one_purpose_value_and_key(app: Flask) -> None:
    with app.app_context():
        proof = links.mac("pay", "value")
        assert len(proof) == 22 and links.mac_fits("pay", "value", proof)
        for purpose, value, given in [
            ("other", "value", proof), ("pay", "other", proof), ("pay", "value", proof[:-1]), ("pay", "value", ""),
            ("pay", "value", proof + "A"), ("pa", "y\nvalue", proof), ("pay", "value", "\u00e9" * 22),
        ]:  # fmt: skip
            assert not links.mac_fits(purpose, value, given)


@pytest.mark.parametrize("target", ["/", "/customer", "/a?b=c&d=%2F", "/a#b", "/caf%C3%A9", "/a b"])
def test_a_path_of_this_site_is_fine(target: str) -> None:
    assert links.safe_next(target, "/fallback") == target


@pytest.mark.parametrize(
    "target",
    [None, "", "customer", "//evil.nl", "///evil.nl", "/\\evil.nl", "\\evil.nl", "/a\\b", "https://evil.nl",
     "javascript:alert(1)", "/\tevil", "/\r\nSet-Cookie: a=b", "/\0", "/" + "a" * 501, " /a", "/\u202eevil", "/\x7f"],
)  # fmt: skip
def test_anything_else_is_not(target: str | None) -> None:
    assert links.safe_next(target, "/fallback") == "/fallback"


@pytest.mark.parametrize(
    ("method", "path", "referrer", "expected"),
    [
        ("GET", "/customer/invoices?status=paid", None, "/customer/invoices?status=paid"),
        ("GET", "/caf\u00e9", None, "/caf%C3%A9"),
        ("POST", "/login", "https://shop.example.test/other", "/login"),
        ("POST", "/logout", "https://shop.example.test/customer?a=b", "/customer?a=b"),
        ("POST", "/logout", "https://evil.example.test/customer", "/fallback"),
        ("POST", "/logout", None, "/fallback"),
        ("POST", "/logout", "//", "/fallback"),
    ],
)
def test_a_page_is_left_for_where_a_get_shows_it(
    app: Flask, method: str, path: str, referrer: str | None, expected: str
) -> None:
    headers = {"Referer": referrer} if referrer else {}
    with app.test_request_context(path, method=method, base_url=f"https://{HOST}", headers=headers):
        assert links.page_address("/fallback") == expected
