"""Rate limits while Redis goes away under several threads at once: every page works, and is counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from redis.exceptions import ConnectionError as RedisAway

from portal.extensions import limiter


@pytest.fixture
def losing_redis(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Redis dies while this request asks it, and another thread has just noticed."""

    def noticed_elsewhere(*_: object, **__: object) -> bool:
        limiter._storage_dead = True
        raise RedisAway("Connection reset by peer")

    monkeypatch.setattr(limiter._limiter, "hit", noticed_elsewhere)
    monkeypatch.setattr(limiter._storage, "check", lambda: False)
    limiter._fallback_storage.reset()
    yield app
    limiter._storage_dead = False


def test_the_second_that_notices_gets_its_page(losing_redis: Flask, client) -> None:
    limiter._storage_dead = False
    assert client.get("/pay/" + "x" * 44).status_code == 404


def test_and_is_counted_in_memory(losing_redis: Flask, client) -> None:
    limiter._storage_dead = False
    codes = [client.get("/pay/" + "x" * 44).status_code for _ in range(121)]
    assert codes == [404] * 120 + [429]
