"""What was installed beside the portal: the package of a section, its tables, and what is refused of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import sqlalchemy as sa

from portal.core.tables import Base, ShopOwned


class BadSection(RuntimeError):
    """A section that cannot be loaded; the message says in one line what is wrong."""


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


def package_of(point: EntryPoint) -> Package:
    """The package of an entry point; by its module where it was not installed by pip."""
    module = outermost(point.value.partition(":")[0])
    dist = getattr(point, "dist", None)
    return Package(dist.name if dist is not None else module, module)


def outermost(module: str) -> str:
    """The outermost package of a module's name."""
    return module.partition(".")[0]
