"""The servers the other tests lean on do what those tests believe."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.redis
def test_redis_keeps_its_data_over_a_stop(redis_server) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("kept", "yes")
        redis_server.stop(signal.SIGTERM)
        assert not redis_server.server.answers()
        redis_server.start()
        assert client.get("kept") == b"yes"
        client.delete("kept")


@pytest.mark.postgres
def test_postgres_gives_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        (tables,) = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
        (version,) = connection.execute("SHOW server_version_num").fetchone()
    assert tables == 0
    assert int(version) >= 130000


@pytest.mark.smtp
def test_the_mail_server_records_answers_after_they_were_given(smtp_server) -> None:
    mail = "Message-ID: <one@example.com>\r\nSubject: Eén\r\n\r\nHello\r\n".encode()
    with smtplib.SMTP("127.0.0.1", smtp_server.port) as client:
        client.sendmail("shop@example.com", ["emma@example.com", "bram@example.com"], mail)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("shop@example.com", ["refuse@example.com"], mail)
    events = [line["event"] for line in smtp_server.log() if line["message_id"] == "<one@example.com>"]
    assert events == ["received", "answered"]
    (answer,) = smtp_server.answered("<one@example.com>")
    assert answer["to"] == ["emma@example.com", "bram@example.com"] and answer["status"] == "250"
    assert [mail["Subject"] for mail in smtp_server.mails("bram@example.com")] == ["Eén"]


@pytest.mark.smtp
def test_a_mail_server_killed_before_its_answer_has_not_answered(smtp_server) -> None:
    smtp_server.stop()
    smtp_server.start(delay=30)
    try:
        with smtplib.SMTP("127.0.0.1", smtp_server.port) as client:
            client.ehlo()
            client.mail("shop@example.com")
            client.rcpt("emma@example.com")
            client.putcmd("data")
            assert client.getreply()[0] == 354
            client.send(b"Message-ID: <two@example.com>\r\n\r\nHello\r\n.\r\n")
            from tests.services import wait_until

            wait_until(lambda: any(line["message_id"] == "<two@example.com>" for line in smtp_server.log()))
            smtp_server.process.kill()
            smtp_server.stop()
        assert smtp_server.answered("<two@example.com>") == []
    except smtplib.SMTPServerDisconnected:
        pass  # leaving the block says QUIT to a server that is gone
    finally:
        smtp_server.start()


@pytest.mark.parametrize(("required", "outcome"), [("1", "failed"), ("0", "skipped")])
def test_a_skipped_service_fails_where_services_are_required(
    tmp_path: Path, required: str, outcome: str
) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.services"]\n')
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.redis\n@pytest.mark.skip\ndef test_marked(): pass\n"
        "@pytest.mark.skip\ndef test_plain(): pass\n"
        "def test_asks():\n    from tests.services import unavailable\n    unavailable('A thing')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", str(tmp_path)]
    settings = {"PYTHONPATH": str(PROJECT), "LOKET_REQUIRE_SERVICES": required, "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
    expected = "1 failed, 1 skipped, 1 error" if outcome == "failed" else "3 skipped"
    assert expected in run.stdout, run.stdout + run.stderr
