"""The filters of templates that no page test would miss."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.core.mailer import Envelope
from portal.core.templating import whole, whole_text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Coffee, 1 kg", 'Coffee, <span class="num">1 kg</span>'),
        (
            "(25-11-2026 – 08-12-2026)",
            '(<span class="num">25-11-2026</span> – <span class="num">08-12-2026</span>)',
        ),
        ("NL91 •••• 4300", '<span class="num">NL91 •••• 4300</span>'),
        ("reference sbp_H-Q_MFfpiX1Qe", 'reference <span class="num">sbp_H-Q_MFfpiX1Qe</span>'),
        (
            "Order O-1038, F2026-0001",
            'Order <span class="num">O-1038</span>, <span class="num">F2026-0001</span>',
        ),
        ("<b>1 kg</b>", '&lt;b&gt;<span class="num">1 kg</span>&lt;/b&gt;'),
        ("12 months, 3 kilos", "12 months, 3 kilos"),
        ("", ""),
    ],
)
def test_what_belongs_together_stays_on_a_line(text: str, html: str) -> None:
    assert str(whole(text)) == html


def test_where_there_is_no_markup_signs_do_it() -> None:
    assert (
        whole_text("1 kg, 25-11-2026, sbp_H-Q_MFfpiX1Qe")
        == "1\xa0kg, 25\u201111\u20112026, sbp_H-Q_MFfpiX1Qe"
    )


@pytest.mark.parametrize(
    "reason", ["{% block reason %}Why.{% endblock %}", "{% block reason %}\nWhy.\n{% endblock %}"]
)
def test_the_reason_of_a_text_mail_stands_on_a_line_of_its_own(app: Flask, reason: str) -> None:
    envelope = Envelope(
        "Shop", "s@example.com", "example.com", "https://s.example", "#000000", footer=("Shop BV",)
    )
    mail = app.jinja_env.from_string('{% extends "email/_layout.txt" %}\n' + reason)
    assert mail.render(envelope=envelope).endswith("-- \nWhy.\nShop BV\nhttps://s.example")
