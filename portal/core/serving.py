"""Stored files as downloads: in pieces from the storage, never whole in memory, to be resumed where they broke off."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from portal.core import storage, uploads

#: How much of a file is in memory at a time.
PIECE = 64 * 1024


def attachment(key: str, *, name: str, media_type: str) -> Response:
    """The file under ``key``, to be saved under ``name`` and never shown: whatever it is, nothing of it runs here.

    Answers HEAD and a ``Range`` of one piece (206, or 416); of several pieces at once it gives the whole, as it may.
    Raises FileNotFoundError.
    """
    file = storage.open_(key)
    try:
        size = file.seek(0, 2)
        file.seek(0)
        response = Response(FileWrapper(file, PIECE), mimetype=media_type)
        response.content_length = size
        # A stored file never changes under its key.
        response.set_etag(hashlib.sha256(key.encode()).hexdigest()[:32])
        response.headers.set("Content-Disposition", "attachment", **_names(name))
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.make_conditional(_environ(), accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        file.close()
        return Response(
            status=416,
            mimetype="text/plain",
            headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
        )
    except BaseException:
        file.close()
        raise
    return response


def _environ() -> dict[str, Any]:
    """The request's environment without a wish for several pieces in one answer, or for what is no piece."""
    environ, wish = dict(request.environ), request.range
    if wish is None or wish.units != "bytes" or len(wish.ranges) != 1:
        environ.pop("HTTP_RANGE", None)
    return environ


def _names(name: str) -> dict[str, str]:
    """The name for every browser: as it is, and for the oldest ones in letters that they know."""
    safe = uploads.clean_name(name)
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in safe)
    if plain == safe:
        return {"filename": safe}
    return {"filename": plain, "filename*": f"UTF-8''{quote(safe, safe='')}"}
