"""Log lines without personal data: no address of a visitor, no query string, no token out of a link."""

from __future__ import annotations

import logging
import re
import time
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

LOG_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"

# What follows one of these words in an address is a key to something, however short it is.
BEFORE_SECRETS = frozenset(
    {"pay", "return", "setup", "reset", "reset-password", "forgot-password", "confirm", "register", "claim"}
    | {"login", "link", "files", "download"}
)
# A long segment is a token or an unguessable number; four characters of it are enough to follow one visit.
_LONG = re.compile(r"[A-Za-z0-9_=.:-]{20,}")
_ADDRESS = re.compile(r"/[^\s\"'\])>,]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PEER = re.compile(r"\bip=[0-9A-Fa-f.:]+")


def mask_path(path: str) -> str:
    """An address without its query string and without the tokens in it; safe to write on one line."""
    path = re.sub(r"[^\x21-\x7e]", "?", path.partition("?")[0])
    segments = path.split("/")
    if segments[1:2] == ["static"]:  # names of static files hold a hash and are no secret
        return path
    for place, segment in enumerate(segments[1:], start=1):
        if segments[place - 1] in BEFORE_SECRETS and segment and segment not in BEFORE_SECRETS:
            segments[place] = "…"
        elif _LONG.fullmatch(segment) and (
            re.search(r"[A-Z]", segment) or len(re.findall(r"\d", segment)) > 3
        ):
            segments[place] = segment[:4] + "…"
    return "/".join(segments)


def mask(text: str) -> str:
    """A log line with every address in it masked, those of visitors too."""
    return _PEER.sub("ip=…", _ADDRESS.sub(lambda found: mask_path(found.group()), text))


class MaskAddresses(logging.Filter):
    """Masks the finished message of every record that passes a handler, and keeps it on one line.

    A line break in a message could pass for a line of its own; a traceback comes after the message and keeps its.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        finished = mask(message) if "/" in message or "ip=" in message else message
        record.msg, record.args = _CONTROL.sub("?", finished), None
        return True


class UtcFormatter(logging.Formatter):
    """Lines with their moment in UTC, so that those of several machines can be put in order."""

    def __init__(self) -> None:
        super().__init__(LOG_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime


class AccessLogger(Logger):
    """gunicorn's logger writing one line per request: method, path, status, bytes, milliseconds."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(UtcFormatter())
                if not any(isinstance(known, MaskAddresses) for known in handler.filters):
                    handler.addFilter(MaskAddresses())

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        self.access_log.info(
            "%s %s %s %s bytes %d ms",
            environ.get("REQUEST_METHOD", "-"),
            mask_path(environ.get("PATH_INFO", "-")),
            str(resp.status).split(None, 1)[0],
            getattr(resp, "sent", None) or 0,
            request_time / timedelta(milliseconds=1),
        )


def configure_logging(level: str) -> None:
    """One handler for the whole process tree, on the standard error, with masked addresses."""
    handler = logging.StreamHandler()
    handler.setFormatter(UtcFormatter())
    handler.addFilter(MaskAddresses())
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    if level == "INFO":  # their information is about themselves; what an owner wants to know we say ourselves
        for name in ("alembic", "rq"):
            logging.getLogger(name).setLevel(logging.WARNING)
