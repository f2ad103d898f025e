"""Caught mails lie in the order of their arrival, and only so many are kept."""

from __future__ import annotations

from email import message_from_bytes
from pathlib import Path

from portal.installation import mail_catcher
from portal.installation.mail_catcher import Mailbox


def test_names_sort_by_arrival_and_the_envelope_is_kept(tmp_path: Path) -> None:
    box = Mailbox(tmp_path / "mail")
    for number in range(12):
        box.store(
            "shop@example.com", ["emma@example.com", "b@example.com"], f"Subject: {number}\r\n\r\n€".encode()
        )
    mails = [message_from_bytes(path.read_bytes()) for path in sorted((tmp_path / "mail").glob("*.eml"))]
    assert [mail["Subject"] for mail in mails] == [str(number) for number in range(12)]
    assert mails[0]["X-Envelope-To"] == "emma@example.com, b@example.com"
    assert mails[0]["X-Envelope-From"] == "shop@example.com"
    assert mails[0].get_payload(decode=True).decode() == "€"
    assert not [*(tmp_path / "mail").glob("*.part")]


def test_the_oldest_go(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, kept=3)
    paths = [box.store("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\n") for _ in range(5)]
    assert sorted(tmp_path.glob("*.eml")) == paths[2:]


def test_commands_find_the_catcher_while_it_runs(tmp_path: Path) -> None:
    assert mail_catcher.running_url(tmp_path) is None
    with mail_catcher.take_port() as listener:
        port = listener.getsockname()[1]
        note = mail_catcher.note_port(tmp_path, port)
        assert mail_catcher.running_url(tmp_path) == f"smtp://127.0.0.1:{port}"
    assert mail_catcher.running_url(tmp_path) is None
    note.write_text("nonsense")
    assert mail_catcher.running_url(tmp_path) is None
