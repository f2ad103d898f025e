"""Static files as they travel: compressed as far as it goes, once, instead of a little at every request.

Brotli at its best takes a fifth of a second for all of them and saves a tenth of what the quick setting leaves. What is
packed is remembered by the content it was made of, so that a file that changed is never answered with what it was.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import brotli
from flask import Flask, Response, current_app, request, send_file
from werkzeug.security import safe_join

#: What shrinks; pictures and fonts are sent as they are stored.
TEXTS = (".css", ".js", ".svg")

#: How to pack for an ``Accept-Encoding``, the best first.
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda data: brotli.compress(data, quality=11),
    "gzip": lambda data: gzip.compress(data, 9, mtime=0),
}


@dataclass(frozen=True)
class Packed:
    """A file in one encoding, with the ETag of just these bytes."""

    data: bytes
    etag: str


def install(app: Flask) -> None:
    """Answers ``/static/`` from here; called once by ``create_app``."""
    app.view_functions["static"] = send


def pack_all(app: Flask) -> None:
    """Packs what browsers ask for, in the process that the web server's are forked from."""
    for path in Path(app.static_folder or "").rglob("*"):
        if path.suffix in TEXTS:
            _packed(path.read_bytes(), "br")


def send(filename: str) -> Response:
    """A static file in the best encoding that the browser takes; pieces (``Range``) are pieces of that."""
    encoding = request.accept_encodings.best_match([*PACKERS, "identity"])
    path = safe_join(current_app.static_folder or "", filename)
    if encoding not in PACKERS or path is None or not path.endswith(TEXTS) or not Path(path).is_file():
        return current_app.send_static_file(filename)
    packed = _packed(Path(path).read_bytes(), encoding)
    response = send_file(
        io.BytesIO(packed.data),
        download_name=Path(path).name,
        etag=packed.etag,
        max_age=current_app.get_send_file_max_age(filename),
    )
    response.headers["Content-Encoding"] = encoding
    return response


@lru_cache(maxsize=64)
def _packed(data: bytes, encoding: str) -> Packed:
    packed = PACKERS[encoding](data)
    return Packed(packed, hashlib.sha256(packed).hexdigest()[:20])
