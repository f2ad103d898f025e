"""Starting the whole installation: keys, port, Redis, database, then every part forked from one parent."""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
import sys
from dataclasses import replace
from functools import partial

from config import Config, ConfigError
from portal.core.backup import marker
from portal.core.errors import CannotStart
from portal.installation import keys, lock, mail_catcher, redis_server, translations, web
from portal.installation.access_log import configure_logging
from portal.installation.hooks import Hooks
from portal.installation.processes import Part
from portal.installation.redis_server import RedisServer
from portal.installation.supervisor import StartFailed, Stopped, Supervisor

log = logging.getLogger("loket")

# The order in which parts are stopped: nobody may come in, work is finished, then what the work needs.
WEB, WORK, MAIL, REDIS = 1, 2, 3, 4

WORKERS = {"worker mail billing": ("mail", "billing"), "worker documents": ("documents",)}


def run(config: Config, hooks: Hooks) -> int:
    """Start, watch and stop everything; the status is 0 after Ctrl-C, 2 for a wrong setting or package, 1 else."""
    configure_logging(config.log_level)
    try:
        with contextlib.ExitStack() as tidy_up:
            _run(config, hooks, tidy_up)
    except (ConfigError, CannotStart) as wrong:
        print(f"Loket: {wrong}", file=sys.stderr, flush=True)
        return 2
    except StartFailed as failed:
        print(f"Loket: {failed}", file=sys.stderr, flush=True)
        return 1
    except (Stopped, KeyboardInterrupt):
        pass
    print("Loket has stopped.", flush=True)
    return 0


def attached(config: Config) -> Config:
    """The settings for a command beside a running installation: its Redis and its mail catcher, unless given."""
    if not config.redis_url:
        config = replace(config, redis_url=redis_server.running_url(config.data_dir / "redis"))
    if config.demo and not config.smtp_url:
        config = replace(config, smtp_url=mail_catcher.running_url(config.data_dir))
    return config


def _run(config: Config, hooks: Hooks, tidy_up: contextlib.ExitStack) -> None:
    config = keys.ensure(config)
    lock.take(config.data_dir)
    if marker.is_there(config.data_dir):
        raise StartFailed(marker.SENTENCE)
    listener = web.listen(config.host, config.port)
    tidy_up.callback(listener.close)

    redis = None
    if not config.redis_url:
        redis = redis_server.embed(config.data_dir / "redis")
        if redis is None:
            raise StartFailed(
                "There is no Redis here: install redis-server or valkey-server, or set REDIS_URL."
            )
        tidy_up.callback(redis.forget)
        config = replace(config, redis_url=redis.url)

    mail_listener = None
    if config.demo and not config.smtp_url:
        mail_listener = mail_catcher.take_port()
        tidy_up.callback(mail_listener.close)
        port = mail_listener.getsockname()[1]
        config = replace(config, smtp_url=f"smtp://127.0.0.1:{port}", mail_folder=config.data_dir / "mail")
        tidy_up.callback(mail_catcher.note_port(config.data_dir, port).unlink, missing_ok=True)

    print("Loket is starting …", flush=True)
    translations.compile_changed()
    app = hooks.create_app(config)
    hooks.warm(app)
    gc.freeze()  # what was loaded so far stays in pages that all parts share; next to nothing of it is garbage
    gc.enable()

    sockets = [one for one in (listener, mail_listener) if one is not None]
    with Supervisor(sockets=sockets) as supervisor:
        if redis is not None:
            _start_redis(supervisor, redis)
        lines = supervisor.run_once("preparation", partial(hooks.prepare, app, config))
        supervisor.start(_web(app, config, listener))  # first: somebody waits for it, and work can wait
        if mail_listener is not None and config.mail_folder is not None:
            catch = partial(mail_catcher.serve, mail_listener, config.mail_folder)
            supervisor.start(Part("mail catcher", catch, stops=MAIL, grace=3, keeps=(mail_listener,)))
        for name, lanes in WORKERS.items():
            supervisor.start(Part(name, partial(hooks.work, app, lanes), stops=WORK))
        supervisor.start(Part("scheduler", partial(hooks.schedule, app), stops=WORK))
        supervisor.before_stop.append(listener.close)
        _announce(supervisor, config, lines)
        supervisor.watch()
        print("Stopping …", flush=True)


def _web(app: web.WsgiApp, config: Config, listener: socket.socket) -> Part:
    return Part("web", partial(web.serve, app, config, listener), stops=WEB, keeps=(listener,))


def _start_redis(supervisor: Supervisor, server: RedisServer) -> None:
    """Start Redis and wait until it answers; data it cannot read is set aside once."""
    part = Part("redis", server.run, stops=REDIS, grace=10)
    for attempt in (1, 2):
        supervisor.start(part)
        supervisor.wait_until(lambda: server.answers() or not supervisor.alive(part.name), seconds=30)
        if server.answers():
            return
        supervisor.forget(part.name)
        if attempt == 1:
            aside = server.set_data_aside()
            log.warning(
                "Redis could not start on its data, which is kept in %s; starting with none", aside.name
            )
    raise StartFailed(
        f"{server.program} does not start; its last words are in {server.data_dir / 'redis.log'}."
    )


def _announce(supervisor: Supervisor, config: Config, lines: list[str]) -> None:
    """Say where to go once the web server answers."""
    answers: list[int] = []

    def asked() -> bool:
        answer = web.health(config)
        if answer is not None:
            answers.append(answer)
        return bool(answers)

    if not supervisor.wait_until(asked, seconds=60, every=0.2):
        raise StartFailed("The web server does not answer; the lines above say why.")
    if answers[0] != 200:
        log.warning("/health answers %d", answers[0])
    print(
        "\n".join(["", f"Loket is at {web.address(config)}", *lines, "Stop it with Ctrl-C.", ""]), flush=True
    )
