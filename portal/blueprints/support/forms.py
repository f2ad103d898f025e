"""What the pages about tickets send."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import MultipleFileField
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Regexp, ValidationError

from portal.core import uploads
from portal.core.forms import PortalForm, text_field
from portal.core.tables import new_public_id
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import Priority, TicketType

#: In characters: some four pages. What is longer is better sent as a file.
LONGEST = 10_000
#: What makes a line of text run the other way, and hides where it does.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")

_KINDS = _l(
    "PDF, pictures, texts, documents or ZIP: at most %(count)s files, 5 MB each and 10 MB together.",
    count=uploads.MAX_FILES,
)


def _message() -> Any:
    return text_field(
        _l("Message"),
        field=TextAreaField,
        validators=[
            DataRequired(_l("Write your message.")),
            Length(
                max=LONGEST,
                message=_l("A message has at most 10,000 characters. Send a longer text as a file."),
            ),
        ],
        render_kw={"rows": 8, "dir": "auto"},
    )


def _files() -> Any:
    return MultipleFileField(_l("Files"), description=_KINDS, render_kw={"accept": uploads.ACCEPT})


class MessageForm(PortalForm):
    """A form with a message (``body``) and its ``files``, which the forms below put where they show them."""

    #: The page gives its form a name, so that sending it twice does it once.
    key = text_field(
        "",
        field=HiddenField,
        default=new_public_id,
        validators=[
            Regexp(
                re.compile(r"[\w-]{22}\Z", re.ASCII),
                message=_l(
                    "The page sent something we could not read. Nothing was lost: please send it again."
                ),
            )
        ],
    )

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether everything fits; a form without a good name gets one, so that the next try can succeed."""
        passed = super().validate(extra_validators)
        if self.key.errors:
            self.key.data = new_public_id()
        return passed

    def said(self) -> Said:
        """The message with its files; raises ``DomainError`` for a file that is not taken."""
        sent = [(file.filename or "", file.read()) for file in self["files"].data or ()]
        return Said(self["body"].data or "", uploads.check(sent, "files"), self.key.data)


class ReplyForm(MessageForm):
    """A reply."""

    body = _message()
    files = _files()


class NewTicketForm(MessageForm):
    """A new ticket. ``account`` is the account that the page was shown for."""

    type = SelectField(_l("What is it about?"), validators=[InputRequired(_l("Choose what it is about."))])
    about = SelectField(_l("Which one?"), validate_choice=False)
    number = text_field(
        _l("Or the number of another invoice or order"),
        validators=[Length(max=40, message=_l("This is too long."))],
        render_kw={"autocomplete": "off"},
    )
    subject = text_field(
        _l("Subject"),
        validators=[
            DataRequired(_l("Give your question a subject.")),
            Length(max=200, message=_l("A subject has at most 200 characters.")),
        ],
        render_kw={"dir": "auto", "maxlength": 200},
    )
    body = _message()
    files = _files()
    priority = SelectField(
        _l("Priority"),
        choices=[SelectChoice(value=each.value, label=each.label) for each in Priority],
        default=Priority.MEDIUM.value,
        validators=[InputRequired(_l("Choose a priority."))],
    )
    account = text_field("", field=HiddenField, validators=[])

    def __init__(self, types: Mapping[TicketType, Any], about: list[tuple[str, Any]], **options: Any) -> None:
        super().__init__(**options)
        self.type.choices = [SelectChoice(value=type_.value, label=label) for type_, label in types.items()]
        self.about.choices = [SelectChoice(value=value, label=label) for value, label in about]

    def validate_subject(self, field: Any) -> None:
        """A subject of which nothing is seen is none."""
        if not any(unicodedata.category(char)[0] not in "CZ" for char in self.plain_subject()):
            raise ValidationError(_l("Give your question a subject."))

    def plain_subject(self) -> str:
        """The subject without what would turn the lines around it."""
        return " ".join(_TURNS.sub("", self.subject.data or "").split())
