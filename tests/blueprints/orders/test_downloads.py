"""Fetching what was bought: the button that counts, the address it leads to, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.core import clock, serving, storage
from portal.core.audit import AuditEntry
from portal.domain.orders.downloads import token_for
from portal.domain.orders.models import Download, Order, OrderStatus
from portal.domain.people.models import Membership, Role
from portal.domain.people.permissions import PERMISSIONS, Permission
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import OTHER_HOST, START
from tests.page_client import find_all, parse
from tests.pages import links, text
from tests.rows import make_download, make_order

DATA = bytes(range(256)) * 1000
NAME = "Bäkken \u202e‘bij’ maanlicht.pdf"


@pytest.fixture(autouse=True)
def _still() -> Any:
    with clock.frozen(START):
        yield


@pytest.fixture
def sold(on_stage: Any, ids: Any) -> Callable[..., tuple[str, str, str]]:
    """``sold()`` makes an order of Emma's with a file: the order's page, its button's address, and the file's id."""

    def make(*, status: OrderStatus = OrderStatus.PAID, mode: Mode = Mode.TEST, **options: Any) -> Any:
        with on_stage():
            order = make_order(ids.emma_account, status=status, mode=mode)
            key = storage.put("shops/1/files/sold.pdf", DATA)
            file = make_download(
                order,
                **{"name": NAME, "storage_key": key, "expires_at": START + timedelta(days=30), **options},
            )
            page = f"/customer/orders/{order.public_id}"
            return page, f"{page}/files/{file.public_id}", file.public_id

    return make


def used(on_stage: Any, file: str) -> int:
    with on_stage():
        return db.session.query(Download).filter_by(public_id=file).one().downloads_used


def test_the_button_counts_once_and_leads_to_the_file(login: Any, on_stage: Any, ids: Any, sold: Any) -> None:
    page, button, file = sold()
    emma = login("emma", now=START)
    shown = emma.get(page)
    forms = [each.attrib["action"] for each in find_all(parse(shown.get_data(as_text=True)), "form")]
    assert button in forms
    answer = emma.send(button)
    assert answer.status_code == 303 and answer.location.startswith("/download/")
    assert used(on_stage, file) == 1
    for _ in range(3):
        got = emma.get(answer.location)
        assert got.status_code == 200 and got.get_data() == DATA
    assert used(on_stage, file) == 1
    assert "4 of 5 downloads left" in text(emma.get(page))
    with on_stage():
        entry = db.session.query(AuditEntry).filter_by(event="download.used").one()
        assert (entry.actor_kind, entry.actor_id, entry.data) == ("person", ids.emma, {"used": 1})


def test_how_a_file_is_served(login: Any, client: Any, sold: Any) -> None:
    _page, button, _file = sold()
    address = login("emma", now=START).send(button).location
    # The address is enough: a download manager has no cookies.
    got = client.get(address)
    assert got.headers["Content-Disposition"] == (
        'attachment; filename="B_kken _bij_ maanlicht.pdf"; '
        "filename*=UTF-8''B%C3%A4kken%20%E2%80%98bij%E2%80%99%20maanlicht.pdf"
    )
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert got.headers["Cache-Control"] == "no-store" and "noindex" in got.headers["X-Robots-Tag"]
    assert got.headers["Accept-Ranges"] == "bytes"
    assert (got.mimetype, got.content_length) == ("application/pdf", len(DATA))


@pytest.mark.parametrize(
    ("wanted", "status", "part", "said"),
    [
        ("bytes=0-9", 206, slice(0, 10), "bytes 0-9/256000"),
        ("bytes=255990-", 206, slice(255990, None), "bytes 255990-255999/256000"),
        ("bytes=-5", 206, slice(-5, None), "bytes 255995-255999/256000"),
        ("bytes=100-900000", 206, slice(100, None), "bytes 100-255999/256000"),
        ("bytes=256000-", 416, slice(0, 0), "bytes */256000"),
        ("bytes=0-1,5-6", 200, slice(None), None),
        ("lines=1-2", 200, slice(None), None),
        ("bytes=x", 200, slice(None), None),
    ],
)
def test_a_part_of_a_file(
    login: Any, client: Any, on_stage: Any, sold: Any, wanted: str, status: int, part: slice, said: str | None
) -> None:
    _page, button, file = sold()
    address = login("emma", now=START).send(button).location
    got = client.get(address, headers={"Range": wanted})
    assert got.status_code == status and got.headers.get("Content-Range") == said
    assert got.get_data() == DATA[part]
    assert used(on_stage, file) == 1


def test_what_changed_is_not_resumed_and_head_has_no_body(login: Any, client: Any, sold: Any) -> None:
    _page, button, _file = sold()
    address = login("emma", now=START).send(button).location
    head = client.head(address)
    assert (head.status_code, head.get_data(), head.content_length) == (200, b"", len(DATA))
    again = {"Range": "bytes=10-", "If-Range": head.headers["ETag"]}
    assert client.get(address, headers=again).status_code == 206
    assert client.get(address, headers={**again, "If-Range": '"other"'}).status_code == 200
    assert client.get(address, headers={"If-None-Match": head.headers["ETag"]}).status_code == 304


def test_a_large_file_is_never_whole_in_memory(
    login: Any, client: Any, on_stage: Any, sold: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tracemalloc

    _page, button, file = sold()
    with on_stage():
        row = db.session.query(Download).filter_by(public_id=file).one()
        storage.put(row.storage_key, bytes(50_000_000))
    address = login("emma", now=START).send(button).location
    tracemalloc.start()
    try:
        got = client.get(address, buffered=False)
        pieces = [len(piece) for piece in got.iter_encoded()]
        got.close()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(pieces) == 50_000_000 and max(pieces) <= serving.PIECE
    assert most < 10_000_000


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"downloads_used": 5}, "All 5 downloads used Ask for more"),
        ({"expires_at": START - timedelta(days=1)}, "Expired on 31 October 2026 Ask for more"),
        ({"status": OrderStatus.REFUNDED}, "Can be fetched while the order is paid"),
        ({"status": OrderStatus.CANCELLED}, "Can be fetched while the order is paid"),
        ({"status": OrderStatus.PENDING_PAYMENT}, "Can be fetched while the order is paid"),
    ],
)
def test_where_nothing_is_left_the_page_says_so(
    login: Any, on_stage: Any, sold: Any, options: dict[str, Any], shown: str
) -> None:
    page, button, file = sold(**options)
    emma = login("emma", now=START)
    before = used(on_stage, file)
    assert shown in text(emma.get(page))
    answer = emma.send(button)
    assert answer.location == page
    assert emma.get(page).get_data(as_text=True).count('class="flash tone-red"') == 1
    assert used(on_stage, file) == before


@pytest.mark.parametrize(
    ("at", "is_there"),
    # Bought at ten in the morning, it can be fetched all of the day that the page names: the shop's.
    [
        ("2026-11-30T22:59", True),
        ("2026-12-01T08:00", True),
        ("2026-12-01T22:59", True),
        ("2026-12-01T23:00", False),
    ],
)
def test_the_day_it_names_is_included(login: Any, on_stage: Any, sold: Any, at: str, is_there: bool) -> None:
    page, button, file = sold(expires_at=START + timedelta(days=30))
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    with clock.frozen(now):
        emma = login("emma", now=now)
        seen = text(emma.get(page))
        if is_there:
            assert "5 of 5 downloads left, up to and including 1 December 2026" in seen
            dutch = text(emma.get(page, headers={"Accept-Language": "nl"}))
            assert "Nog 5 van de 5 downloads, tot en met 1 december 2026" in dutch
        else:
            assert "Expired on 1 December 2026 Ask for more" in seen
        emma.send(button)
    assert used(on_stage, file) == is_there


def test_who_asks_for_more_finds_it_written(login: Any, on_stage: Any, ids: Any, sold: Any) -> None:
    page, _button, file = sold(downloads_used=5)
    emma = login("emma", now=START)
    more = next(address for address, words in links(emma.get(page)).items() if words == "Ask for more")
    assert parse_qs(urlsplit(more).query)["file"] == [file]
    form = parse(emma.get(more).get_data(as_text=True))
    values = {each.attrib.get("name"): each.attrib.get("value") for each in find_all(form, "input")}
    assert values["subject"] == f"More downloads of ‘{NAME}’"
    (body,) = [each.text for each in find_all(form, "textarea")]
    assert body and body.strip() == f"I would like to download ‘{NAME}’ again. Can you make that possible?"
    # Jan may not learn its name.
    assert "maanlicht" not in login("jan", now=START).get(more).get_data(as_text=True)
    assert "maanlicht" not in emma.get(more.replace(file, "x" * 22)).get_data(as_text=True)


def test_a_file_that_was_lost_is_not_counted(login: Any, on_stage: Any, sold: Any) -> None:
    page, button, file = sold(storage_key="shops/1/files/lost.pdf")
    emma = login("emma", now=START)
    assert emma.send(button).location == page
    assert "Nothing was counted" in emma.get(page).get_data(as_text=True)
    assert used(on_stage, file) == 0
    assert emma.get(f"/download/{token_of(on_stage, file)}").status_code == 404


def token_of(on_stage: Any, file: str) -> str:
    with on_stage():
        return token_for(file, now=START)


def test_the_address_ends_after_an_hour_and_with_the_order(
    login: Any, client: Any, on_stage: Any, sold: Any
) -> None:
    _page, button, _file = sold()
    address = login("emma", now=START).send(button).location
    with clock.frozen(START + timedelta(minutes=59, seconds=59)):
        assert client.get(address).status_code == 200
    with clock.frozen(START + timedelta(hours=1)):
        assert client.get(address).status_code == 404
    client.host = OTHER_HOST
    assert client.get(address).status_code == 404
    client.host = "shop.example.test"
    # Another time or another file under the same proof.
    token = address.rpartition("/")[2]
    later = f"{int((START + timedelta(days=300)).timestamp()):x}"
    for forged in (token[:44] + later, "x" * 22 + token[22:], token[:44], token[:44] + "zz", token[:22]):
        assert client.get(f"/download/{forged}").status_code == 404
    with on_stage():
        db.session.query(Order).one().status = OrderStatus.REFUNDED
    assert client.get(address).status_code == 404


def test_what_was_bought_in_the_other_mode_is_not_there(login: Any, on_stage: Any, sold: Any) -> None:
    _page, button, file = sold(mode=Mode.LIVE)
    assert login("emma", now=START).send(button).status_code == 404
    assert used(on_stage, file) == 0


@pytest.mark.parametrize("role", Role)
def test_each_role(login: Any, on_stage: Any, ids: Any, sold: Any, role: Role) -> None:
    page, button, file = sold()
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = role
    bram = login("bram", now=START)
    may = Permission.ORDERS_DOWNLOAD in PERMISSIONS[role]
    assert bram.send(button).status_code == (303 if may else 403)
    assert used(on_stage, file) == int(may)
    if Permission.ORDERS in PERMISSIONS[role]:
        assert (button in bram.get(page).get_data(as_text=True)) is may
    assert login("jan", now=START).send(button).status_code == 404
    assert login("dora", now=START).send(button).status_code == 404
    assert login("emma", now=START).get(button).status_code == 405
