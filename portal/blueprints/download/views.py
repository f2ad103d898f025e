"""A bought file by its signed address."""

from __future__ import annotations

import logging

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from portal.core import clock, serving
from portal.core.shops import current_shop
from portal.domain.orders import downloads
from portal.domain.shops.models import Mode

log = logging.getLogger(__name__)

bp = Blueprint("download", __name__)


@bp.get("/<token>")
def fetch(token: str) -> ResponseReturnValue:
    """The file, to be saved. It counts nothing: that was done by the button that led here."""
    file = downloads.find_by_token(token, mode=Mode(current_shop().mode), now=clock.now())
    if file is None:
        abort(404)
    try:
        return serving.attachment(file.storage_key, name=file.name, media_type=file.media_type)
    except FileNotFoundError:
        log.exception("a bought file is not there")
        abort(404)
