"""Plain values that keep in a JSON column and come back as they went in."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

_DATE, _MOMENT, _DECIMAL = "$date", "$moment", "$decimal"


def freeze(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` as JSON; raises TypeError for objects, lists, lazy texts and floats."""
    return {name: freeze_one(value, name) for name, value in values.items()}


def freeze_one(value: Any, name: str = "value") -> Any:
    """One plain value as JSON; raises TypeError."""
    if isinstance(value, Enum):
        return freeze_one(value.value, name)
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"{name} is a moment without a time zone")
        return {_MOMENT: value.isoformat()}
    if isinstance(value, date):
        return {_DATE: value.isoformat()}
    if isinstance(value, Decimal):
        return {_DECIMAL: str(value)}
    raise TypeError(f"{name} is a {type(value).__name__}; only texts, whole numbers, dates and decimals keep")


def thaw(values: dict[str, Any]) -> dict[str, Any]:
    """What ``freeze`` was given."""
    return {name: thaw_one(value) for name, value in values.items()}


def thaw_one(value: Any) -> Any:
    """What ``freeze_one`` was given."""
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    if kind == _DATE:
        return date.fromisoformat(text)
    return datetime.fromisoformat(text) if kind == _MOMENT else Decimal(text)
