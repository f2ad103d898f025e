"""What no text field takes is not shown again either: a page that held it would not be valid HTML."""

from __future__ import annotations

from typing import Any

import pytest
from wtforms import BooleanField, DateTimeLocalField
from wtforms.validators import Optional

from portal.core import forms
from portal.core.forms import without_controls
from tests.page_client import PageClient

CONTROLS = ["\x00", "\x1b", "\x7f", "\x85", "\x9f", "\ufdd0", "\ufffe", "\U0010ffff"]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("field", ["email", "next"])
def test_what_controls_something_is_left_out_of_the_page(
    client: PageClient, field: str, control: str
) -> None:
    typed = {"email": "emma", "password": "wrong", "next": "/customer"}
    answer = client.send("/login", typed | {field: f"em{control}ma"})
    assert answer.status_code == 422
    assert control not in answer.text
    if field == "email":
        assert 'value="emma"' in answer.text
        assert "This contains characters that cannot be used." in answer.text


@pytest.mark.parametrize("control", CONTROLS)
def test_nor_of_a_page_that_is_shown_again_unchecked(client: PageClient, control: str) -> None:
    class Asked(forms.PortalForm):
        name = forms.text_field("Name", validators=[])
        day = DateTimeLocalField("Day", validators=[Optional()])
        version = forms.hidden_field()

    sent = {"name": f" em{control}ma ", "day": control, "version": f"1{control}"}
    with client.application.test_request_context("/", method="POST", data=sent):
        form = Asked(meta={"csrf": False})
        shown = f"{form.name()}{form.day()}{form.version()}"
        assert control not in shown and 'value="emma"' in shown and 'value="1"' in shown
        assert not form.validate()
        assert set(form.errors) == {"name", "day"}, "what is unseen has rules of its own"


def test_line_breaks_stay_where_they_are_meant() -> None:
    assert without_controls("a\r\n\tb\x0bc é\U0001f600", but="\t\n\r") == "a\r\n\tbc é\U0001f600"
    assert without_controls("a\nb") == "ab"


def test_what_is_next_to_no_character_stays() -> None:
    for char in ("\ufdcf", "\ufdf0", "\ufffd", "\U0001fffd", "\U00020000", "\xa0"):
        assert without_controls(char) == char


def test_a_box_is_shown_again_as_itself(client: PageClient) -> None:
    class Ticked(forms.PortalForm):
        agreed = forms.TickField("Agreed")

    with client.application.test_request_context("/", method="POST", data={"agreed": "\x1fon"}):
        shown = Ticked(meta={"csrf": False}).agreed()
    assert 'value="y"' in shown and "checked" in shown and "\x1f" not in shown


@pytest.mark.parametrize("field", [BooleanField, forms.TickField])
def test_a_box_is_shown_as_a_box(client: PageClient, field: Any) -> None:
    class Ticked(forms.PortalForm):
        agreed = field("Agreed")

    app = client.application
    with app.test_request_context("/"):
        macros: Any = app.jinja_env.get_template("components/form.html").make_module()
        shown = str(macros.form_field(Ticked(meta={"csrf": False}).agreed))
    assert 'type="checkbox"' in shown and "form-check" in shown and "form-control" not in shown


def test_the_other_fields_keep_what_was_typed(client: PageClient) -> None:
    answer = client.send("/login", {"email": "a b\x00@x", "password": "wrong"})
    assert 'value="a b@x"' in answer.text


def test_an_address_of_megabytes_is_refused_unread(
    client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking it apart would hold up everybody else for seconds."""

    def unread(address: str, **_: Any) -> None:
        raise AssertionError(f"{len(address)} characters were read")

    monkeypatch.setattr(forms, "validate_email", unread)
    answer = client.send("/forgot-password", {"email": "x" * 250 + "@example.com"})
    assert answer.status_code == 422
    assert "This is too long." in answer.get_data(as_text=True)
