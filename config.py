"""Every setting of Loket: the one place that reads the environment and says what each value means.

A setting that is empty counts as not given. A secret may be kept in a file instead: for every name marked
"or _FILE", `NAME_FILE=/run/secrets/name` reads the value from that file. A wrong value stops the start with
one sentence that names it.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

PROJECT = Path(__file__).resolve().parent
MODES = ("demo", "serve")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
# The first is a setting; the others are for the tests, which say what they mean.
OURS = (
    "LOKET_MODE",
    "LOKET_REQUIRE_SERVICES",
    "LOKET_TEST_DATABASE",
    "LOKET_KILLS",
    "LOKET_AXE_ALL",
    "LOKET_SCREENSHOT",
)
SOCKET_PATH_LIMIT = 107  # bytes; the kernel's limit for the address of a Unix socket


class ConfigError(Exception):
    """A setting is wrong; the message is one sentence that names it and says what to write."""


@dataclass(frozen=True)
class SmtpServer:
    """Where mail leaves: parsed from SMTP_URL."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = False
    tls: bool = False


@dataclass(frozen=True)
class Config:
    """The settings, checked. Fields that may hold a password or a key stay out of its printed form."""

    # LOKET_MODE: which installation this is: "demo" is the demo shop in instance/demo, "serve" the real one
    # in instance/live. `make run` and `make serve` set it; give it to `flask` to reach the demo.
    # Default: serve. Example: LOKET_MODE=demo flask demo load
    mode: str = "serve"

    # HOST: the address the web server listens on. The demo listens on this machine only.
    # Default: 127.0.0.1. Example: HOST=0.0.0.0
    host: str = "127.0.0.1"

    # PORT: the port the web server listens on, 1–65535. Default: 8000. Example: PORT=8080
    port: int = 8000

    # TRUSTED_PROXIES: how many proxies of yours stand before Loket; so many X-Forwarded-* are believed.
    # Default: 0, none. Example: TRUSTED_PROXIES=1 behind one nginx
    trusted_proxies: int = 0

    # HSTS_SUBDOMAINS: 1 tells browsers that names below the shop's own are https too, for a year. Set it to 0
    # when the shop is at the top of a domain (example.com) and another name in it still speaks plain http.
    # Default: 1. Example: HSTS_SUBDOMAINS=0
    hsts_subdomains: bool = True

    # INSTANCE_DIR: the folder for everything Loket keeps: database, documents, queue, keys.
    # Default: instance/ beside this file. Example: INSTANCE_DIR=/var/lib/loket
    instance_dir: Path = PROJECT / "instance"

    # DATABASE_URL (or _FILE): SQLite or PostgreSQL. Default: loket.sqlite in the folder of this installation.
    # Examples: sqlite:////var/lib/loket/loket.sqlite, postgresql://loket:password@db.example.com/loket
    database_url: str = field(default="", repr=False)

    # REDIS_URL (or _FILE): the queue. Default: none; `make run` and `make serve` then start their own Redis.
    # Examples: redis://localhost:6379/0, rediss://:password@redis.example.com, unix:///run/redis.sock?db=1
    redis_url: str | None = field(default=None, repr=False)

    # SMTP_URL (or _FILE): the mail server. Default: none; the demo then starts a catcher, else mail is held.
    # Examples: smtp://user:password@mail.example.com:587?starttls=1, smtps://user:password@mail.example.com
    # Write characters such as @ : / in user and password as %40 %3A %2F.
    smtp_url: str | None = field(default=None, repr=False)

    # INBOUND_MAIL: the address at which customers answer mails of the shop; what stands behind a plus in it must
    # arrive too, and `flask mail ingest` or `flask mail listen` must get it (docs/server.md). Default: none; mails
    # then name the shop's own address. Example: INBOUND_MAIL=support@shop.example.com
    inbound_mail: str | None = None

    # INBOUND_AUTHSERV: how your mail server names itself in the Authentication-Results that it writes on top of
    # each mail. A sender whose domain signed the mail then counts as proved. Set it only where that server removes
    # such lines that others wrote. Default: none, and every mail is marked. Example: INBOUND_AUTHSERV=mx.example.com
    inbound_authserv: str | None = None

    # SECRET_KEYS (or _FILE): keys that sign cookies and links, each of 32 characters or more, separated by
    # commas or lines. The first signs, all are accepted: to rotate, put a new one in front.
    # Default: made on the first start, kept in instance/secrets/secret.key
    # Example: SECRET_KEYS=$(openssl rand -hex 32)
    secret_keys: tuple[str, ...] = field(default=(), repr=False)

    # FIELD_KEYS (or _FILE): keys that encrypt fields such as bank account numbers, each 32 bytes in URL-safe
    # base64, separated by commas or lines. The first encrypts, all decrypt; lost keys are lost fields.
    # Default: made on the first start, kept in instance/secrets/field.key
    # Example: FIELD_KEYS_FILE=/run/secrets/field-keys
    field_keys: tuple[str, ...] = field(default=(), repr=False)

    # BACKUP_PASSPHRASE (or _FILE): encrypts what `flask backup create` writes, opens it for `flask backup restore`.
    # Default: none; the commands then ask. Example: BACKUP_PASSPHRASE_FILE=/run/secrets/backup-passphrase
    backup_passphrase: str | None = field(default=None, repr=False)

    # OUTBOX_LEASE_SECONDS: after how many seconds without a sign of life a dead worker's work is taken over.
    # Default: 30. Example: OUTBOX_LEASE_SECONDS=5
    outbox_lease_seconds: int = 30

    # LOG_LEVEL: DEBUG, INFO, WARNING or ERROR. Default: INFO. Example: LOG_LEVEL=WARNING
    log_level: str = "INFO"

    # WEB_WORKERS, WEB_THREADS: processes of the web server and threads in each. Default: 2 and 4
    # Example: WEB_WORKERS=4. Not 1 and 1: a page that starts a payment at the test bank waits for another page.
    web_workers: int = 2
    web_threads: int = 4

    # PACKAGES: 0 starts without any installed section or payment provider, to get by when one of them is broken.
    # Default: 1. Example: PACKAGES=0
    packages: bool = True

    # LEAVE_OUT: keys of sections that are left out, separated by commas, be they Loket's or of packages. A section to
    # which other pages lead needs another of the same key in its place (docs/server.md). Default: none
    # Example: LEAVE_OUT=contacts
    leave_out: frozenset[str] = frozenset()

    # Where the demo's mail catcher puts what it caught; the installation sets it, not the environment.
    mail_folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_dir / 'loket.sqlite'}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Read and check the environment; raises ConfigError for the first thing that is wrong."""
        for name in environ:
            if name.startswith("LOKET_") and name not in OURS:
                close = difflib.get_close_matches(name, OURS, n=1, cutoff=0.75)
                hint = f"did you mean {close[0]}?" if close else "no setting has that name; see config.py."
                raise ConfigError(f"{name} is not known: {hint}")
        mode = _choice(environ, "LOKET_MODE", cls.mode, MODES)
        instance_dir = Path(_text(environ, "INSTANCE_DIR") or cls.instance_dir).expanduser().absolute()
        secrets = instance_dir / "secrets"
        workers = _whole(environ, "WEB_WORKERS", cls.web_workers, 1, 64)
        threads = _whole(environ, "WEB_THREADS", cls.web_threads, 1, 64)
        if workers == threads == 1:
            raise ConfigError(
                "WEB_WORKERS and WEB_THREADS are both 1, but the test bank is served by the same server that asks it:"
                " set one of them to 2."
            )
        return cls(
            mode=mode,
            host=_host(environ, demo=mode == "demo"),
            port=_whole(environ, "PORT", cls.port, 1, 65535),
            trusted_proxies=_whole(environ, "TRUSTED_PROXIES", cls.trusted_proxies, 0, 20),
            hsts_subdomains=_whole(environ, "HSTS_SUBDOMAINS", 1, 0, 1) == 1,
            instance_dir=instance_dir,
            database_url=_checked(environ, "DATABASE_URL", normalise_database_url) or "",
            redis_url=_checked(environ, "REDIS_URL", check_redis_url),
            smtp_url=_checked(environ, "SMTP_URL", check_smtp_url),
            inbound_mail=_checked(environ, "INBOUND_MAIL", check_inbox),
            inbound_authserv=_checked(environ, "INBOUND_AUTHSERV", check_authserv),
            secret_keys=_keys(environ, "SECRET_KEYS", secrets / "secret.key", check_secret_key),
            field_keys=_keys(environ, "FIELD_KEYS", secrets / "field.key", check_field_key),
            backup_passphrase=_secret(environ, "BACKUP_PASSPHRASE"),
            outbox_lease_seconds=_whole(environ, "OUTBOX_LEASE_SECONDS", cls.outbox_lease_seconds, 1, 3600),
            log_level=_choice(environ, "LOG_LEVEL", cls.log_level, LOG_LEVELS, upper=True),
            web_workers=workers,
            web_threads=threads,
            packages=_whole(environ, "PACKAGES", 1, 0, 1) == 1,
            leave_out=frozenset(re.findall(r"[^,\s]+", _text(environ, "LEAVE_OUT") or "")),
        )

    @property
    def demo(self) -> bool:
        """Is this the demo installation?"""
        return self.mode == "demo"

    @property
    def data_dir(self) -> Path:
        """The folder of this installation; the demo and the real one never share it."""
        return self.instance_dir / ("demo" if self.demo else "live")

    @property
    def secrets_dir(self) -> Path:
        """Where keys made on the first start are kept."""
        return self.instance_dir / "secrets"

    @property
    def files_dir(self) -> Path:
        """Where documents and attachments are stored."""
        return self.data_dir / "files"

    @property
    def sqlite_path(self) -> Path | None:
        """The file of an SQLite database, or None on PostgreSQL."""
        if not self.database_url.startswith("sqlite:///"):
            return None
        return Path(self.database_url.removeprefix("sqlite:///").partition("?")[0])

    @property
    def smtp(self) -> SmtpServer | None:
        """The mail server, or None when mail is to be held."""
        return parse_smtp_url(self.smtp_url) if self.smtp_url else None

    @property
    def limiter_url(self) -> str:
        """REDIS_URL in the form Flask-Limiter wants: redis+unix:// for a socket, memory:// without Redis."""
        return limiter_url(self.redis_url)

    def flask(self) -> dict[str, Any]:
        """What goes into Flask's app.config; raises ConfigError while there are no keys."""
        if not self.secret_keys or not self.field_keys:
            name = "FIELD_KEYS" if self.secret_keys else "SECRET_KEYS"
            raise ConfigError(
                f"{name} is not set and {self.secrets_dir} holds none: start Loket once, or set it."
            )
        smtp = self.smtp
        return {
            "LOKET": self,
            "DEMO": self.demo,
            "SECRET_KEY": self.secret_keys[0],
            "SECRET_KEY_FALLBACKS": list(self.secret_keys[1:]),
            "FIELD_KEYS": list(self.field_keys),
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "REDIS_URL": self.redis_url,
            "RATELIMIT_STORAGE_URI": self.limiter_url,
            "TRUSTED_PROXIES": self.trusted_proxies,
            "PORT": self.port,
            "PACKAGES": self.packages,
            "LEAVE_OUT": self.leave_out,
            "DATA_DIR": self.data_dir,
            "FILES_DIR": self.files_dir,
            "MAIL_FOLDER": self.mail_folder,
            "OUTBOX_LEASE_SECONDS": self.outbox_lease_seconds,
            "SMTP_URL": self.smtp_url,
            "INBOUND_MAIL": self.inbound_mail,
            "INBOUND_AUTHSERV": self.inbound_authserv,
            "MAIL_SERVER": smtp.host if smtp else None,
            "MAIL_PORT": smtp.port if smtp else None,
            "MAIL_USERNAME": smtp.username if smtp else None,
            "MAIL_PASSWORD": smtp.password if smtp else None,
            "MAIL_USE_TLS": bool(smtp and smtp.starttls),
            "MAIL_USE_SSL": bool(smtp and smtp.tls),
        }


def limiter_url(redis_url: str | None) -> str:
    """The address RQ understands (unix://) as Flask-Limiter wants it (redis+unix://)."""
    if redis_url is None:
        return "memory://"
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url


def normalise_database_url(url: str) -> str:
    """SQLite with an absolute path, or PostgreSQL with the driver Loket brings; raises ConfigError."""
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgresql", "postgres", "postgresql+psycopg") and separator:
        if not urlsplit(f"postgresql://{rest}").path.strip("/"):
            raise ConfigError("names no database: write postgresql://user:password@host/database.")
        return f"postgresql+psycopg://{rest}"
    if scheme == "sqlite" and separator:
        path, question, options = rest.removeprefix("/").partition("?")
        if not rest.startswith("/") or path in ("", ":memory:"):
            raise ConfigError(
                "needs a file, for several processes share it: write sqlite:////folder/loket.sqlite."
            )
        return f"sqlite:///{Path(path).expanduser().absolute()}{question}{options}"
    raise ConfigError("must begin with sqlite:/// or postgresql://.")


def check_redis_url(url: str) -> str:
    """A Redis address as RQ takes it; raises ConfigError."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        if not parts.path.startswith("/") or parts.path == "/":
            raise ConfigError("names no socket: write unix:///run/redis.sock.")
        if len(parts.path.encode()) > SOCKET_PATH_LIMIT:
            raise ConfigError(f"names a socket whose path is longer than {SOCKET_PATH_LIMIT} bytes.")
        return url
    if parts.scheme not in ("redis", "rediss"):
        raise ConfigError("must begin with redis://, rediss:// or unix://.")
    if not parts.hostname:
        raise ConfigError(f"names no host: write {parts.scheme}://localhost:6379/0.")
    _port_of(parts.port, 6379)
    if not re.fullmatch(r"/?\d*", parts.path):
        raise ConfigError("must end in the number of a database, such as /0.")
    return url


def parse_smtp_url(url: str) -> SmtpServer:
    """smtp://user:password@host:port?starttls=1 or smtps://…; raises ConfigError."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps"):
        raise ConfigError("must begin with smtp:// or smtps://.")
    if not parts.hostname:
        raise ConfigError("names no host: write smtp://mail.example.com:587?starttls=1.")
    if parts.path not in ("", "/") or parts.fragment:
        raise ConfigError("must end after the port; write / and # in a password as %2F and %23.")
    tls = parts.scheme == "smtps"
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.pop("starttls", "0")
    if options or starttls not in ("0", "1"):
        raise ConfigError("may carry only ?starttls=1 or ?starttls=0 after the port.")
    if tls and starttls == "1":
        raise ConfigError("asks for smtps:// and starttls=1 at once; a server speaks one of them.")
    if (parts.username is None) != (parts.password is None) or parts.username == "":
        raise ConfigError("must hold both user and password, or neither.")
    if parts.password is not None and not (tls or starttls == "1" or _is_this_machine(parts.hostname)):
        raise ConfigError("would send its password readable: write smtps://, or add ?starttls=1.")
    return SmtpServer(
        host=parts.hostname,
        port=_port_of(parts.port, 465 if tls else 587 if starttls == "1" else 25),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        starttls=starttls == "1",
        tls=tls,
    )


def check_smtp_url(url: str) -> str:
    """The address unchanged when it can be parsed; raises ConfigError."""
    parse_smtp_url(url)
    return url


def check_inbox(address: str) -> str:
    """An address with room behind a plus, in lower case; raises ConfigError."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,30}@(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", address):
        raise ConfigError(
            "must be one address without a plus, with at most 30 characters before the @: support@shop.example.com."
        )
    return address.lower()


def check_authserv(name: str) -> str:
    """The name of a mail server in lower case; raises ConfigError."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", name):
        raise ConfigError("must be the name that your mail server writes first: write mx.example.com.")
    return name.lower()


def check_secret_key(key: str) -> str:
    """A signing key of at least 32 characters; raises ConfigError."""
    if len(key) < 32:
        raise ConfigError("holds a key shorter than 32 characters; `openssl rand -hex 32` makes a good one.")
    return key


def check_field_key(key: str) -> str:
    """A Fernet key; raises ConfigError."""
    try:
        fits = len(base64.b64decode(key.encode(), altchars=b"-_", validate=True)) == 32
    except (binascii.Error, ValueError):
        fits = False
    if not fits:
        raise ConfigError("holds a key that is not 32 bytes in URL-safe base64 (44 characters).")
    return key


def _port_of(port: int | None, default: int) -> int:
    if port == 0:
        raise ConfigError("has port 0; a port lies between 1 and 65535.")
    return port or default


def _text(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name, "").strip() or None


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """The value of NAME, or the content of the file NAME_FILE points to."""
    value, path = _text(environ, name), _text(environ, f"{name}_FILE")
    if value and path:
        raise ConfigError(f"{name} and {name}_FILE are both set; keep one of them.")
    if not path:
        return value
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{name}_FILE names {path}, which cannot be read: {reason}.") from error
    if not content:
        raise ConfigError(f"{name}_FILE names {path}, which is empty.")
    return content


def _checked(environ: Mapping[str, str], name: str, check: Callable[[str], str]) -> str | None:
    value = _secret(environ, name)
    try:
        return check(value) if value else None
    except ConfigError as error:
        raise ConfigError(f"{name} {error}") from None
    except (
        ValueError
    ):  # urlsplit: a bracket not closed, a port that is no number; its words may quote a password
        raise ConfigError(f"{name} is no valid address: look at its port and brackets.") from None


def _keys(environ: Mapping[str, str], name: str, kept: Path, check: Callable[[str], str]) -> tuple[str, ...]:
    """Keys from the environment, else from the file made on the first start, else none yet."""
    value, source = _secret(environ, name), name
    if value is None:
        try:
            value, source = kept.read_text(encoding="utf-8"), str(kept)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"{name} is not set and {kept} cannot be read.") from None
    keys = tuple(key for key in re.split(r"[,\s]+", value) if key)
    if not keys:
        raise ConfigError(f"{source} holds no key.")
    try:
        return tuple(check(key) for key in keys)
    except ConfigError as error:
        raise ConfigError(f"{source} {error}") from None


def _whole(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = _text(environ, name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise ConfigError(f"{name} is {value!r}, but must be a whole number from {low} to {high}.")
    return int(value)


def _choice(
    environ: Mapping[str, str], name: str, default: str, choices: tuple[str, ...], *, upper: bool = False
) -> str:
    value = _text(environ, name)
    if value is None:
        return default
    value = value.upper() if upper else value
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}, but must be {', '.join(choices[:-1])} or {choices[-1]}.")
    return value


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host(environ: Mapping[str, str], *, demo: bool) -> str:
    value = _text(environ, "HOST")
    if value is None:
        return Config.host
    host = value.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not re.fullmatch(r"(?!-)[A-Za-z0-9.-]{1,253}", host) or re.fullmatch(r"[\d.]+", host):
            raise ConfigError(f"HOST is {value!r}, which is neither an IP address nor a host name.") from None
    if demo and not _is_this_machine(host):
        raise ConfigError(f"HOST is {value!r}, but the demo listens on this machine only; leave HOST out.")
    return host
