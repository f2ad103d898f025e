"""The stored PDF of a document: the first one stays, and one whose file was lost is built again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portal.core import storage
from portal.domain.invoices.models import DocumentFile
from portal.domain.invoices.rendering import document_context, find_file, keep_file
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice


def test_the_original_is_never_replaced(on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        first = keep_file(document, "en", b"%PDF first", now=START)
        assert keep_file(document, "en", b"%PDF second", now=START) is first
        assert storage.get(first.storage_key) == b"%PDF first"


def test_a_file_that_was_lost_counts_as_not_built(on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        storage.delete(keep_file(document, "en", b"%PDF first", now=START).storage_key)
        assert find_file(document, "en") is None
        keep_file(document, "en", b"%PDF second", now=START)
        file = find_file(document, "en")
        assert file is not None and storage.get(file.storage_key) == b"%PDF second"
        assert file.is_original and file.size_bytes == 11
        assert db.session.query(DocumentFile).count() == 1


def test_an_amount_too_large_for_a_code_is_printed_without_one(
    on_stage: Callable[..., Any], ids: Ids
) -> None:
    with on_stage():
        shop = db.session.get_one(Shop, ids.shop)
        shop.iban = "NL91ABNA0417164300"
        usual, huge = (make_invoice(ids.emma_account, amount_minor=each) for each in (12100, 2 * 10**11))
        assert document_context(usual, shop, "en")["payment"]["epc"] is not None
        assert document_context(huge, shop, "en")["payment"]["epc"] is None
