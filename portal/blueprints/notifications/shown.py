"""A notice as the banners and the list show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup

from portal.core import access, brand, markdown
from portal.core.frame import AlertRow
from portal.core.sections import FrameScope
from portal.domain.notices.models import ICONS, NoticeType
from portal.domain.people.permissions import Permission

#: The same few texts stand on every page of a shop's customers.
_html = lru_cache(maxsize=256)(markdown.to_html)


@dataclass(frozen=True)
class ShownNotice:
    """A notice in words and colours. ``sheet_url`` is the style sheet of a colour of its own."""

    public_id: str
    title: str
    html: Markup
    kind: NoticeType
    icon: str
    tone: str
    sheet_url: str | None
    at: datetime | None
    permanent: bool
    is_new: bool
    dismiss_url: str
    link: tuple[str, str] | None


def banner(row: AlertRow, here: FrameScope) -> ShownNotice:
    """A row of the frame."""
    return _shown(
        row.public_id,
        NoticeType(row.word),
        title=row.title,
        body=row.text,
        colour=row.colour,
        at=row.at,
        permanent=row.flag,
        is_new=False,
    )


def listed(row: Any) -> ShownNotice:
    """A row of the list."""
    return _shown(
        row.public_id,
        row.type,
        title=row.title,
        body=row.body,
        colour=row.colour,
        at=row.starts_at,
        permanent=row.is_permanent,
        is_new=not row.has_read,
    )


def _shown(public_id: str, kind: NoticeType, *, body: str, colour: str | None, **options: Any) -> ShownNotice:
    tone = _own_tone(colour)
    return ShownNotice(
        public_id=public_id,
        html=_html(body),
        kind=kind,
        icon=ICONS[kind],
        tone=f"own tone-{tone}" if tone else kind.tone,
        sheet_url=url_for("shop.tone_sheet", colour=tone) if tone else None,
        dismiss_url=url_for("notifications.dismiss", public_id=public_id),
        link=_about(kind),
        **options,
    )


def _own_tone(colour: str | None) -> str | None:
    """The name of a colour's tone; what is no colour counts as none."""
    try:
        return brand.tone_name(colour) if colour else None
    except ValueError:
        return None


def _about(kind: NoticeType) -> tuple[str, str] | None:
    """Where to see what a notice is about, as label and address, for whoever may."""
    if kind is NoticeType.PRICE_CHANGE and access.can(Permission.SUBSCRIPTIONS):
        return _("See your subscriptions"), url_for("subscriptions.index")
    return None
