"""Every form, query and address fuzzed with hypothesis, by each of the cast and a visitor, on both databases.

The fields are those that the forms on the pages show and those that the code is seen to read. Whatever is sent: no 500,
nothing in the log as an error, nothing written where it was refused, and nothing of the input as markup, header or
address of an answer.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.strategies import SearchStrategy

from soak.fuzzing.crawl import Crawl, crawl
from soak.fuzzing.judge import Fault, Judge, encode
from soak.fuzzing.targets import Target, as_json, listen, targets_of
from soak.fuzzing.values import NAMED, Call, json_value, text
from soak.fuzzing.world import PEOPLE, STAFF, VISITOR, Fuzzed, fuzzed
from soak.report import Part
from soak.services import postgres

SECONDS = 3600
#: Requests to each rule and method: with a fuzzed body, query, and names in the address.
BODIES, QUERIES, ADDRESSES = 60, 30, 15
_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


def run(seed: int) -> Part:
    """Both databases at the same time, each in a process of its own."""
    part = Part()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for made in pool.map(on_database, ("SQLite", "PostgreSQL"), (seed, seed)):
            part.rows += made.rows
    return part


def on_database(database: str, seed: int) -> Part:
    """A shop, and an installation that waits for its set-up."""
    part = Part()
    with (
        tempfile.TemporaryDirectory(prefix="loket-fuzz-") as folder,
        postgres() if database == "PostgreSQL" else nullcontext() as server,
    ):
        for empty in (False, True):
            where = f"{database}, {'before set-up' if empty else 'the shop'}"
            (Path(folder) / where).mkdir()
            with fuzzed(Path(folder) / where, server, empty=empty) as made:
                fuzz(part, made, where, seed, setup=empty)
    return part


def fuzz(part: Part, made: Fuzzed, where: str, seed: int, *, setup: bool) -> None:
    """Everything of one installation."""
    began = time.monotonic()
    listen(made.app)
    crawls = [crawl(made, first=[f"/setup/{made.things.setup}"] if setup else None)]
    targets, lost = targets_of(made, crawls, setup=setup)
    part.row(
        f"{where}: every form leads to a rule that is fuzzed", _found(crawls, targets), lost + _wrong(crawls)
    )
    judge = Judge(made, setup=setup)
    with judge.listening():
        short = [wrong for target in targets for wrong in _once(judge, target)]
        part.row(f"{where}: every form as it is meant", f"{judge.sent} requests", short)
        before, short = judge.sent, [wrong for target in targets for wrong in _sweep(judge, target)]
        fields = sum(len(target.fields) for target in targets)
        part.row(
            f"{where}: each attack in each field", f"{judge.sent - before} requests, {fields} fields", short
        )
        jobs: list[tuple[str, Target, Callable[[Target, list[str]], SearchStrategy[Call]], int]] = []
        for target in targets:
            if target.method == "POST":
                jobs.append(("bodies", target, _bodies, BODIES))
            jobs.append(("queries", target, _queries, QUERIES))
            if "<" in target.rule:
                jobs.append(("addresses", target, _addresses, ADDRESSES))
        for kind in ("bodies", "queries", "addresses"):
            before, short = judge.sent, list[str]()
            of_kind = [job for job in jobs if job[0] == kind]
            for _, target, strategy, examples in of_kind:
                short += _try(judge, target, strategy(target, list(made.clients)), examples, seed)
            counts = f"{judge.sent - before} requests to {len(of_kind)} rules and methods"
            part.row(f"{where}: fuzzed {kind}", counts, short)
    kinds = ", ".join(f"{status}: {count}" for status, count in sorted(judge.statuses.items()))
    print(f"  {where}: {kinds}; put back {made.restored} times; {time.monotonic() - began:.0f} s", flush=True)


def _found(crawls: list[Crawl], targets: list[Target]) -> str:
    forms = sum(len(each.forms) for each in crawls)
    pages = sum(len(each.pages) for each in crawls)
    fields = sum(len(target.fields) for target in targets)
    return f"{forms} forms on {pages} pages, {len(targets)} rules and methods with {fields} fields"


def _wrong(crawls: list[Crawl]) -> list[str]:
    return [wrong for each in crawls for wrong in each.wrong]


def _once(judge: Judge, target: Target) -> list[str]:
    """As it is meant, by everybody: so that the code reads every field it knows."""
    wrong = []
    fields = tuple((name, values[0]) for name, values in target.valid.items())
    for who in judge.made.clients:
        for path in target.paths:
            body = as_json(target.json) if target.json else b""
            call = Call(who, path, "", fields, "json" if body else "form", body)
            try:
                judge.send(call, target)
            except Fault as fault:
                wrong.append(f"{target.name}: {call!r}: {fault}")
    return wrong


def _sweep(judge: Judge, target: Target) -> list[str]:
    """Every attack that has a name, alone in each field of a rule; the first that breaks each field."""
    wrong = []
    likely = (STAFF, *PEOPLE) if target.is_office else PEOPLE
    who = next((each for each in likely if each in judge.made.clients), VISITOR)
    path, valid = target.paths[0], {name: values[0] for name, values in target.valid.items()}
    valid.pop("csrf_token", None)
    for name in target.fields:
        for value in NAMED:
            query = f"{encode(name)}={encode(value)}"
            fields = tuple({**valid, name: value}.items())
            call = Call(who, path, "", fields) if target.method == "POST" else Call(who, path, query)
            try:
                judge.send(call, target)
            except Fault as fault:
                wrong.append(f"{target.name}: {call!r}: {fault}")
                break
    return wrong


def _try(judge: Judge, target: Target, calls: SearchStrategy[Call], examples: int, seed: int) -> list[str]:
    """So many drawn requests to one rule; the smallest one that breaks it, if any does."""
    last: list[Any] = []

    @seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=_PHASES,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls)
    def send(call: Call) -> None:
        last[:] = [call]
        judge.send(call, target)

    try:
        with warnings.catch_warnings():
            # Of how long the description of its strategies is.
            warnings.simplefilter("ignore", HypothesisWarning)
            send()
    except Exception as fault:
        return [f"{target.name}: {last[0]!r}: {fault}"]
    return []


def _people(who: list[str]) -> SearchStrategy[str]:
    return st.sampled_from(who)


def _fields(target: Target) -> SearchStrategy[tuple[tuple[str, str], ...]]:
    """Each field as it is offered, fuzzed, left out or twice; and some that nobody knows."""
    parts = []
    for name in target.fields:
        offered = target.valid.get(name) or [""]
        value = st.one_of(st.sampled_from(offered), text)
        parts.append(st.lists(st.tuples(st.just(name), value), min_size=0, max_size=2))
        parts.append(st.just([(name, offered[0])]))
    known = [st.one_of(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
    unknown = st.lists(st.tuples(text, text), max_size=2)
    return st.tuples(*known, unknown).map(lambda found: tuple(pair for pairs in found for pair in pairs))


def _query(target: Target, tried: SearchStrategy[str] = text) -> SearchStrategy[str]:
    known = st.sampled_from(target.fields) if target.fields else text
    names = st.one_of(known, known, known, text)
    pair = st.tuples(names, tried).map(lambda each: f"{encode(each[0])}={encode(each[1])}")
    raw = st.text("abqs=&;%0123456789cf+[]", max_size=30)
    return st.one_of(st.lists(pair, min_size=1, max_size=4).map("&".join), raw)


def _bodies(target: Target, who: list[str]) -> SearchStrategy[Call]:
    token = st.one_of(st.just("own"), st.just("own"), st.just("own"), st.just("none"), text)
    path = st.sampled_from(target.paths)
    forms = st.builds(
        Call, _people(who), path, st.just(""), _fields(target),
        st.sampled_from(["form", "form", "multipart"]), st.just(b""), token,
    )  # fmt: skip
    fits = json_value if target.json is None else _spoilt(target.json)
    documents = st.builds(
        Call, _people(who), path, st.just(""), st.just(()), st.just("json"), fits.map(as_json)
    )
    raw = st.builds(
        Call, _people(who), path, st.just(""), st.just(()), st.just("raw"), st.binary(max_size=200)
    )
    return (
        st.one_of(documents, documents, documents, raw)
        if target.json
        else st.one_of(forms, forms, forms, forms, documents, raw)
    )


def _spoilt(valid: Any) -> SearchStrategy[Any]:
    """A document of which each part may be replaced or missing."""
    if not isinstance(valid, dict):
        return st.one_of(st.just(valid), json_value)
    required = {name: st.one_of(st.just(value), _spoilt(value)) for name, value in valid.items()}
    optional = dict.fromkeys(("unknown", "id", "$ne"), json_value)
    return st.one_of(
        st.fixed_dictionaries(required, optional=optional),
        st.fixed_dictionaries({}, optional={**required, **optional}),
    )


def _queries(target: Target, who: list[str]) -> SearchStrategy[Call]:
    fields = (
        tuple((name, values[0]) for name, values in target.valid.items()) if target.method == "POST" else ()
    )
    return st.builds(Call, _people(who), st.sampled_from(target.paths), _query(target), st.just(fields))


def _addresses(target: Target, who: list[str]) -> SearchStrategy[Call]:
    """The rule with anything in place of each name in it."""
    pieces = [piece.partition(">") for piece in target.rule.split("<")]

    def filled(values: list[str]) -> str:
        ends = [quote(value.encode("utf-8", "surrogatepass"), safe="") for value in values]
        return pieces[0][0] + "".join(value + piece[2] for value, piece in zip(ends, pieces[1:], strict=True))

    count = len(pieces) - 1
    paths = st.lists(text, min_size=count, max_size=count).map(filled)
    return st.builds(Call, _people(who), paths, st.one_of(st.just(""), _query(target)))
