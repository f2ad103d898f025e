"""The base of every form: CSRF as the session keeps it, and what every text field refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask import g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    Field,
    FileField,
    HiddenField,
    MultipleFileField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Optional, Regexp, ValidationError

from portal.core.errors import DomainError
from portal.core.letter import BadAddress, checked_address
from portal.extensions import csrf

_FILES = (FileField, MultipleFileField)


class PortalForm(FlaskForm):
    """A form of the portal. Rules that need state live in actions; ``refuse`` shows what they raise."""

    class Meta(FlaskForm.Meta):
        # The token lives as long as the session it belongs to.
        csrf_time_limit = None

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Texts as a browser posts them: never JSON, and no files where no field asks for one.

            Nothing unfit is in them, whether the form is checked or only shown again.
            """
            if formdata is not _Auto or (not request.is_json and any(isinstance(f, _FILES) for f in form)):
                return _fit(super().wrap_formdata(form, formdata))
            return _fit(request.form) if form.is_submitted() else None

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether everything fits; a failed check of the token says so in the reader's language."""
        passed = bool(super().validate(extra_validators))
        for field in self:
            # What a page of ours sends along unseen has rules of its own.
            if isinstance(field, HiddenField) or field.errors:
                continue
            if any(isinstance(value, Spoilt) for value in field.raw_data or ()):
                field.errors, passed = [UNFIT], False
        token = self._fields.get("csrf_token")
        if token is not None and token.errors:
            token.errors = [_("This page was open for too long. Nothing was lost: please send it again.")]
        elif token is not None:
            g.form_checked = True  # as ``core.access`` asks of a view that is ``checked_by_form``
        return passed

    def refuse(self, error: DomainError) -> None:
        """Shows a refusal of the domain at its field, or in the summary when it has none."""
        target = self._fields.get(error.field) if error.field else None
        if target is None:
            self.form_errors.append(str(error.message))
        else:
            target.errors = [*target.errors, str(error.message)]


def checked_by_form(view: Callable[..., Any]) -> Callable[..., Any]:
    """For a view whose ``PortalForm`` checks the CSRF token itself, so that a failure shows what was typed again.

    Until one was validated in the request, the view cannot commit (``core.access``).
    """
    view.__checked_by_form__ = True  # type: ignore[attr-defined]
    csrf.exempt(view)
    return view


#: What controls something, and what is no character at all: 32 of them, and two at the end of each plane.
_UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(chr((plane << 16) + 0xFFFE + end) for plane in range(17) for end in (0, 1))
    + "]"
)


def without_controls(text: str, *, but: str = "") -> str:
    """A text without the characters that neither a page nor a database takes."""
    return _UNFIT.sub(lambda found: found[0] if found[0] in but else "", text)


UNFIT = _l("This contains characters that cannot be used.")
_BLANKS = "\t\n\r"


class Spoilt(str):
    """What is left of a text that held unfit characters: to be shown again, and to be refused."""


def _fit(sent: Any) -> Any:
    """What was sent, where every text that held unfit characters is ``Spoilt``."""
    if not isinstance(sent, MultiDict):
        return sent
    fit = [(name, _without_unfit(value)) for name, value in sent.items(multi=True)]
    return MultiDict(fit) if any(isinstance(value, Spoilt) for _name, value in fit) else sent


def _without_unfit(value: Any) -> Any:
    plain = without_controls(value, but=_BLANKS) if isinstance(value, str) else value
    return value if plain == value else Spoilt(plain)


class PlainText:
    """Refuses what no text field may hold: control characters (NUL first of all), and tabs and line breaks where there
    is one line only. They are left out of what is shown again.
    """

    def __call__(self, form: Any, field: Field) -> None:
        text = "" if field.data is None else field.data
        plain = text if isinstance(field, TextAreaField) else without_controls(text)
        if plain != text or isinstance(text, Spoilt):
            field.data = plain
            raise ValidationError(UNFIT)


class TickField(BooleanField):
    """A box to tick, which is shown again as itself, whatever was sent as its value."""

    def _value(self) -> str:
        return "y"


class MailAddress:
    """Refuses what mail servers do not take. Whether the domain exists is not asked: the mail will show."""

    #: Characters of an address at most (RFC 5321, 4.5.3.1.3). Reading through megabytes takes seconds.
    LONGEST = 254

    def __call__(self, form: Any, field: Field) -> None:
        try:
            if len(field.data or "") > self.LONGEST:
                raise BadAddress
            validate_email(field.data or "", check_deliverability=False, allow_smtputf8=False)
            checked_address(field.data or "")
        except (EmailNotValidError, BadAddress):
            raise ValidationError(_l("This is not a complete e-mail address.")) from None


class DayField(DateField):
    """A day since 2000, as browsers send it or as somebody types it where they show no calendar."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.raw_data = [without_controls(value)[:20].strip() for value in valuelist]
        try:
            super().process_formdata(self.raw_data)
        except ValueError:
            raise ValueError(_l("Write the day as 2026-01-31.")) from None
        if self.data is not None and self.data.year < 2000:
            raise ValueError(_l("Choose a day since 2000."))


def stripped(value: str | None) -> str | None:
    """Without the blanks around it, as people paste; an uploaded file in place of a text counts as nothing."""
    if not isinstance(value, str):
        return None
    return Spoilt(value.strip()) if isinstance(value, Spoilt) else value.strip()


def searched(longest: int) -> str:
    """What is searched for in the address (``q``), without what no page may hold and cut at a length."""
    return "".join(char for char in request.args.get("q", "") if char.isprintable()).strip()[:longest]


def hidden_field(**options: Any) -> Any:
    """What a page of ours sends along unseen."""
    return HiddenField(**options)


def text_field(
    label: Any, *, validators: list[Any], field: Callable[..., Any] = StringField, **options: Any
) -> Any:
    """A text field with the checks that all have: stripped, plain, then its own."""
    return field(label, validators=[PlainText(), *validators], filters=[stripped], **options)


def minor_field(changed: Any) -> Any:
    """A number of cents that the page itself put there: how much it showed to whoever pressed the button.

    ``changed`` is what is said to whoever sends something else.
    """
    return text_field("", validators=[Optional(), Regexp(r"[0-9]{1,12}\Z", message=changed)])
