"""What the mutation run asks of pytest, as a plugin: hypothesis without chance, and nothing kept from before a change.

Each change is tried in a fork of a process that has run the tests already.
"""

from __future__ import annotations

import sys
from functools import cache

from hypothesis import Phase, settings

_CACHED = type(cache(lambda: None))

settings.register_profile(
    "mutation",
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("mutation")


def pytest_collection_finish() -> None:
    """Forgets what functions of the portal keep of earlier calls: a changed one would not be asked again."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != "portal":
            continue
        for value in list(vars(module).values()):
            if type(value) is _CACHED:
                value.cache_clear()
