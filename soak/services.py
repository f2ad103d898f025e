"""The servers of the tests, for parts that are no tests."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.services import PostgresService, SmtpService, _cluster_home


@contextlib.contextmanager
def smtp(folder: Path) -> Iterator[SmtpService]:
    """The recording mail server of the tests."""
    folder.mkdir()
    server = SmtpService(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def postgres() -> Iterator[PostgresService]:
    """A cluster of its own, in memory where there is room."""
    prefix = f"loket-test-{os.getpid()}-"
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=_cluster_home(), ignore_cleanup_errors=True
    ) as folder:
        cluster = PostgresService(Path(folder))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
