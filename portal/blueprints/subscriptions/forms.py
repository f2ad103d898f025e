"""What the pages that change a subscription send."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, Regexp, ValidationError
from wtforms.widgets import DateInput

from portal.core.forms import PlainText, PortalForm, hidden_field, text_field
from portal.domain.subscriptions.cancelling import Reason

#: More than a shop reads about why somebody leaves.
LONGEST = 2_000


def _read_day(text: str) -> date | None:
    """The day that a browser sent; None for what is none."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _told() -> Any:
    """What the page said would happen, as its token."""
    return hidden_field(
        validators=[
            InputRequired(_l("Look again at what happens then, and confirm it.")),
            PlainText(),
            Length(max=200, message=_l("This is too long.")),
        ]
    )


class ConfirmForm(PortalForm):
    """That what was told may happen."""

    told = _told()


class CancelForm(ConfirmForm):
    """A cancellation with notice: why, and what else there is to say, for those who want to."""

    reason = SelectField(
        _l("Why do you cancel?"),
        choices=[
            SelectChoice(value="", label=_l("I would rather not say")),
            *(SelectChoice(value=reason.value, label=reason.label) for reason in Reason),
        ],
        # A blank is none of the choices either.
        validators=[Optional(strip_whitespace=False)],
    )
    message = text_field(
        _l("Message"),
        field=TextAreaField,
        validators=[Length(max=LONGEST, message=_l("A message has at most 2,000 characters."))],
        render_kw={"rows": 4, "dir": "auto"},
    )


class PauseForm(ConfirmForm):
    """Until when a pause lasts; without a day until somebody resumes."""

    until = text_field(
        _l("Until"),
        validators=[Length(max=40, message=_l("Choose a day of the calendar."))],
        widget=DateInput(),
    )

    def validate_until(self, field: Any) -> None:
        """A text is a day."""
        if field.data and _read_day(field.data) is None:
            raise ValidationError(_l("Choose a day of the calendar."))

    def day(self) -> date | None:
        """The day, once the form was found valid."""
        return _read_day(self.until.data or "")


#: What stands for no saved method in ``MethodForm``; a public id is longer.
BY_HAND = "by-hand"


class MethodForm(PortalForm):
    """Which saved method pays, by its public id, or ``BY_HAND``."""

    method = text_field(
        "",
        validators=[
            InputRequired(_l("Choose one of your valid payment methods.")),
            Length(max=30, message=_l("This is too long.")),
        ],
    )


class SwitchForm(ConfirmForm):
    """Which plan, and how many of it."""

    plan = hidden_field(
        validators=[
            InputRequired(_l("Choose one of these plans.")),
            Length(max=30, message=_l("Choose one of these plans.")),
        ]
    )
    quantity = hidden_field(
        validators=[
            InputRequired(_l("Choose a number.")),
            Regexp(re.compile(r"[0-9]{1,6}\Z", re.ASCII), message=_l("Choose a number.")),
        ]
    )
