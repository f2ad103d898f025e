"""Files of a conversation: downloaded by who may see it, never shown, never those of a note."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import storage
from portal.domain.people.models import Membership, Role
from portal.domain.tickets.models import AuthorKind
from portal.extensions import db
from tests.pages import links, text
from tests.rows import add_file, add_message, make_ticket

LIST = "/customer/support"


@pytest.fixture
def files(on_stage: Any, ids: Any) -> dict[str, str]:
    """The addresses of a file, of one of a note, and of one under another ticket's address."""
    with on_stage():
        ticket, other = make_ticket(ids.emma_account), make_ticket(ids.emma_account)
        note = add_message(ticket, body="n", author_kind=AuthorKind.STAFF, is_internal=True)
        shown = add_file(
            add_message(ticket, body="See"),
            name="Zoë ‘brief’.txt",
            data=b"<script>alert(1)</script>",
            size_bytes=1_300_000,
        )
        hidden = add_file(note)
        return {
            "ticket": f"{LIST}/{ticket.public_id}",
            "shown": f"{LIST}/{ticket.public_id}/files/{shown.public_id}",
            "note": f"{LIST}/{ticket.public_id}/files/{hidden.public_id}",
            "elsewhere": f"{LIST}/{other.public_id}/files/{shown.public_id}",
            "key": shown.storage_key,
        }


def test_a_file_is_downloaded_and_runs_nowhere(login: Any, files: dict[str, str]) -> None:
    emma = login("emma")
    page = emma.get(files["ticket"])
    assert links(page)[files["shown"]] == "Download" and "Zoë ‘brief’.txt 1.3 MB" in text(page)
    answer = emma.get(files["shown"])
    assert answer.status_code == 200 and answer.get_data() == b"<script>alert(1)</script>"
    headers = answer.headers
    assert headers["Content-Type"].partition(";")[0] == "text/plain"
    assert headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''Zo%C3%AB" in headers["Content-Disposition"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("role", Role)
def test_who_sees_the_ticket_gets_its_files(
    login: Any, on_stage: Any, ids: Any, files: dict[str, str], role: Role
) -> None:
    with on_stage():
        db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one().role = role
    assert login("bram").get(files["shown"]).status_code == 200
    assert login("bram").get(files["note"]).status_code == 404


def test_nobody_else_learns_of_it(login: Any, client: Any, files: dict[str, str]) -> None:
    for stranger in ("jan", "dora"):
        assert login(stranger).get(files["shown"]).status_code == 404
    assert client.get(files["shown"]).status_code == 303
    emma = login("emma")
    assert emma.get(files["elsewhere"]).status_code == 404
    assert emma.get(files["note"]).status_code == 404
    assert files["note"] not in emma.get(files["ticket"]).text


def test_a_file_that_was_lost(
    app: Any, login: Any, files: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        storage.delete(files["key"])
    assert login("emma").get(files["shown"]).status_code == 404
    assert "not there" in caplog.text
