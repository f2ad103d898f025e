"""Loket, a customer portal: the application and how its parts are wired."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Config
from portal import blueprints, cli, providers
from portal.core import (
    access,
    database,
    errorpages,
    jobs,
    sections,
    security,
    sessions,
    speech,
    static_files,
    storing,
    templating,
    tenancy,
    touch,
)
from portal.core.shops import ShopDirectory
from portal.core.wiring import Wiring
from portal.domain import wiring
from portal.domain.payments import registry
from portal.extensions import babel, compress, csrf, db, limiter, login_manager, mail, migrate


def create_app(config: Config | None = None, **overrides: Any) -> Flask:
    """The application, wired in order. ``overrides`` go into Flask's configuration, for tests."""
    config = config or Config.from_env(os.environ)
    app = Flask("portal", instance_path=str(config.data_dir))
    app.jinja_environment = templating.PageEnvironment
    configure(app, config, overrides)
    app.extensions["loket"] = wired = wiring.functions()
    bind_extensions(app)
    bind_sessions(app, wired)
    registry.install(providers.load_providers(app.config))
    loaded = sections.load_sections(app, blueprints.core_sections, wired.grant, blueprints.linked)
    access.declare(app, {section.key: section.audience for section in loaded.all})
    templating.install(app)
    static_files.install(app)
    security.install(app)
    errorpages.install(app)
    access.install(app, db.session)
    app.after_request(touch.run_pending)
    app.after_request(sessions.note_seen)
    cli.install(app)
    return app


def configure(app: Flask, config: Config, overrides: dict[str, Any]) -> None:
    """Settings, and what stands before the application."""
    app.config.from_mapping(config.flask())
    app.config.update(
        # Oldest first, as itsdangerous wants them: the last one signs.
        SECRET_KEYS=[*reversed(config.secret_keys[1:]), config.secret_keys[0]],
        # Flask would take it from FLASK_DEBUG, which a shell may hold for another program.
        DEBUG=False,
        MAX_CONTENT_LENGTH=12 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        SEND_FILE_MAX_AGE_DEFAULT=31536000,
        BABEL_DEFAULT_LOCALE="en",
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=True,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_STORAGE_OPTIONS=jobs.impatient() if config.redis_url else {},
        RATELIMIT_HEADERS_ENABLED=False,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_ALGORITHM_STREAMING=["br", "gzip"],
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(config.database_url),
    )
    app.config.update(overrides)
    if app.config["TRUSTED_PROXIES"]:
        hops = app.config["TRUSTED_PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def bind_extensions(app: Flask) -> None:
    """The extensions, and our rules on the database."""
    db.init_app(app)
    with app.app_context():
        database.install(db.engine)
    tenancy.install(db.session)
    storing.install(db.session)
    migrate.init_app(app, db, directory=str(Path(app.root_path).parent / "migrations"))
    babel.domain_instance = speech.texts
    babel.init_app(app, locale_selector=templating.select_language, timezone_selector=templating.time_zone)
    mail.init_app(app)
    # First of all that look at answers, so that it comes last.
    compress.init_app(app)
    jobs.init_app(app)


def bind_sessions(app: Flask, wired: Wiring) -> None:
    """Who is asking, in the order of the checks: shop, access, CSRF, rate limit."""
    app.extensions["shops"] = ShopDirectory(wired.shop_by_host)
    app.session_interface = sessions.PortalSessions(app.extensions["shops"], wired.load_principal)
    login_manager.session_protection = None
    login_manager.init_app(app)
    login_manager.user_loader(sessions.load_user)
    app.before_request(access.check)
    csrf.init_app(app)
    limiter.init_app(app)
    app.teardown_request(sessions.leave_request)
