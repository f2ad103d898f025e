"""What the pages about collection cases send."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, TextAreaField
from wtforms.validators import AnyOf, InputRequired, Length, Regexp

from portal.core.forms import PlainText, PortalForm, text_field
from portal.domain.collections.instalments import COUNTS

CHOOSE = _l("Choose in how many instalments you want to pay.")
CHOOSE_METHOD = _l("Choose what pays the instalments.")
LOOK_AGAIN = _l("What remains to be paid changed meanwhile. Please look at the amounts again.")
#: In characters: what is longer belongs into the conversation.
LONGEST = 2_000


class PlanForm(PortalForm):
    """In how many instalments, and a word with it; ``total`` is what remained when the page was made."""

    instalments = HiddenField(validators=[AnyOf([str(count) for count in COUNTS], message=CHOOSE)])
    message = text_field(
        _l("Do you want to add something?"),
        field=TextAreaField,
        validators=[Length(max=LONGEST, message=_l("This is too long."))],
        render_kw={"rows": 4, "dir": "auto", "maxlength": LONGEST},
    )
    total = HiddenField(
        validators=[PlainText(), InputRequired(LOOK_AGAIN), Regexp(r"[0-9]{1,12}\Z", message=LOOK_AGAIN)]
    )


class MethodForm(PortalForm):
    """Which saved method pays the instalments, by its public id."""

    method = HiddenField(
        validators=[InputRequired(CHOOSE_METHOD), PlainText(), Length(max=30, message=CHOOSE_METHOD)]
    )
