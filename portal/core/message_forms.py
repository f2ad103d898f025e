"""Forms with a message to the shop and files, wherever a conversation begins or goes on."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import MultipleFileField
from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length, Regexp

from portal.core import uploads
from portal.core.forms import PortalForm, text_field
from portal.core.tables import new_public_id
from portal.core.uploads import Upload

#: In characters: some four pages. What is longer is better sent as a file.
LONGEST = 10_000
#: What makes a line of text run the other way, and hides where it does.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")

_KINDS = _l(
    "PDF, pictures, texts, documents or ZIP: at most %(count)s files, 5 MB each and 10 MB together.",
    count=uploads.MAX_FILES,
)


MESSAGE, MISSING = _l("Message"), _l("Write your message.")


def message_field(label: Any = MESSAGE, missing: Any = MISSING) -> Any:
    """The message, in Markdown."""
    return text_field(
        label,
        field=TextAreaField,
        validators=[
            DataRequired(missing),
            Length(
                max=LONGEST,
                message=_l("A message has at most 10,000 characters. Send a longer text as a file."),
            ),
        ],
        render_kw={"rows": 8, "dir": "auto"},
    )


def files_field() -> Any:
    """Files of any kind that is taken."""
    return MultipleFileField(_l("Files"), description=_KINDS, render_kw={"accept": uploads.ACCEPT})


def plain_line(text: str | None) -> str:
    """A line of text without what would turn the lines around it."""
    return " ".join(_TURNS.sub("", text or "").split())


class MessageForm(PortalForm):
    """A form with a message (``body``) and perhaps ``files``, which the forms of a section put where they show them."""

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

    def sent(self) -> tuple[str, list[Upload], str | None]:
        """The message, its files and the form's name; raises ``DomainError`` for a file that is not taken."""
        files = self["files"].data or () if "files" in self else ()
        checked = uploads.check([(file.filename or "", file.read()) for file in files], "files")
        return self["body"].data or "", checked, self.key.data
