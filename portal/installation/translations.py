"""The translated catalogues: compiled when they changed, checked for gaps, brought up to date with the texts.

python portal/installation/translations.py check|update|compile [folder of a package's module]
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PORTAL = Path(__file__).resolve().parents[1]
CATALOGUES = PORTAL / "translations"
TEMPLATES = ("templates/**.html", "templates/**.txt")
METHODS = [("**.py", "python"), *((pattern, "jinja2.ext:babel_extract") for pattern in TEMPLATES)]
OPTIONS = {pattern: {"encoding": "utf-8", "silent": "false", "trimmed": "true"} for pattern in TEMPLATES}
KEYWORDS = DEFAULT_KEYWORDS | {"_l": None, "lazy_gettext": None, "_n": (1, 2), "lazy_ngettext": (1, 2)}
KEYWORDS |= {"lazy_pgettext": ((1, "c"), 2)}
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+ #0]*[\d.]*[diouxXeEfFgGcrs]")


def main(arguments: list[str]) -> int:
    """The commands of make, and the same for a package; 1 when the check finds something."""
    command = arguments[0] if arguments else "check"
    portal = Path(arguments[1]) if arguments[1:] else PORTAL
    folder = portal / "translations"
    if command == "compile":
        compile_changed(folder)
    elif command == "update":
        update(folder, portal)
    elif complaints := check(folder, portal):
        print("\n".join(complaints), file=sys.stderr)
        print(f"{len(complaints)} texts to look at; `make translations` adds the new ones.", file=sys.stderr)
        return 1
    return 0


def compile_changed(folder: Path = CATALOGUES) -> list[Path]:
    """Write the .mo beside each .po that is newer, and return those written; several may do it at once."""
    written = []
    for source in folder.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        part = target.with_name(f".{target.name}.{os.getpid()}")
        with part.open("wb") as file:
            write_mo(file, _read(source))
        part.replace(target)
        written.append(target)
    return written


def check(folder: Path = CATALOGUES, portal: Path = PORTAL) -> list[str]:
    """What is wrong, a line each: untranslated texts, doubtful ones, other placeholders, left-overs."""
    used = extract(portal)
    complaints = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        catalogue = _read(source)
        name = source.relative_to(folder).parts[0]
        for message in used:
            if message.id:
                complaints += [f"{name}: {_where(message)}: {why}" for why in _faults(message, catalogue)]
        for message in catalogue:
            if message.id and used.get(message.id, message.context) is None:
                complaints.append(f"{name}: {_text(message)!r} is in the catalogue but nowhere in use")
    return complaints


def update(folder: Path = CATALOGUES, portal: Path = PORTAL) -> None:
    """Add new texts to each catalogue, untranslated, and take out those nobody uses any more."""
    used = extract(portal)
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        catalogue = _read(source)
        made = catalogue.creation_date
        catalogue.update(used, no_fuzzy_matching=True)
        # In the order of the texts, and without the moment: two branches that add texts do not touch each other's.
        catalogue.creation_date = made
        catalogue.obsolete.clear()
        with source.open("wb") as file:
            write_po(file, catalogue, width=120, sort_output=True, include_lineno=False, ignore_obsolete=True)


def extract(portal: Path = PORTAL) -> Catalog:
    """Every text of the portal that is marked for translation."""
    catalogue = Catalog()
    found = extract_from_dir(portal, METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",))
    for file, line, message, comments, context in found:
        catalogue.add(message, None, [(file, line)], auto_comments=comments, context=context)
    return catalogue


def _faults(message: Message, catalogue: Catalog) -> Iterator[str]:
    known = catalogue.get(message.id, message.context)
    text = _text(message)
    if known is None:
        yield f"{text!r} is missing"
        return
    translations = known.string if isinstance(known.string, (tuple, list)) else (known.string,)
    if not all(translations):
        yield f"{text!r} is not translated"
    elif known.fuzzy:
        yield f"{text!r} is marked as doubtful (fuzzy)"
    else:
        allowed = {frozenset(_PLACEHOLDER.findall(form)) for form in _forms(message)}
        for translation in translations:
            if frozenset(_PLACEHOLDER.findall(translation or "")) not in allowed:
                yield f"{text!r} has other placeholders than {translation!r}"


def _forms(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if isinstance(message.id, (tuple, list)) else (message.id,)


def _text(message: Message) -> str:
    return _forms(message)[0]


def _where(message: Message) -> str:
    file, line = message.locations[0]
    return f"portal/{file}:{line}"


def _read(source: Path) -> Catalog:
    with source.open("rb") as file:
        return read_po(file, locale=source.relative_to(source.parents[2]).parts[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
