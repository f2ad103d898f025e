"""A notification as it is written. Moments are on the clock of the shop."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    ColorField,
    DateTimeLocalField,
    HiddenField,
    RadioField,
    SelectField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional, Regexp, ValidationError

from portal.core import brand
from portal.core.forms import PortalForm, TickField, hidden_field, text_field
from portal.core.tables import new_public_id
from portal.domain.notices.models import Audience, Notice, NoticeType
from portal.domain.notices.publishing import Wanted

LONGEST = 5000
UNREADABLE = _l("The page sent something we could not read. Nothing was lost: please send it again.")
#: More than a shop keeps apart.
MOST_TAGS = 20
#: Whose colour a notification has.
OF_TYPE, OWN = "type", "own"


class MomentField(DateTimeLocalField):  # type: ignore[misc]
    """A moment on the shop's clock; what is none is said in our words and not in those of WTForms."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(_("Fill in a day and a time.")) from None


class NoticeForm(PortalForm):
    """What to say, to whom, and when."""

    type = SelectField(
        _l("Type"),
        choices=[SelectChoice(value=each.value, label=each.label) for each in NoticeType],
        validators=[InputRequired(_l("Choose one of these."))],
    )
    title = text_field(
        _l("Title"),
        validators=[
            DataRequired(_l("Fill in a title.")),
            Length(max=200, message=_l("This is too long.")),
        ],
        render_kw={"dir": "auto", "maxlength": 200},
    )
    body = text_field(
        _l("Text"),
        field=TextAreaField,
        validators=[Length(max=LONGEST, message=_l("This is too long."))],
        render_kw={"rows": 6, "dir": "auto"},
    )
    colour_of = RadioField(
        _l("Colour"),
        choices=[
            SelectChoice(value=OF_TYPE, label=_l("That of the type")),
            SelectChoice(value=OWN, label=_l("A colour of its own")),
        ],
        default=OF_TYPE,
    )
    colour = text_field(
        _l("Colour of its own"),
        field=ColorField,
        validators=[Length(max=7, message=_l("A colour is six digits, such as #7a3b12."))],
    )
    audience = SelectField(_l("For"), validators=[InputRequired(_l("Choose one of these."))])
    tags = text_field(
        _l("Tags"),
        description=_l("With commas between them. It is for whoever has one of them."),
        validators=[Length(max=1000, message=_l("This is too long."))],
        render_kw={"autocomplete": "off"},
    )
    starts_at = MomentField(_l("From"), validators=[InputRequired(_l("Fill in a day and a time."))])
    expires_at = MomentField(_l("Until"), validators=[Optional()])
    is_permanent = TickField(_l("Customers cannot put it away"))
    is_active = TickField(_l("Active"), default=True)

    def __init__(self, notice: Notice | None = None, **options: Any) -> None:
        super().__init__(**options)
        offered = [Audience.ALL, Audience.TAGS]
        if notice is not None and notice.audience is Audience.SOME:
            offered.append(Audience.SOME)
        self.audience.choices = [SelectChoice(value=each.value, label=each.label) for each in offered]

    def show(self, notice: Notice, tags: list[str], zone: str) -> None:
        """What a notice says, as it is typed."""
        self.process(
            data={
                **{
                    name: getattr(notice, name)
                    for name in ("title", "body", "colour", "is_permanent", "is_active")
                },
                "colour_of": OWN if notice.colour else OF_TYPE,
                "type": notice.type.value,
                "audience": notice.audience.value,
                "tags": ", ".join(tags),
                "starts_at": _on_clock(notice.starts_at, zone),
                "expires_at": _on_clock(notice.expires_at, zone) if notice.expires_at else None,
                "version": str(notice.version),
            }
        )

    def validate_colour(self, field: Any) -> None:
        if self.colour_of.data == OWN and self.own_colour() is None:
            raise ValidationError(_l("A colour is six digits, such as #7a3b12."))

    def own_colour(self) -> str | None:
        """The colour of its own, as ``#rrggbb``; None where the type's was chosen, and for what is no colour."""
        try:
            return _hex(self.colour.data or "") if self.colour_of.data == OWN else None
        except ValueError:
            return None

    def offered_colour(self) -> str:
        """What the field of the colour begins with: a browser's has no empty value."""
        try:
            return _hex(self.colour.data or "")
        except ValueError:
            return brand.DEFAULT_COLOUR

    def validate_tags(self, field: Any) -> None:
        tags = self.tag_list()
        if len(tags) > MOST_TAGS or any(len(tag) > 100 for tag in tags):
            raise ValidationError(_l("This is too long."))

    def validate_starts_at(self, field: Any) -> None:
        self._check_year(field)

    def validate_expires_at(self, field: Any) -> None:
        self._check_year(field)

    def _check_year(self, field: Any) -> None:
        if field.data is not None and not 2000 <= field.data.year <= 2100:
            raise ValidationError(_l("Fill in a day and a time."))

    def tag_list(self) -> list[str]:
        """The tags that were typed."""
        return [tag.strip() for tag in (self.tags.data or "").split(",") if tag.strip()]

    def wanted(self, zone: str) -> Wanted:
        """What a valid form asks for."""
        return Wanted(
            type=NoticeType(self.type.data),
            colour=self.own_colour(),
            title=self.title.data or "",
            body=self.body.data or "",
            is_permanent=bool(self.is_permanent.data),
            is_active=bool(self.is_active.data),
            starts_at=self.starts_at.data.replace(tzinfo=ZoneInfo(zone)),
            expires_at=self.expires_at.data.replace(tzinfo=ZoneInfo(zone)) if self.expires_at.data else None,
            audience=Audience(self.audience.data),
            tags=self.tag_list(),
        )


def _hex(colour: str) -> str:
    return brand.to_hex(brand.parse(colour))


def _on_clock(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


class NewNoticeForm(NoticeForm):
    """A new one, which the page gives its name."""

    key = text_field(
        "",
        field=HiddenField,
        default=new_public_id,
        validators=[Regexp(re.compile(r"[\w-]{22}\Z", re.ASCII), message=UNREADABLE)],
    )


class EditNoticeForm(NoticeForm):
    """One that is there already, in the version that was shown."""

    version = hidden_field(validators=[Regexp(r"^[0-9]{1,9}$", message=UNREADABLE)])
