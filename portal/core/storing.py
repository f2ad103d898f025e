"""Files that belong to a row: when the transaction of the row fails, the file goes with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from portal.core import storage
from portal.extensions import db

_UNCOMMITTED = "files_of_this_transaction"


def put(key: str, data: bytes) -> str:
    """Stores ``data`` under ``key``, which nobody else has, for a row of the caller's transaction."""
    db.session().info.setdefault(_UNCOMMITTED, []).append(key)
    return storage.put(key, data)


def install(session: Any) -> None:
    """Watches how transactions end; called once by ``create_app``."""
    target = session.session_factory.class_
    if not event.contains(target, "after_commit", _keep):
        event.listen(target, "after_commit", _keep)
        event.listen(target, "after_transaction_end", _remove)


def _keep(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop(_UNCOMMITTED, None)


def _remove(session: Session, ended: SessionTransaction) -> None:
    """What no commit kept is of no row: the transaction was rolled back, or its session thrown away."""
    if ended.parent is None:
        for key in session.info.pop(_UNCOMMITTED, ()):
            storage.delete(key)
