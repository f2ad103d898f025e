"""The PDFs of a year in one file: asked for once, made in slices, whole or not at all, gone after a week."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock, database, outbox, outbox_runner, pdf, storage
from portal.core.errors import DomainError, IllegalMove, NotFound
from portal.core.outbox import OutboxRow, OutboxState
from portal.core.tenancy import shop_scope
from portal.domain.invoices import bundle_jobs, bundles, rendering
from portal.domain.invoices.models import Bundle, BundleStatus, Document, DocumentFile, DocumentKind
from portal.domain.invoices.states import BUNDLE, MAKING, BundleMove
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.people.test_at_once import at_once, here, on_postgresql
from tests.rows import write_invoices

__all__ = ["here", "on_postgresql"]

S, M = BundleStatus, BundleMove
LEGAL = {
    (S.WAITING, M.BUILD): S.BUILDING,
    (S.WAITING, M.FAIL): S.FAILED,
    (S.BUILDING, M.FINISH): S.READY,
    (S.BUILDING, M.FAIL): S.FAILED,
    (S.READY, M.EXPIRE): S.EXPIRED,
}


@pytest.mark.parametrize(("status", "move"), list(product(S, M)))
def test_every_move_from_every_status(status: S, move: M) -> None:
    arrived = {(after, move) for (_, move), after in LEGAL.items()}
    if (status, move) in LEGAL:
        assert BUNDLE.next(status, move) is LEGAL[status, move]
    elif (status, move) in arrived:
        assert BUNDLE.next(status, move) is None
    else:
        with pytest.raises(IllegalMove):
            BUNDLE.next(status, move)


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    database.set_reading(False)
    with clock.frozen(START), app.app_context(), shop_scope(ids.shop):
        yield ids
        db.session.rollback()


def wanted(ids: Ids, year: int = 2026, **options: Any) -> bundles.Wanted:
    return bundles.year_of(
        year, options.get("account", ids.emma_account), options.get("mode", Mode.TEST), "en"
    )


def ask(ids: Ids, year: int = 2026) -> Bundle:
    bundle = bundles.request_year(wanted(ids, year), person_id=ids.emma, now=START)
    db.session.commit()
    return bundle


def work(app: Flask, ids: Ids) -> None:
    """What a worker does with the lane."""
    db.session.remove()
    outbox_runner.drain(app, "documents", seconds=60)
    database.set_reading(False)


def fresh(bundle: Bundle | int) -> Bundle:
    found = db.session.get_one(Bundle, bundle if isinstance(bundle, int) else bundle.id)
    db.session.refresh(found)
    return found


def packed(bundle: Bundle) -> zipfile.ZipFile:
    assert bundle.storage_key is not None
    return zipfile.ZipFile(io.BytesIO(storage.get(bundle.storage_key)))


def keep(document: Document, data: bytes = b"%PDF-1.7 a") -> None:
    rendering.keep_file(document, document.language, data, now=START)


def test_all_of_the_year_and_nothing_else(app: Flask, scene: Ids) -> None:
    first, second = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    second.language = "nl"
    note = make_invoice(scene.emma_account, amount_minor=1000, kind=DocumentKind.CREDIT_NOTE)
    for number, document in enumerate((first, second, note)):
        keep(document, b"%%PDF-1.7 %d" % number)
    make_invoice(scene.emma_account, now=START - timedelta(days=365))
    make_invoice(scene.jan_account)
    numbers = [str(each.number).lower() for each in (first, second, note)]
    bundle_id = ask(scene).id
    work(app, scene)
    bundle = fresh(bundle_id)
    assert (bundle.status, bundle.done, bundle.total) == (S.READY, 3, 3)
    assert (bundle.ready_at, bundle.expires_at) == (START, START + timedelta(days=7))
    archive = packed(bundle)
    assert archive.testzip() is None
    kinds = ("invoice", "factuur", "credit-note")
    assert archive.namelist() == [f"{kind}-{number}.pdf" for kind, number in zip(kinds, numbers, strict=True)]
    assert archive.read(archive.namelist()[2]) == b"%PDF-1.7 2"
    assert bundle.size_bytes == len(storage.get(bundle.storage_key or ""))


def test_what_was_never_made_or_was_lost_is_made(
    app: Flask, scene: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(
        pdf,
        "render",
        lambda template, context, *, locale: made.append(context["document"]["number"]) or b"%PDF-1.7 new",
    )
    there, never, lost = (make_invoice(scene.emma_account) for _ in range(3))
    keep(there)
    keep(lost, b"%PDF-1.7 lost")
    gone = rendering.find_file(lost, lost.language)
    assert gone is not None
    storage.delete(gone.storage_key)
    numbers = [never.number, lost.number]
    bundle_id = ask(scene).id
    # The invoices' own work would make them as well.
    db.session.execute(sa.delete(OutboxRow).where(OutboxRow.job == rendering.BUILD))
    db.session.commit()
    work(app, scene)
    assert sorted(made) == sorted(str(number) for number in numbers)
    assert len(packed(fresh(bundle_id)).namelist()) == 3


def test_a_year_without_documents(scene: Ids) -> None:
    make_invoice(scene.jan_account)
    with pytest.raises(DomainError):
        bundles.request_year(wanted(scene), person_id=scene.emma, now=START)
    with pytest.raises(DomainError):
        bundles.request_year(wanted(scene, mode=Mode.LIVE), person_id=scene.emma, now=START)


def test_one_at_a_time_for_each_account_and_year(app: Flask, scene: Ids) -> None:
    keep(make_invoice(scene.emma_account))
    keep(make_invoice(scene.emma_account, now=START - timedelta(days=365)))
    first, other = ask(scene), ask(scene, 2025)
    assert ask(scene).id == first.id and other.id != first.id
    ids_ = first.id, other.id
    work(app, scene)
    again = ask(scene)
    assert again.id not in ids_
    keys = [fresh(each).storage_key for each in ids_]
    again_id = again.id
    work(app, scene)
    # The new one takes the place of the old one, whose file goes with the next sweep.
    assert fresh(again_id).status is S.READY
    assert fresh(ids_[0]).expires_at == START and fresh(ids_[1]).expires_at == START + timedelta(days=7)
    shown = bundles.list_bundles(scene.emma_account, mode=Mode.TEST, now=START)
    assert [each.id for each in shown] == [again_id, ids_[1]]
    for days in (0, 1):
        bundles.expire(now=START + timedelta(days=days))
    assert [storage.exists(key or "") for key in keys] == [False, True]


def test_asked_for_by_several_at_once_it_is_one(here: tuple[Flask, Ids]) -> None:
    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        make_invoice(ids.emma_account)
        db.session.commit()
    answers = at_once(
        here, 6, lambda: bundles.request_year(wanted(ids), person_id=ids.emma, now=START).public_id
    )
    assert len(set(answers)) == 1 and isinstance(answers[0], str)


@pytest.mark.parametrize("killed_in", ["_render", "_write"])
def test_killed_half_way_it_is_made_whole_by_the_next(
    app: Flask, scene: Ids, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    for _ in range(bundle_jobs.TOGETHER + 5):
        keep(make_invoice(scene.emma_account))
    bundle_id, calls = ask(scene).id, []
    real = getattr(bundle_jobs, killed_in)

    def killed(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            if killed_in == "_write":
                # Some of it was written already.
                with pytest.raises(KeyboardInterrupt), storage.writing(args[0]) as file:
                    file.write(b"PK")
                    raise KeyboardInterrupt
            raise RuntimeError("killed")
        return real(*args)

    monkeypatch.setattr(bundle_jobs, killed_in, killed)
    work(app, scene)
    assert fresh(bundle_id).status in MAKING
    later = START + timedelta(hours=1)
    with clock.frozen(later):
        work(app, scene)
    bundle = fresh(bundle_id)
    assert (bundle.status, bundle.done) == (S.READY, bundle_jobs.TOGETHER + 5)
    assert len(packed(bundle).namelist()) == bundle_jobs.TOGETHER + 5


def test_done_twice_it_is_made_once(app: Flask, scene: Ids) -> None:
    keep(make_invoice(scene.emma_account))
    bundle_id = ask(scene).id
    work(app, scene)
    ready = fresh(bundle_id).ready_at
    with clock.frozen(START + timedelta(minutes=5)):
        row = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.job == bundles.BUILD_YEAR)).one()
        outbox.retry(row, now=clock.now())
        db.session.commit()
        work(app, scene)
        bundles.finish(bundle_id, "elsewhere", 1, now=clock.now())
        bundles.fail(bundle_id, now=clock.now())
    assert (fresh(bundle_id).status, fresh(bundle_id).ready_at) == (S.READY, ready)


def test_after_a_slice_others_get_their_turn(app: Flask, scene: Ids, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_jobs, "SLICE", -1.0)
    monkeypatch.setattr(bundle_jobs, "TOGETHER", 2)
    monkeypatch.setattr(pdf, "render", lambda template, context, *, locale: b"%PDF-1.7 new")
    for _ in range(5):
        make_invoice(scene.emma_account)
    db.session.execute(sa.delete(OutboxRow))
    bundle_id, seen = ask(scene).id, []
    real = bundle_jobs.build_year

    monkeypatch.setattr(
        bundle_jobs,
        "_render",
        lambda missing, real=bundle_jobs._render: seen.append(len(missing)) or real(missing),
    )
    work(app, scene)
    assert real is bundle_jobs.build_year
    bundle = fresh(bundle_id)
    assert (bundle.status, bundle.done) == (S.READY, 5) and seen == [2, 2, 1]
    rows = db.session.scalars(
        sa.select(OutboxRow).where(OutboxRow.job == bundles.BUILD_YEAR).order_by(OutboxRow.id)
    )
    assert [row.payload.get("done", 0) for row in rows] == [0, 2, 4, 5]
    assert len(packed(bundle).namelist()) == 5


def test_one_that_cannot_be_made_says_so_and_can_be_asked_for_again(
    app: Flask, scene: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(make_invoice(scene.emma_account))

    def fails(*args: Any) -> Any:
        raise pdf.PdfError("no")

    monkeypatch.setattr(bundle_jobs, "_render", fails)
    bundle_id = ask(scene).id
    for hour in range(60):
        with clock.frozen(START + timedelta(hours=hour)):
            work(app, scene)
    row = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.job == bundles.BUILD_YEAR)).one()
    assert row.state is OutboxState.FAILED and fresh(bundle_id).status is S.FAILED
    assert ask(scene).id != bundle_id


def test_many_in_bounded_memory(app: Flask, scene: Ids) -> None:
    write_invoices(scene.shop, scene.emma_account, 2_500)
    key = storage.put("shops/1/documents/one.pdf", b"%PDF-1.7 " + bytes(20_000))
    documents = db.session.execute(sa.select(Document.id, Document.language)).all()
    files = [
        {
            "shop_id": scene.shop, "document_id": id_, "language": language, "is_original": True, "storage_key": key,
            "sha256": "", "size_bytes": 1, "created_at": START,
        }
        for id_, language in documents
    ]  # fmt: skip
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.execute(sa.insert(DocumentFile.__table__), files)
    del files, documents
    years = [row.year for row in bundles.list_years(scene.emma_account, mode=Mode.TEST)]
    asked = [ask(scene, year).id for year in years]
    tracemalloc.start()
    try:
        work(app, scene)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    made = [fresh(each) for each in asked]
    assert {each.status for each in made} == {S.READY} and sum(each.total for each in made) == 2_500
    assert sum(each.size_bytes for each in made) > 50_000_000
    assert most < 20_000_000
    for each in made:
        storage.delete(each.storage_key or "")


def test_the_sweep_removes_what_is_over(app: Flask, scene: Ids) -> None:
    keep(make_invoice(scene.emma_account))
    bundle_id = ask(scene).id
    work(app, scene)
    key = fresh(bundle_id).storage_key or ""
    with clock.frozen(START + timedelta(days=6)):
        bundle_jobs.expire_bundles(now=clock.now())
        assert storage.exists(key)
    for days, there in ((7, True), (7.9, True), (8, False), (9, False)):
        bundle_jobs.expire_bundles(now=START + timedelta(days=days))
        # No row names it any more, and yet a backup that began before finds it.
        assert (fresh(bundle_id).status, fresh(bundle_id).storage_key) == (S.EXPIRED, None)
        assert storage.exists(key) is there
    assert bundles.list_bundles(scene.emma_account, mode=Mode.TEST, now=START) == []


def test_nobody_elses(scene: Ids) -> None:
    make_invoice(scene.emma_account)
    bundle = ask(scene)
    found = bundles.get_bundle(bundle.public_id, customer_ids=[scene.emma_account], mode=Mode.TEST)
    assert found is bundle
    for accounts, mode in (
        ([scene.jan_account], Mode.TEST),
        ([], Mode.TEST),
        ([scene.emma_account], Mode.LIVE),
    ):
        with pytest.raises(NotFound):
            bundles.get_bundle(bundle.public_id, customer_ids=accounts, mode=mode)


def test_the_years(scene: Ids) -> None:
    for days in (0, 0, 400, 800):
        make_invoice(scene.emma_account, now=START - timedelta(days=days))
    make_invoice(scene.jan_account, now=START - timedelta(days=1200))
    rows = bundles.list_years(scene.emma_account, mode=Mode.TEST)
    assert [(row.year, row.count) for row in rows] == [(2026, 2), (2025, 1), (2024, 1)]
