"""The way in: `app` for a WSGI server and `flask`; `python app.py [--demo]` for the whole installation."""

from __future__ import annotations

import argparse
import gc
import os
import sys

from config import Config, ConfigError

# Whatever this program makes (the database of another folder, documents, copies) is for its own user to read.
os.umask(0o077)


def main(arguments: list[str]) -> int:
    """Start the demo or the real installation with everything it needs; ends with Ctrl-C."""
    parser = argparse.ArgumentParser(prog="app.py", description="Start Loket with all its parts.")
    parser.add_argument("--demo", action="store_true", help="the demo shop, on this machine only")
    mode = "demo" if parser.parse_args(arguments).demo else "serve"
    try:
        config = Config.from_env({**os.environ, "LOKET_MODE": mode})
    except ConfigError as wrong:
        print(f"Loket: {wrong}", file=sys.stderr)
        return 2

    gc.disable()  # a sixth of the start would be looking for garbage among what is kept; `start` switches it on again
    from portal.installation import start
    from portal.installation.hooks import portal_hooks

    return start.run(config, portal_hooks())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
else:
    from portal import create_app
    from portal.core.errors import CannotStart
    from portal.installation import keys, start, translations

    try:
        translations.compile_changed()
        app = create_app(start.attached(keys.ensure(Config.from_env(os.environ))))
    except (ConfigError, CannotStart) as wrong:
        raise SystemExit(f"Loket: {wrong}") from None
