"""Every rule and method of the portal, with the fields its code reads and those its forms show."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Request, request
from werkzeug.datastructures import ImmutableMultiDict

from soak.fuzzing.crawl import Crawl, endpoint_of
from soak.fuzzing.world import Fuzzed
from tests.walk.cases import CUSTOMER, PUBLIC, SETUP, SETUP_FORM, STAFF, OpenCase, TokenCase

#: endpoint → the names that its code asked the query or the body for.
READ: dict[str, set[str]] = defaultdict(set)


class Listening(ImmutableMultiDict[str, str]):
    """A query or a body that notes which names the code asks it for."""

    def get(self, key: str, *args: Any, **options: Any) -> Any:
        _note(key)
        return super().get(key, *args, **options)

    def getlist(self, key: str, *args: Any, **options: Any) -> Any:
        _note(key)
        return super().getlist(key, *args, **options)

    def __getitem__(self, key: str) -> Any:
        _note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        _note(str(key))
        return super().__contains__(key)


def _note(name: str) -> None:
    if request and request.endpoint:
        READ[request.endpoint].add(name)


def listen(app: Flask) -> None:
    """From now on the application notes what its code reads of a query or body."""

    class ListeningRequest(app.request_class):  # type: ignore[name-defined, misc]
        parameter_storage_class = Listening

    assert issubclass(ListeningRequest, Request)
    app.request_class = ListeningRequest


@dataclass
class Target:
    """One rule and method: where it is, and what is sent there in vain or not."""

    endpoint: str
    method: str
    rule: str
    paths: list[str]
    valid: dict[str, list[str]] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_office(self) -> bool:
        """Whether it is the shop's side."""
        return self.rule == "/office" or self.rule.startswith("/office/")

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def fields(self) -> list[str]:
        """Every field that a form shows or the code reads, the token aside."""
        return sorted((set(self.valid) | READ[self.endpoint]) - {"csrf_token"})


def targets_of(
    made: Fuzzed, crawls: Iterable[Crawl], *, setup: bool = False
) -> tuple[list[Target], list[str]]:
    """A target for each rule and method; forms and links that lead to none of them are told."""
    found: dict[tuple[str, str], Target] = {}
    for rule in made.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            key = (rule.endpoint, method)
            if (key in SETUP) == setup:
                found[key] = _target(made, key, rule.rule)
    lost = []
    for crawled in crawls:
        for form in crawled.forms:
            known = endpoint_of(made.app, form.path, form.method)
            target = found.get((known[0], form.method)) if known else None
            if target is None:
                lost.append(f"the form on {form.page} leads to {form.method} {form.path}, which is no rule")
                continue
            _offer(target, form.path, form.fields)
        for address in crawled.addresses:
            known = endpoint_of(made.app, address)
            if known and (known[0], "GET") in found:
                _offer(found[known[0], "GET"], address.partition("?")[0], ())
    return list(found.values()), sorted(set(lost))


def _offer(target: Target, path: str, fields: tuple[tuple[str, str], ...]) -> None:
    if path not in target.paths and len(target.paths) < 12:
        target.paths.append(path)
    for name, value in fields:
        offered = target.valid.setdefault(name, [])
        if value not in offered and len(offered) < 12:
            offered.append(value)


def _target(made: Fuzzed, key: tuple[str, str], rule: str) -> Target:
    if key in SETUP:
        valid = {name: [value] for name, value in SETUP_FORM.items()}
        return Target(*key, rule, [f"/setup/{made.things.setup}"], valid if key[1] == "POST" else {})
    case = CUSTOMER.get(key) or STAFF.get(key) or PUBLIC[key]
    target = Target(*key, rule, [case.path(made.things)])
    target.valid = {name: [str(value)] for name, value in case.data.items()}
    if isinstance(case, TokenCase):
        target.json = case.json
        target.headers = case.headers(made.things) if case.headers else {}
    return target


def as_json(value: Any) -> bytes:
    """JSON as a careless program writes it: halves of characters and numbers that are none included."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


__all__ = ["READ", "OpenCase", "Target", "as_json", "listen", "targets_of"]
