"""The public payment link: unguessable, tied to one document of one shop in one mode, replaceable, and ending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.core.audit import Actor, AuditEntry
from portal.domain.invoices.actions import replace_link
from portal.domain.invoices.links import find_by_payment_token, link_is_over, payment_token, payment_url
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, Ids, make_invoice

Stage = Callable[..., Any]


def find(token: str, mode: Mode = Mode.TEST) -> Document | None:
    return find_by_payment_token(token, mode=mode)


def test_a_token_finds_its_document(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document, other = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
        token = payment_token(document)
        assert len(token) == 44 and token.startswith(document.public_id)
        assert find(token) is document
        assert payment_url(document) == f"https://shop.example.test/pay/{token}"
        assert find(other.public_id + token[22:]) is None, "the proof is of one document"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: "", lambda t: t[:22], lambda t: t[:-1], lambda t: t + "A", lambda t: t[:-1] + "!",
        lambda t: t[:22] + t[22:].swapcase(), lambda t: "A" * 44, lambda t: t[:43] + "\u00e9", lambda t: t * 2,
        lambda t: t.upper(), lambda t: " " + t,
    ],
)  # fmt: skip
def test_any_other_token_finds_nothing(on_stage: Stage, ids: Ids, spoil: Callable[[str], str]) -> None:
    with on_stage():
        assert find(spoil(payment_token(make_invoice(ids.emma_account)))) is None


def test_every_single_changed_letter_is_noticed(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        token = payment_token(make_invoice(ids.emma_account))
        for at in range(len(token)):
            changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
            assert find(changed) is None, at


def test_a_token_is_of_one_shop_and_one_mode(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        token = payment_token(make_invoice(ids.emma_account))
        assert find(token, Mode.LIVE) is None
    with on_stage(ids.other_shop):
        assert find(token) is None


def test_a_replaced_link_is_worth_nothing(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        old = payment_token(document)
        replace_link(document, now=START, actor=Actor.system("test"))
        assert find(old) is None and find(payment_token(document)) is document
        assert db.session.query(AuditEntry).filter_by(event="invoice.link_replaced").count() == 1


@pytest.mark.parametrize("status", DocumentStatus)
def test_only_what_was_issued_has_a_link(on_stage: Stage, ids: Ids, status: DocumentStatus) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        document.status = status
        found = find(payment_token(document))
        assert (found is not None) is (status in (DocumentStatus.OPEN, DocumentStatus.SETTLED))


def test_a_credit_note_has_no_link(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        assert find(payment_token(make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE))) is None


def test_an_older_key_still_fits_and_a_foreign_one_does_not(app: Flask, on_stage: Stage, ids: Ids) -> None:
    keys = app.config["SECRET_KEYS"]
    with on_stage():
        document = make_invoice(ids.emma_account)
        old = payment_token(document)
        app.config["SECRET_KEYS"] = [*keys, "a-new-key-of-more-than-thirty-two-characters"]
        assert payment_token(document) != old
        assert find(old) is document and find(payment_token(document)) is document
        app.config["SECRET_KEYS"] = ["a-new-key-of-more-than-thirty-two-characters"]
        assert find(old) is None


def test_a_link_ends_thirty_days_after_the_payment(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        assert not link_is_over(document, now=START + timedelta(days=3000)), "as long as it is open it works"
        document.settled_at = START
        assert not link_is_over(document, now=START + timedelta(days=30))
        assert link_is_over(document, now=START + timedelta(days=30, seconds=1))
