"""The Flask extensions, unbound: ``create_app`` binds them."""

from __future__ import annotations

import ipaddress

from flask import request
from flask_babel import Babel
from flask_compress import Compress
from flask_login import LoginManager
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect

from portal.core.rate_limits import PortalLimiter
from portal.core.tables import Base

db = SQLAlchemy(metadata=Base.metadata)
migrate = Migrate()
login_manager = LoginManager()
babel = Babel()
compress = Compress()
csrf = CSRFProtect()
mail = Mail()


def visitors_network() -> str:
    """Who counts as one visitor for rate limits: an IPv4 address, or the /64 that one IPv6 connection has to itself."""
    address = request.remote_addr or "127.0.0.1"
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


limiter = PortalLimiter(key_func=visitors_network)
