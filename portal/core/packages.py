"""What was installed beside the portal: the package of a section, its tables, and what is refused of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import sqlalchemy as sa

from portal.core.errors import CannotStart
from portal.core.tables import Base, ShopOwned


class BadSection(CannotStart):
    """A section that cannot be loaded."""


@dataclass(frozen=True)
class Package:
    """An installed package with sections: how pip knows it, and its outermost module."""

    name: str
    module: str

    def tables(self) -> list[sa.Table]:
        """The tables of its models, parents first."""
        mine = {model.__table__ for model in self._models()}
        return [table for table in Base.metadata.sorted_tables if table in mine]

    def check_tables(self) -> None:
        """Refuses what the guard of the shops cannot see: ``BadSection``."""
        for model in self._models():
            if not issubclass(model, ShopOwned):
                raise BadSection(
                    f"{model.__name__}: a table is api.CustomerOwned or api.ShopOwned, or every shop would see its rows"
                )
            for constraint in model.__table__.foreign_key_constraints:
                if constraint.referred_table.name == "customers" and len(constraint.columns) == 1:
                    raise BadSection(
                        f"{model.__name__}: a key to customers.id alone may lead to another shop's: take "
                        "api.CustomerOwned, which keys both"
                    )
        mapped = {table for mapper in Base.registry.mappers for table in mapper.tables}
        for table in Base.metadata.sorted_tables:
            if table not in mapped:
                raise BadSection(
                    f"{table.name}: a table without a class is in no shop; map it to an api.ShopOwned"
                )

    def _models(self) -> list[Any]:
        return [
            each.class_ for each in Base.registry.mappers if outermost(each.class_.__module__) == self.module
        ]


#: Alembic's own table of the portal; a package with migrations has one of the same name with its section's key.
REVISIONS = "alembic_version"


def version_table(key: str | None) -> str:
    """Where the revision of a section's tables stands, or of the portal's own."""
    return REVISIONS if key is None else f"{REVISIONS}_{key}"


def present_revisions(connection: sa.Connection) -> dict[str, list[str]]:
    """The revisions of packages' tables by the keys of their sections, as the database has them."""
    names = [each for each in sa.inspect(connection).get_table_names() if each.startswith(f"{REVISIONS}_")]
    return {
        name.removeprefix(f"{REVISIONS}_"): sorted(
            connection.scalars(sa.select(sa.column("version_num")).select_from(sa.table(name)))
        )
        for name in sorted(names)
    }


def missing_tables(connection: sa.Connection, kept: Mapping[str, Package]) -> dict[str, list[str]]:
    """The tables of packages that are not in the database, by the package's name; ``kept`` are those of sections."""
    wanted = {package.name: [table.name for table in package.tables()] for package in kept.values()}
    if not any(wanted.values()):
        return {}
    there = set(sa.inspect(connection).get_table_names())
    gone = {name: [table for table in tables if table not in there] for name, tables in wanted.items()}
    return {name: tables for name, tables in gone.items() if tables}


def package_of(point: EntryPoint) -> Package:
    """The package of an entry point; by its module where it was not installed by pip."""
    module = outermost(point.value.partition(":")[0])
    dist = getattr(point, "dist", None)
    return Package(dist.name if dist is not None else module, module)


def outermost(module: str) -> str:
    """The outermost package of a module's name."""
    return module.partition(".")[0]
