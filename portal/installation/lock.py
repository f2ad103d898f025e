"""One installation at a time per folder: two would write to the same queue and catch each other's mail."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from portal.installation.supervisor import StartFailed

PATIENCE = 12.0  # seconds; parts of an installation that was killed may still be finishing their work


def take(data_dir: Path, *, patience: float = PATIENCE) -> int:
    """Lock the folder until every process of the installation is gone; raises StartFailed when it is taken.

    The descriptor is inherited by all parts, so the lock outlives a supervisor that was killed.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)  # Redis is another program and must hold it too
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        if time.monotonic() >= deadline or _runs(holder):
            os.close(descriptor)
            process = f" (process {holder})" if _runs(holder) else ""
            raise StartFailed(f"Loket is running from {data_dir} already{process}; stop that one first.")
        time.sleep(0.2)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _runs(holder: str) -> bool:
    """Is the supervisor that took the lock still there, so that waiting would be in vain?"""
    try:
        os.kill(int(holder), 0)
    except PermissionError:
        return True
    except (ValueError, ProcessLookupError):
        return False
    return True
