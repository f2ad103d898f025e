"""What every answer carries to keep browsers strict: content policy, transport, framing, caching."""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, g, request, session
from flask_babel import gettext as _

from portal.core.sessions import PortalSession
from portal.core.shops import host_without_port, is_loopback

log = logging.getLogger(__name__)

#: One year, as browsers ask for.
HSTS = "max-age=31536000"

#: Our own server calls these by plain http on the machine itself, under the shop's name; each proves who it is.
CALLED_BY_OURSELVES = ("/hooks/", "/sandbox/api/")
#: What pages are made of.
FOR_BROWSERS = (".css", ".js", ".svg", ".ttf", ".woff2", ".png", ".ico")
#: These say nothing about anybody.
SAYS_NOTHING = ("/static/", "/health")

#: Addresses under which everything is somebody's own, files such as a PDF included.
PRIVATE = ("/customer", "/office", "/pay/", "/download/")
#: What no search engine is to keep, whoever links to it. Pages of mailed links say so themselves.
NEVER_INDEXED = (*PRIVATE, "/sandbox", "/setup", "/hooks")


def allow_form_action(*origins: str) -> None:
    """Lets the forms of this page lead to other origins: a payment provider's check-out pages."""
    g.setdefault("form_origins", []).extend(origins)


def content_policy() -> str:
    """The content security policy of this page. Nothing is loaded from elsewhere, nothing inline runs."""
    form_action = " ".join(["'self'", *dict.fromkeys(g.get("form_origins", []))])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )


def add_headers(response: Response) -> Response:
    """The headers of every answer; an ``after_request`` function."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", content_policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if request.is_secure and not is_loopback(host_without_port(request.host)):
        below = "; includeSubDomains" if current_app.config["LOKET"].hsts_subdomains else ""
        headers.setdefault("Strict-Transport-Security", HSTS + below)
    # A package's files are below its pages, and as public as ours.
    is_file = (request.endpoint or "").endswith(".static") and response.status_code in (200, 304)
    if "Cache-Control" not in headers or (request.path.startswith(PRIVATE) and not is_file):
        # Pages hold personal data or a visitor's token: neither a shared nor the browser's cache keeps them.
        headers["Cache-Control"] = "no-store"
    if request.path.startswith(NEVER_INDEXED):
        headers.setdefault("X-Robots-Tag", "noindex, nofollow")
    return response


def is_for_browsers(path: str) -> bool:
    """Whether a static file is one that pages use; how they were built lies beside them and is nobody's business."""
    return path.endswith(FOR_BROWSERS)


def is_readable_by_others() -> bool:
    """Whether this request came by plain http from beyond this machine, where cookies and passwords travel readable."""
    if request.is_secure or is_loopback(host_without_port(request.host)):
        return False
    if request.path.startswith(CALLED_BY_OURSELVES) and is_loopback(request.remote_addr or ""):
        return False
    return not request.path.startswith(SAYS_NOTHING)


def ask_for_https() -> Response:
    """The answer to plain http. Not a redirect: who sent a password by mistake should notice."""
    if not current_app.extensions.get("told_of_plain_http"):
        current_app.extensions["told_of_plain_http"] = True
        log.warning(
            "Somebody came by plain http, which is for this machine only. Put a proxy with TLS before Loket and set "
            "TRUSTED_PROXIES to the number of proxies."
        )
    text = _("Open this page by https, or on the machine itself: plain http can be read by others.")
    return Response(f"{text}\n", status=403, mimetype="text/plain")


def is_signed_in() -> bool:
    """Whether this request came with a live session row."""
    current = session._get_current_object()  # type: ignore[attr-defined]
    return isinstance(current, PortalSession) and current.signed_in is not None


def install(app: Flask) -> None:
    """Hangs the headers on every answer."""
    app.after_request(add_headers)
