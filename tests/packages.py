"""For the tests of a package: the portal with the packages that are installed, their tables, and a cast on stage.

In Loket's folder, with the package installed (``.venv/bin/pip install -e ../my-package``):

    .venv/bin/python -m pytest -p tests.packages ../my-package/tests

Its fixtures are those of ``tests/conftest.py``: ``app``, ``ids``, ``on_stage``, ``client`` and ``login``. Each test has
a fresh copy of the database. A folder of tests with an ``__init__.py`` would be taken for this one: leave that out.
"""

from __future__ import annotations

from tests import conftest
from tests.conftest import _stage, app, begins_with, client, ids, login, on_stage

conftest.WITH_PACKAGES = True

pytest_plugins = ["tests.services"]

__all__ = ["_stage", "app", "begins_with", "client", "ids", "login", "on_stage"]
