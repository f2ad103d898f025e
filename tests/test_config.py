"""Each setting: its default, what it accepts, and the one sentence for what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config import Config, ConfigError, SmtpServer, limiter_url

SECRET = "a" * 32
FIELD = Fernet.generate_key().decode()


def test_defaults(tmp_path: Path) -> None:
    config = Config.from_env({"INSTANCE_DIR": str(tmp_path)})
    assert (config.host, config.port, config.trusted_proxies) == ("127.0.0.1", 8000, 0)
    assert (config.web_workers, config.web_threads, config.outbox_lease_seconds) == (2, 4, 30)
    assert (config.redis_url, config.smtp_url, config.smtp, config.log_level) == (None, None, None, "INFO")
    assert config.database_url == f"sqlite:///{tmp_path}/live/loket.sqlite"
    assert config.sqlite_path == tmp_path / "live/loket.sqlite"
    assert config.limiter_url == "memory://"
    assert config.secret_keys == config.field_keys == ()


def test_the_address_for_answers_is_in_small_letters() -> None:
    config = Config.from_env({"INBOUND_MAIL": "Support@Shop.Example", "INBOUND_AUTHSERV": "MX.Shop.Example"})
    assert (config.inbound_mail, config.inbound_authserv) == ("support@shop.example", "mx.shop.example")
    assert Config.from_env({}).inbound_mail is None


def test_demo_and_real_installation_share_no_folder(tmp_path: Path) -> None:
    demo = Config.from_env({"INSTANCE_DIR": str(tmp_path), "LOKET_MODE": "demo"})
    real = Config.from_env({"INSTANCE_DIR": str(tmp_path), "LOKET_MODE": "serve"})
    assert demo.demo and not real.demo
    assert demo.data_dir == tmp_path / "demo" and real.data_dir == tmp_path / "live"
    assert demo.sqlite_path != real.sqlite_path
    assert demo.secrets_dir == real.secrets_dir == tmp_path / "secrets"


def test_empty_counts_as_not_given() -> None:
    given = dict.fromkeys(
        ["HOST", "PORT", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "SMTP_URL_FILE", "LOG_LEVEL"], " "
    )
    assert Config.from_env(given).port == 8000


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "0", "PORT is '0', but must be a whole number from 1 to 65535."),
        ("PORT", "65536", "PORT is '65536', but must"),
        ("PORT", "80a", "PORT is '80a', but must"),
        ("PORT", "٨٠", "PORT is '٨٠', but must"),
        ("PORT", "-1", "PORT is '-1', but must"),
        ("TRUSTED_PROXIES", "-1", "TRUSTED_PROXIES is '-1', but must be a whole number from 0 to 20."),
        ("HSTS_SUBDOMAINS", "yes", "HSTS_SUBDOMAINS is 'yes', but must be a whole number from 0 to 1."),
        ("OUTBOX_LEASE_SECONDS", "0", "OUTBOX_LEASE_SECONDS is '0', but"),
        ("WEB_WORKERS", "two", "WEB_WORKERS is 'two', but"),
        ("WEB_THREADS", "0", "WEB_THREADS is '0', but"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'LOUD', but must be DEBUG, INFO, WARNING or ERROR."),
        ("LOKET_MODE", "live", "LOKET_MODE is 'live', but must be demo or serve."),
        ("LOKET_MODUS", "demo", "LOKET_MODUS is not known: did you mean LOKET_MODE?"),
        (
            "LOKET_XYZZY_PLUGH",
            "1",
            "LOKET_XYZZY_PLUGH is not known: no setting has that name; see config.py.",
        ),
        ("HOST", "300.1.1.1", "HOST is '300.1.1.1', which is neither an IP address nor a host name."),
        ("HOST", "-x", "HOST is '-x', which is neither"),
        ("DATABASE_URL", "mysql://x/y", "DATABASE_URL must begin with sqlite:/// or postgresql://."),
        ("DATABASE_URL", "sqlite://", "DATABASE_URL needs a file, for several processes share it"),
        ("DATABASE_URL", "sqlite:///:memory:", "DATABASE_URL needs a file"),
        ("DATABASE_URL", "postgresql://host", "DATABASE_URL names no database"),
        ("DATABASE_URL", "loket.sqlite", "DATABASE_URL must begin"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL must begin with redis://, rediss:// or unix://."),
        ("REDIS_URL", "redis://", "REDIS_URL names no host"),
        ("REDIS_URL", "redis://localhost:0", "REDIS_URL has port 0"),
        ("REDIS_URL", "redis://localhost:99999", "REDIS_URL is no valid address"),
        ("REDIS_URL", "redis://localhost/main", "REDIS_URL must end in the number of a database"),
        ("REDIS_URL", "unix://", "REDIS_URL names no socket"),
        (
            "REDIS_URL",
            f"unix:///{'x' * 107}",
            "REDIS_URL names a socket whose path is longer than 107 bytes.",
        ),
        ("INBOUND_MAIL", "support", "INBOUND_MAIL must be one address without a plus"),
        ("INBOUND_MAIL", "a+b@example.com", "INBOUND_MAIL must be one address without a plus"),
        ("INBOUND_MAIL", f"{'x' * 31}@example.com", "INBOUND_MAIL must be one address without a plus"),
        ("INBOUND_MAIL", "a@b.example,c@d.example", "INBOUND_MAIL must be one address without a plus"),
        ("INBOUND_AUTHSERV", "mx example", "INBOUND_AUTHSERV must be the name that your mail server writes"),
        ("SMTP_URL", "mail.example.com", "SMTP_URL must begin with smtp:// or smtps://."),
        ("SMTP_URL", "smtp://", "SMTP_URL names no host"),
        ("SMTP_URL", "smtp://user@host", "SMTP_URL must hold both user and password, or neither."),
        ("SMTP_URL", "smtp://host/path", "SMTP_URL must end after the port"),
        ("SMTP_URL", "smtp://host?startls=1", "SMTP_URL may carry only ?starttls=1"),
        (
            "SMTP_URL",
            "smtp://u:pw@mail.example.com",
            "SMTP_URL would send its password readable: write smtps://",
        ),
        ("SMTP_URL", "smtp://u:pw@m.example.com?starttls=0", "SMTP_URL would send its password readable"),
        ("SMTP_URL", "smtps://host?starttls=1", "SMTP_URL asks for smtps:// and starttls=1 at once"),
        ("SMTP_URL", "smtp://u:pw@[host", "SMTP_URL is no valid address"),
        ("SECRET_KEYS", "short", "SECRET_KEYS holds a key shorter than 32 characters"),
        ("SECRET_KEYS", f"{SECRET},short", "SECRET_KEYS holds a key shorter"),
        ("SECRET_KEYS", ",", "SECRET_KEYS holds no key."),
        ("FIELD_KEYS", "x" * 44, "FIELD_KEYS holds a key that is not 32 bytes in URL-safe base64"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        Config.from_env({name: value})
    message = str(wrong.value)
    assert message.startswith(sentence)
    assert "\n" not in message and "pw" not in message


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "shop.example.com"])
def test_the_demo_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(ConfigError, match=r"HOST is .* this machine only"):
        Config.from_env({"LOKET_MODE": "demo", "HOST": host})
    assert Config.from_env({"HOST": host}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_the_demo_listens_on_any_loopback_address(host: str) -> None:
    assert Config.from_env({"LOKET_MODE": "demo", "HOST": host}).host == host


def test_an_address_in_brackets() -> None:
    assert Config.from_env({"HOST": "[::1]"}).host == "::1"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_gets_the_driver_that_is_installed(scheme: str) -> None:
    config = Config.from_env(
        {"DATABASE_URL": f"{scheme}://loket:p%40ss@db.example.com:5433/loket?sslmode=require"}
    )
    assert (
        config.database_url == "postgresql+psycopg://loket:p%40ss@db.example.com:5433/loket?sslmode=require"
    )
    assert config.sqlite_path is None


def test_postgresql_over_a_socket() -> None:
    url = Config.from_env({"DATABASE_URL": "postgresql:///loket?host=/run/postgresql"}).database_url
    assert url == "postgresql+psycopg:///loket?host=/run/postgresql"


def test_a_relative_sqlite_file_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config.from_env({"DATABASE_URL": "sqlite:///data/shop.sqlite"})
    assert config.database_url == f"sqlite:///{tmp_path}/data/shop.sqlite"
    absolute = Config.from_env({"DATABASE_URL": "sqlite:////var/lib/loket.sqlite"})
    assert absolute.sqlite_path == Path("/var/lib/loket.sqlite")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://localhost", SmtpServer("localhost", 25)),
        ("smtp://127.0.0.1:2525", SmtpServer("127.0.0.1", 2525)),
        ("smtp://[::1]:2525", SmtpServer("::1", 2525)),
        ("smtp://m.example.com?starttls=1", SmtpServer("m.example.com", 587, starttls=True)),
        ("smtp://m.example.com:26?starttls=0", SmtpServer("m.example.com", 26)),
        ("smtps://m.example.com", SmtpServer("m.example.com", 465, tls=True)),
        ("smtp://a%40b:p%3A%2Fs@localhost:587", SmtpServer("localhost", 587, "a@b", "p:/s")),
        ("smtp://u:p@m.example.com?starttls=1", SmtpServer("m.example.com", 587, "u", "p", starttls=True)),
        ("smtps://u:p@m.example.com", SmtpServer("m.example.com", 465, "u", "p", tls=True)),
    ],
)
def test_mail_servers(url: str, server: SmtpServer) -> None:
    assert Config.from_env({"SMTP_URL": url}).smtp == server


def test_one_redis_url_in_two_forms() -> None:
    assert limiter_url("unix:///run/redis.sock?db=1") == "redis+unix:///run/redis.sock?db=1"
    assert limiter_url("redis://localhost/1") == "redis://localhost/1"
    assert limiter_url("rediss://:pw@host") == "rediss://:pw@host"
    assert limiter_url(None) == "memory://"


def test_both_forms_are_understood_by_those_who_get_them() -> None:
    import limits.storage
    import redis

    url = "unix:///run/redis.sock?db=1"
    assert redis.Redis.from_url(url).connection_pool.connection_kwargs["path"] == "/run/redis.sock"
    storage = limits.storage.storage_from_string(limiter_url(url))
    assert storage.storage.connection_pool.connection_kwargs["path"] == "/run/redis.sock"


def test_keys_rotate_the_first_signs_and_all_are_accepted() -> None:
    second = Fernet.generate_key().decode()
    config = Config.from_env({"SECRET_KEYS": f"{SECRET}, {'b' * 40}", "FIELD_KEYS": f"{FIELD}\n{second}\n"})
    assert config.secret_keys == (SECRET, "b" * 40)
    assert config.field_keys == (FIELD, second)
    flask = config.flask()
    assert (flask["SECRET_KEY"], flask["SECRET_KEY_FALLBACKS"]) == (SECRET, ["b" * 40])
    assert flask["FIELD_KEYS"] == [FIELD, second]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "smtps://u:secret@host"),
        ("REDIS_URL", "redis://:secret@host"),
        ("DATABASE_URL", "postgresql://u:secret@host/db"),
        ("SECRET_KEYS", "secret" * 10),
    ],
)
def test_secrets_come_from_files_and_never_show(tmp_path: Path, name: str, value: str) -> None:
    file = tmp_path / "value"
    file.write_text(value + "\n")
    config = Config.from_env({f"{name}_FILE": str(file)})
    assert config == Config.from_env({name: value}) != Config.from_env({})
    assert (
        "secret@" not in repr(config)
        and "secretsecret" not in repr(config)
        and "secret@" not in repr(config.smtp)
    )


def test_a_secret_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(
        ConfigError, match=r"SMTP_URL_FILE names .*absent, which cannot be read: No such file"
    ):
        Config.from_env({"SMTP_URL_FILE": str(absent)})
    absent.touch()
    with pytest.raises(ConfigError, match=r"SMTP_URL_FILE names .*absent, which is empty"):
        Config.from_env({"SMTP_URL_FILE": str(absent)})
    with pytest.raises(ConfigError, match="SMTP_URL and SMTP_URL_FILE are both set"):
        Config.from_env({"SMTP_URL": "smtp://x", "SMTP_URL_FILE": str(absent)})


def test_no_keys_no_flask(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEYS is not set"):
        Config(instance_dir=tmp_path).flask()
    with pytest.raises(ConfigError, match="FIELD_KEYS is not set"):
        Config(instance_dir=tmp_path, secret_keys=(SECRET,)).flask()


def test_the_web_server_has_somebody_to_answer_what_it_asks_itself() -> None:
    with pytest.raises(ConfigError, match="WEB_WORKERS and WEB_THREADS are both 1"):
        Config.from_env({"WEB_WORKERS": "1", "WEB_THREADS": "1"})
    for workers, threads in ((1, 2), (2, 1)):
        config = Config.from_env({"WEB_WORKERS": str(workers), "WEB_THREADS": str(threads)})
        assert (config.web_workers, config.web_threads) == (workers, threads)


def test_every_setting_is_documented_with_an_example() -> None:
    source = Path(Config.from_env.__func__.__code__.co_filename).read_text()
    names = "LOKET_MODE HOST PORT TRUSTED_PROXIES INSTANCE_DIR DATABASE_URL REDIS_URL SMTP_URL SECRET_KEYS"
    for name in [
        *names.split(),
        "FIELD_KEYS",
        "HSTS_SUBDOMAINS",
        "PACKAGES",
        "LEAVE_OUT",
        "OUTBOX_LEASE_SECONDS",
        "LOG_LEVEL",
        "WEB_WORKERS",
    ]:
        _, found, rest = source.partition(f"    # {name}")
        assert found, name
        comment = rest.split("\n\n")[0]
        assert "Default:" in comment and "Example" in comment, name
