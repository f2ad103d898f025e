"""A notification as customers will see it, from what is typed so far."""

from __future__ import annotations

from types import SimpleNamespace

from flask import url_for
from flask_babel import gettext as _

from portal.blueprints.office.notifications.forms import LONGEST, NoticeForm
from portal.core import brand, markdown
from portal.domain.notices.models import ICONS, NoticeType


def of(form: NoticeForm) -> SimpleNamespace:
    """The notice of a form that may not be finished; it cannot be put away here, so it looks like a permanent one."""
    kind = NoticeType(form.type.data) if form.type.data in set(NoticeType) else NoticeType.ANNOUNCEMENT
    own = form.own_colour()
    tone = brand.tone_name(own) if own else None
    return SimpleNamespace(
        title=form.title.data or _("Title"),
        html=markdown.to_html((form.body.data or "")[:LONGEST]),
        kind=kind,
        icon=ICONS[kind],
        tone=f"own tone-{tone}" if tone else kind.tone,
        sheet_url=url_for("shop.tone_sheet", colour=tone) if tone else None,
        permanent=True,
        link=None,
    )
