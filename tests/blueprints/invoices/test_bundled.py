"""The page of files: the PDFs of a year, and statements of account."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from portal.core import clock, outbox_runner, pdf, storage
from portal.domain.invoices import bundles
from portal.domain.invoices.models import Bundle, BundleKind, BundleStatus
from portal.domain.people.models import Customer, Membership, Role
from portal.domain.people.permissions import PERMISSIONS, Permission
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse
from tests.pages import links, text
from tests.rows import write_invoices
from tests.statements import counted, plans

PAGE = "/customer/invoices/files"


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pdf, "render", lambda template, context, *, locale: b"%PDF-1.7 made")
    with clock.frozen(START):
        yield


def account(on_stage: Any, customer_id: int) -> str:
    with on_stage():
        return db.session.get_one(Customer, customer_id).public_id


def made(on_stage: Any) -> list[Bundle]:
    with on_stage():
        found = list(db.session.query(Bundle).order_by(Bundle.id))
        db.session.expunge_all()
        return found


def work(app: Any) -> None:
    outbox_runner.drain(app, "documents", seconds=60)


def test_without_invoices_it_says_what_will_be_there(login: Any) -> None:
    assert "No invoices yet" in text(login("emma", now=START).get(PAGE))


def test_a_year_as_a_zip(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for days in (0, 0, 400):
            make_invoice(ids.emma_account, now=START - timedelta(days=days))
    emma = login("emma", now=START)
    assert links(emma.get("/customer/invoices"))[PAGE] == "Files and statement"
    first = emma.get(PAGE)
    assert "2026 2 documents Make a ZIP 2025 1 document Make a ZIP" in text(first)
    data = {"year": "2026", "account": account(on_stage, ids.emma_account)}
    answer = emma.send(f"{PAGE}/year", data)
    (bundle,) = made(on_stage)
    assert (answer.status_code, answer.location) == (303, f"{PAGE}#file-{bundle.public_id}")
    # Twice is once, and a page that is opened anew shows how far it is.
    emma.send(f"{PAGE}/year", data)
    assert len(made(on_stage)) == 1
    page = emma.get(PAGE)
    assert "Invoices of 2026 – being made" in text(page)
    (bar,) = find_all(parse(page.text), "progress")
    assert (bar.attrib["value"], bar.attrib["max"]) == ("0", "3")
    (asking,) = re.findall(r'data-hx-get="([^"]+progress[^"]*)"', page.text)
    emma.checks = False
    assert 'data-hx-trigger="every 2s"' in emma.get(asking).text
    assert emma.get(f"{PAGE}/{bundle.public_id}/download").status_code == 404
    work(app)
    piece = emma.get(asking).text
    assert "data-hx-get" not in piece and f'href="{PAGE}/{bundle.public_id}/download"' in piece
    emma.checks = True
    ready = emma.get(PAGE)
    assert "to be fetched until 8 November 2026" in text(ready) and "Make it again" in text(ready)
    got = emma.get(f"{PAGE}/{bundle.public_id}/download")
    assert got.headers["Content-Disposition"] == 'attachment; filename="Invoices 2026.zip"'
    assert (got.mimetype, got.headers["Content-Security-Policy"]) == (
        "application/zip",
        "default-src 'none'; sandbox",
    )
    assert len(zipfile.ZipFile(io.BytesIO(got.get_data())).namelist()) == 2
    # Somebody else's stays somebody else's, and a week later it is nobody's.
    for stranger in ("jan", "dora"):
        assert login(stranger, now=START).get(f"{PAGE}/{bundle.public_id}/download").status_code == 404
        assert login(stranger, now=START).get(f"{PAGE}/{bundle.public_id}/progress").status_code == 404
    later = START + timedelta(days=7)
    with clock.frozen(later):
        emma = login("emma", now=later)
        assert emma.get(f"{PAGE}/{bundle.public_id}/download").status_code == 404
        assert "to be fetched until" not in text(emma.get(PAGE))


def test_a_part_of_a_zip(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
    emma = login("emma", now=START)
    emma.send(f"{PAGE}/year", {"year": "2026", "account": account(on_stage, ids.emma_account)})
    work(app)
    (bundle,) = made(on_stage)
    got = emma.get(f"{PAGE}/{bundle.public_id}/download", headers={"Range": "bytes=0-1"})
    assert (got.status_code, got.get_data()) == (206, b"PK")
    with on_stage():
        storage.delete(bundle.storage_key or "")
    assert emma.get(f"{PAGE}/{bundle.public_id}/download").status_code == 404


def test_a_statement(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
    emma = login("emma", now=START)
    shown = find_all(parse(emma.get(PAGE).text), "input")
    days = {
        each.attrib["name"]: each.attrib.get("value") for each in shown if each.attrib.get("type") == "date"
    }
    assert days == {"first_day": "2026-01-01", "last_day": "2026-11-01"}
    data = {
        "first_day": "2026-10-01",
        "last_day": "2026-10-31",
        "account": account(on_stage, ids.emma_account),
    }
    answer = emma.send(PAGE, data)
    (bundle,) = made(on_stage)
    assert (answer.status_code, answer.location) == (303, f"{PAGE}#file-{bundle.public_id}")
    assert "1 Oct 2026 – 31 Oct 2026 – being made" in text(emma.get(PAGE))
    work(app)
    assert "1 Oct 2026 – 31 Oct 2026" in text(emma.get(PAGE))
    got = emma.get(f"{PAGE}/{bundle.public_id}/download")
    assert got.get_data() == b"%PDF-1.7 made" and got.mimetype == "application/pdf"
    assert 'filename="Statement of account 2026-10-01 2026-10-31.pdf"' in got.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-10-31", "2026-10-01", "This day is before the first one."),
        ("2026-10-01", "2026-11-02", "A statement ends today at the latest."),
        ("31-10-2026", "2026-11-01", "Write the day as 2026-01-31."),
        ("0001-01-01", "2026-11-01", "Choose a day since 2000."),
        ("2026-01-01", "", "Write the day as 2026-01-31."),
    ],
)
def test_a_period_that_is_refused_stays_in_the_form(
    login: Any, on_stage: Any, ids: Any, first: str, last: str, said: str
) -> None:
    data = {"first_day": first, "last_day": last, "account": account(on_stage, ids.emma_account)}
    answer = login("emma", now=START).send(PAGE, data)
    assert answer.status_code == 422 and said in answer.text
    values = [each.attrib.get("value") for each in find_all(parse(answer.text), "input")]
    assert first in values and made(on_stage) == []


def test_for_an_account_that_is_not_shown_nothing_is_made(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
    emma, jans = login("emma", now=START), account(on_stage, ids.jan_account)
    period = {"first_day": "2026-01-01", "last_day": "2026-11-01"}
    assert emma.send(f"{PAGE}/year", {"year": "2026", "account": jans}).status_code == 409
    assert emma.send(PAGE, {**period, "account": jans}).status_code == 409
    assert made(on_stage) == []


def test_a_year_without_invoices(login: Any, on_stage: Any, ids: Any) -> None:
    emma = login("emma", now=START)
    data = {"year": "2019", "account": account(on_stage, ids.emma_account)}
    assert emma.send(f"{PAGE}/year", data).location == PAGE
    assert "There are no invoices of this year." in emma.get(PAGE).text and made(on_stage) == []


def test_one_that_could_not_be_made(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        wanted = bundles.year_of(2026, ids.emma_account, Mode.TEST, "en")
        bundles.fail(bundles.request_year(wanted, person_id=None, now=START).id, now=START)
    seen = text(login("emma", now=START).get(PAGE))
    assert "This could not be made." in seen and "Make it again" in seen


@pytest.mark.parametrize("role", Role)
def test_each_role(app: Any, login: Any, on_stage: Any, ids: Any, role: Role) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = role
    may = Permission.INVOICES in PERMISSIONS[role]
    bram, mine = login("bram", now=START), account(on_stage, ids.emma_account)
    period = {"first_day": "2026-01-01", "last_day": "2026-11-01"}
    assert bram.get(PAGE).status_code == (200 if may else 403)
    assert bram.send(f"{PAGE}/year", {"year": "2026", "account": mine}).status_code == (303 if may else 403)
    assert bram.send(PAGE, {**period, "account": mine}).status_code == (303 if may else 403)
    assert len(made(on_stage)) == 2 * may
    login("emma", now=START).send(f"{PAGE}/year", {"year": "2026", "account": mine})
    work(app)
    one = next(each for each in made(on_stage) if each.kind is BundleKind.YEAR)
    assert bram.get(f"{PAGE}/{one.public_id}/download").status_code == (200 if may else 403)


def test_who_asks_too_often_is_told_so(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    app.config["BUNDLE_LIMIT"] = "2 per hour"
    with on_stage():
        make_invoice(ids.emma_account)
    emma, data = login("emma", now=START), {"year": "2026", "account": account(on_stage, ids.emma_account)}
    assert [emma.send(f"{PAGE}/year", data).status_code for _ in range(3)] == [303, 303, 429]
    assert emma.get(PAGE).status_code == 200


def test_the_statements_of_the_page(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
    emma = login("emma", now=START)
    emma.get(PAGE)
    with counted(app) as few:
        emma.get(PAGE)
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, 10_000, first=1)
    for year in ("2025", "2026"):
        emma.send(f"{PAGE}/year", {"year": year, "account": account(on_stage, ids.emma_account)})
    with counted(app) as many:
        page = emma.get(PAGE)
    assert len(few) == len(many) <= 5, "\n\n".join(many)
    assert {each.status for each in made(on_stage)} == {BundleStatus.WAITING} and page.status_code == 200


def test_the_page_reads_its_own_rows_by_their_index(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
    emma = login("emma", now=START)
    emma.send(f"{PAGE}/year", {"year": "2026", "account": account(on_stage, ids.emma_account)})
    with plans(app) as found:
        emma.get(PAGE)
    assert any("ix_document_bundles_customer_id" in plan for plan in found), found
    assert not any(read in plan for plan in found for read in ("SCAN document", "Seq Scan on document"))


def test_in_dutch(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
    seen = text(login("emma", now=START).get(PAGE, headers={"Accept-Language": "nl"}))
    for words in (
        "Bestanden en overzicht",
        "Alle facturen van een jaar",
        "1 document Zip maken",
        "Rekeningoverzicht",
    ):
        assert words in seen
