"""Which Redis is taken, and where its socket lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from portal.installation import redis_server


def test_the_path_comes_first_then_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        redis_server.shutil, "which", lambda name: f"/bin/{name}" if "valkey" in name else None
    )
    assert redis_server.find_program() == "/bin/valkey-server"
    monkeypatch.setattr(redis_server.shutil, "which", lambda name: None)
    bundled = redis_server.find_program()
    assert bundled is not None and bundled.endswith("valkey-server") and os.access(bundled, os.X_OK)


def test_none_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(redis_server, "find_program", lambda: None)
    assert redis_server.embed(tmp_path) is None


def test_the_socket_fits_however_deep_the_project_lies(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    server = redis_server.embed(deep)
    assert server is not None
    assert len(os.fsencode(server.socket_path)) <= 107
    assert server.socket_path.parent.stat().st_mode & 0o777 == 0o700
    assert redis_server.running_url(deep) is None  # written down, but nobody answers
    server.forget()
    assert not server.socket_path.parent.exists()


def test_what_a_killed_one_left_is_tidied_up(tmp_path: Path) -> None:
    first = redis_server.embed(tmp_path)
    second = redis_server.embed(tmp_path)
    assert first is not None and second is not None
    assert not first.socket_path.parent.exists() and second.socket_path.parent.exists()
    second.forget()


def test_a_note_that_names_something_else_removes_nothing(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / redis_server.NOTE).write_text(f"{precious}/redis.sock\n")
    server = redis_server.embed(tmp_path)
    assert server is not None and precious.is_dir()
    server.forget()


@pytest.mark.redis
def test_the_bundled_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    from tests.services import wait_until

    monkeypatch.setattr(redis_server.shutil, "which", lambda name: None)
    server = redis_server.embed(tmp_path)
    assert server is not None
    process = subprocess.Popen(server.command())
    try:
        wait_until(server.answers, what="the start of the bundled server")
        assert redis_server.running_url(tmp_path) == server.url
    finally:
        process.terminate()
        process.wait(10)
        server.forget()
    assert (tmp_path / "appendonlydir").is_dir()
