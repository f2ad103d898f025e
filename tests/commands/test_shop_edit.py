"""``flask shop edit``: the shop's details until it has an office, each change with its entry."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from portal.core import links, storage
from portal.core.audit import AuditEntry
from portal.domain.invoices.links import payment_url
from portal.domain.shops.models import Shop, ShopDomain
from portal.extensions import db
from tests.cast import HOST, OTHER_HOST, Ids, make_invoice
from tests.commands.conftest import Run

Refused = Callable[..., str]

DETAILS = {
    "--name": "Bakkerij Smit",
    "--legal-name": "Smit BV",
    "--email": "Hallo@Smit.example",
    "--phone": "030 123 45 67",
    "--street": "Oudegracht 1",
    "--postal-code": "3511 AA",
    "--city": "Utrecht",
    "--vat-number": "NL123456782B90",
    "--chamber-number": "12345678",
    "--iban": "NL91 ABNA 0417 1643 00",
    "--bic": "ABNANL2A",
    "--language": "en",
    "--payment-term-days": "30",
    "--colour": "#AA3311",
}
KEPT = DETAILS | {
    "--email": "hallo@smit.example",
    "--iban": "NL91ABNA0417164300",
    "--payment-term-days": 30,
    "--colour": "#aa3311",
}


@pytest.fixture
def columns(on_stage: Callable[..., Any], ids: Ids) -> Callable[[], dict[str, Any]]:
    """What is stored of the shop."""

    def read() -> dict[str, Any]:
        with on_stage():
            shop = db.session.get_one(Shop, ids.shop)
            return {column.key: getattr(shop, column.key) for column in sa.inspect(Shop).column_attrs}

    return read


@pytest.fixture
def entries(on_stage: Callable[..., Any]) -> Callable[[], list[AuditEntry]]:
    def read() -> list[AuditEntry]:
        with on_stage():
            found = list(db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "shop.edited")))
            db.session.expunge_all()
        return found

    return read


def picture(kind: str, size: tuple[int, int] = (40, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "#aa3311").save(file, kind)
    return file.getvalue()


def test_everything_at_once(run: Run, columns: Callable[[], Any], entries: Callable[[], Any]) -> None:
    arguments = [part for pair in DETAILS.items() for part in pair]
    done = run("shop", "edit", *arguments, "--allow-part-payment", "--prices-without-vat")
    assert done.exit_code == 0, done.output
    stored = columns()
    for option, value in KEPT.items():
        assert stored[option[2:].replace("-", "_")] == value, option
    assert stored["allow_part_payment"] is True and stored["prices_include_vat"] is False
    (entry,) = entries()
    assert (entry.subject_type, entry.subject_id, entry.actor_kind) == ("shops", stored["id"], "system")
    assert set(entry.data) == {"fields"}
    assert set(entry.data["fields"]) <= {option[2:].replace("-", "_") for option in DETAILS} | {
        *("allow_part_payment", "prices_include_vat")
    }
    assert "NL91" not in str(entry.data) and "Smit" not in str(entry.data)


def test_only_what_differs_is_written(
    run: Run, columns: Callable[[], Any], entries: Callable[[], Any]
) -> None:
    before = columns()
    done = run("shop", "edit", "--city", "Zeist", "--name", before["name"])
    assert done.exit_code == 0, done.output
    assert [entry.data for entry in entries()] == [{"fields": ["city"]}]
    again = run("shop", "edit", "--city", " Zeist ")
    assert again.exit_code == 0 and len(again.stdout.splitlines()) == 1
    assert len(entries()) == 1
    after = columns()
    assert {name for name in after if after[name] != before[name]} == {"city", "version"}
    assert run("shop", "edit", "--city", "", "--no-allow-part-payment").exit_code == 0
    assert columns()["city"] == ""


def test_the_scheme_for_small_businesses_is_off_until_somebody_says_so(
    run: Run, columns: Callable[[], Any], entries: Callable[[], Any]
) -> None:
    assert columns()["small_business"] is False
    for option, value in (("--small-business", True), ("--no-small-business", False)):
        assert run("shop", "edit", option).exit_code == 0
        assert columns()["small_business"] is value
    assert [entry.data for entry in entries()] == [{"fields": ["small_business"]}] * 2


@pytest.mark.parametrize(("kind", "extension"), [("PNG", "png"), ("JPEG", "jpg")])
def test_a_logo(
    app: Flask, run: Run, columns: Callable[[], Any], tmp_path: Path, kind: str, extension: str
) -> None:
    file, data = tmp_path / "logo", picture(kind)
    file.write_bytes(data)
    assert run("shop", "edit", "--logo", str(file)).exit_code == 0
    key = columns()["logo_key"]
    assert key.endswith(f".{extension}")
    with app.app_context():
        assert storage.get(key) == data
    app.extensions["shops"].forget()
    shown = app.test_client().get(f"/logo-{key.rpartition('/')[2]}", base_url=f"https://{HOST}")
    assert (shown.status_code, shown.data) == (200, data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture("GIF"),
        picture("PNG")[:60],
        picture("PNG") + b"\0" * 1024 * 1024,
        picture("PNG", (5001, 5000)),
    ],
    ids=["empty", "svg", "gif", "broken off", "over 1 MB", "many pixels"],
)
def test_a_logo_that_is_none(
    app: Flask, refused: Refused, columns: Callable[[], Any], tmp_path: Path, data: bytes
) -> None:
    """Nothing is kept of it, and nothing of what was right beside it."""
    file, before = tmp_path / "logo.png", columns()
    file.write_bytes(data)
    files = sorted(Path(app.config["FILES_DIR"]).rglob("*"))
    refused("shop", "edit", "--city", "Zeist", "--logo", str(file))
    assert columns() == before
    assert sorted(Path(app.config["FILES_DIR"]).rglob("*")) == files


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--name", " "),
        ("--name", "x" * 121),
        ("--email", ""),
        ("--email", "nobody"),
        ("--iban", "NL00ABNA0417164300"),
        ("--vat-number", "NL123"),
        ("--vat-number", "NL123456789B01"),
        ("--vat-number", "x" * 61),
        ("--city", "x" * 121),
        ("--phone", "a\0b"),
        ("--language", "fr"),
        ("--language", ""),
        ("--payment-term-days", "366"),
        ("--payment-term-days", "-1"),
        ("--payment-term-days", "two weeks"),
        ("--payment-term-days", ""),
        ("--colour", "red"),
        ("--colour", "#fff"),
        ("--colour", "#1f5fae;"),
        ("--logo", "/nowhere/logo.png"),
        ("--logo", "/"),
    ],
)
def test_a_change_that_cannot_be(
    refused: Refused, columns: Callable[[], Any], options: tuple[str, ...]
) -> None:
    before = columns()
    refused("shop", "edit", *options, *(("--street", "Plein 1") if options else ()))
    assert columns() == before


def test_another_address(app: Flask, run: Run, on_stage: Callable[..., Any], client: Any, ids: Ids) -> None:
    """Pages, links and the entry follow; a payment link that was sent opens at the new name by its path."""
    with on_stage(ids.shop):
        path = urlsplit(payment_url(make_invoice(ids.emma_account))).path
    done = run("shop", "edit", "--url", "https://Klant.example.nl/", "--city", "Zeist")
    assert done.exit_code == 0, done.output
    assert "De Halve Maan is at https://klant.example.nl/ now" in done.stdout and "city" in done.stdout
    assert "keep the old address" in done.stdout
    app.extensions[
        "shops"
    ].forget()  # the processes that serve pages do so by themselves, within five seconds
    assert client.get("/login", base_url=f"https://{HOST}").status_code == 404
    assert client.get("/login", base_url="https://klant.example.nl").status_code == 200
    assert client.get(path, base_url="https://klant.example.nl").status_code == 200
    with on_stage(ids.shop):
        assert links.external(ids.shop, "shop.index") == "https://klant.example.nl/"
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "shop.moved")).one()
        assert entry.data == {"before": f"https://{HOST}", "after": "https://klant.example.nl"}
    again = run("shop", "edit", "--url", "https://klant.example.nl", shop="klant.example.nl")
    assert again.exit_code == 0 and "Nothing changes" in again.stdout
    back = run("shop", "edit", "--url", "http://127.0.0.1:8000", shop="klant.example.nl")
    assert back.exit_code == 0 and "http://127.0.0.1:8000/" in back.stdout


@pytest.mark.parametrize(
    "url",
    [
        *("", "klant.example.nl", "http://klant.example.nl", "http://192.168.1.4", "ftp://klant.example.nl"),
        *("https://", "https://a b.nl", "https://-a.nl", "https://klant.example.nl/shop"),
        *("https://klant.example.nl?x=1", "https://klant.example.nl#x", "https://me:secret@klant.example.nl"),
        *("https://klant.example.nl:0", "https://klant.example.nl:99999", "https://klant.example.nl:x"),
        *("https://[::1", "https://a\0b.nl", "https://" + "a" * 300, f"https://{OTHER_HOST}"),
    ],
)
def test_an_address_that_cannot_be(
    app: Flask, refused: Refused, on_stage: Callable[..., Any], url: str
) -> None:
    """Nothing of what stood beside it is kept either."""
    refused("shop", "edit", "--url", url, "--city", "Zeist")
    with on_stage():
        shop = db.session.scalars(sa.select(Shop).join(ShopDomain).where(ShopDomain.host == HOST)).one()
        assert shop.city != "Zeist"


def test_the_demo_stays_where_it_is(refused: Refused, on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        db.session.get_one(Shop, ids.shop).is_demo = True
        db.session.commit()
    assert "demo" in refused("shop", "edit", "--url", "https://klant.example.nl")


def test_which_shop(run: Run, refused: Refused) -> None:
    refused("shop", "edit", "--city", "Zeist", shop=None)
    refused("shop", "edit", "--city", "Zeist", shop="nowhere.example")


@pytest.mark.parametrize("group", ["shop", "customer", "invoice", "person", "demo"])
def test_no_commands_help_breaks_off(run: Run, group: str) -> None:
    """What has to be shortened in a list of commands says half of what it should."""
    listed = run(group, "--help", shop=None).stdout.partition("Commands:")[2]
    assert listed.strip() and "..." not in listed
