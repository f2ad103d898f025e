"""The mails about orders as people read them, in both languages. After an intended change: GOLDEN=write pytest ..."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.audit import Actor
from portal.core.mailer import MailMessage
from portal.domain.orders import downloads
from portal.domain.people.models import Customer, Staff
from portal.extensions import db
from tests.cast import START
from tests.domain.tickets.test_mails import GOLDEN, here, rendered, write_golden
from tests.rows import HOSTILE, make_download, make_order

__all__ = ["here"]


def granted(ids: Any, **options: Any) -> MailMessage | None:
    order = make_order(ids.emma_account, number="O-1007")
    file = make_download(order, **{"expires_at": START, "downloads_used": 5, **options})
    saskia = db.session.get_one(Staff, ids.saskia)
    downloads.grant_downloads(file.id, version=1, actor=Actor.staff(saskia), now=START + timedelta(days=1))
    return db.session.scalars(sa.select(MailMessage)).one_or_none()


@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden(app: Flask, ids: Any, language: str) -> None:
    db.session.get_one(Customer, ids.emma_account).language = language
    mail = granted(ids)
    assert mail is not None and (mail.name, mail.language) == ("downloads_granted", language)
    made = rendered(app, mail)
    addresses = re.findall(r"https://shop\.example\.test/customer/\S+", made["txt"])
    assert len(addresses) == 2 and all(f'href="{url}"' in made["html"] for url in addresses)
    text = re.sub(r"(example\.test/customer/orders/)\S+", r"\1…", made["txt"])
    write_golden(GOLDEN / f"downloads_granted.{language}.txt", made["subject.txt"], text)


def test_what_a_file_is_called_is_text(app: Flask, ids: Any) -> None:
    mail = granted(ids, name=HOSTILE)
    assert mail is not None
    html = rendered(app, mail)["html"]
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_switched_off_it_is_granted_all_the_same(ids: Any) -> None:
    db.session.get_one(Customer, ids.emma_account).mail_order_confirmation = False
    assert granted(ids) is None
