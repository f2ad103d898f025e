"""``docs/sections.md`` tells of every name that packages may use and each word that views may ask for, no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal import api
from portal.core.sections import Section
from portal.domain.people.models import Role, StaffRole

DOC = (Path(__file__).parents[2] / "docs" / "sections.md").read_text()


def test_every_name_of_the_api_has_a_line() -> None:
    told = re.findall(r"^\| `(\w+)` \| (.+) \|$", DOC.partition("## `portal.api`")[2], re.MULTILINE)
    assert [name for name, _ in told] == api.__all__
    assert all(hasattr(api, name) for name, _ in told)


@pytest.mark.parametrize(
    ("kind", "name", "roles"),
    [(api.Permission, "api.Permission", Role), (api.StaffPermission, "api.StaffPermission", StaffRole)],
)
def test_every_permission_is_listed_with_the_roles_there_are(kind: type, name: str, roles: type) -> None:
    (found,) = re.findall(rf"\(`{re.escape(name)}`; roles (.+)\):\n((?:`.+\n)+)", DOC)
    said, words = (re.findall(r"`([a-z_.]+)`", part) for part in found)
    assert words == [word.value for word in kind]  # type: ignore[attr-defined]
    assert said == [role.value for role in roles]  # type: ignore[attr-defined]


def test_every_part_of_a_section_is_named() -> None:
    (named,) = re.findall(r"\*\*`Section\(([a-z_, ]+)\)`\*\*", DOC)
    assert set(named.split(", ")) == set(Section.__dataclass_fields__) - {"test_mode_only"}
