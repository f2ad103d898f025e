"""What a start prints of a shop's address: never this server's alone, and a warning where the two do not meet."""

from __future__ import annotations

import pytest

from config import Config
from portal.domain.shops.actions import Domain
from portal.installation.addresses import setup_lines, shop_lines

OWN = Domain("klant.example.nl", None, "https")
HERE = Domain("127.0.0.1", 8000, "http")


@pytest.mark.parametrize(
    ("place", "port", "proxies", "said", "warns"),
    [
        (OWN, 8000, 1, "Your proxy hands that to http://127.0.0.1:8000/", False),
        (OWN, 8000, 0, "TRUSTED_PROXIES=1", True),
        (HERE, 8000, 0, "shop edit --url https://", False),
        (HERE, 8000, 1, "shop edit --url https://", False),
        (HERE, 9000, 0, "shop edit --url http://127.0.0.1:9000", True),
        (Domain("::1", 8000, "http"), 9000, 0, "shop edit --url http://[::1]:9000", True),
        (Domain("localhost", None, "http"), 80, 0, "shop edit --url https://", False),
    ],
)
def test_a_shop_at_its_own_address(place: Domain, port: int, proxies: int, said: str, warns: bool) -> None:
    lines = shop_lines(Config(port=port, trusted_proxies=proxies), "De Koffiezaak", place)
    assert lines[0].startswith(f"De Koffiezaak is at {place.scheme}://")
    assert said in "\n".join(lines)
    assert any(line.startswith("Warning: ") for line in lines) == warns


@pytest.mark.parametrize(("proxies", "said"), [(0, "docs/server.md"), (1, "https://YOUR.DOMAIN/setup/TOKEN")])
def test_the_link_says_that_it_decides_on_the_address(proxies: int, said: str) -> None:
    first, hint = setup_lines(Config(trusted_proxies=proxies), "TOKEN")
    assert first.endswith(" http://127.0.0.1:8000/setup/TOKEN")
    assert "becomes the shop's address" in hint and said in hint
