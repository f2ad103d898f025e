"""What somebody wrote in a mail: its text without what it quotes, without signature, and HTML as text."""

from __future__ import annotations

import html
import re
import unicodedata

#: More of a page is not read: nobody writes so much by hand.
LONGEST_HTML = 500_000

_UNSEEN = frozenset({"script", "style", "title", "template", "noscript", "svg", "math", "object", "iframe"})
_QUOTES = frozenset({"blockquote"})
_BLOCK_NAMES = (
    "p div br li ul ol tr table h1 h2 h3 h4 h5 h6 hr section article header footer pre address dt dd"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_MARK = re.compile(r"<(?P<ends>/?)(?P<name>[a-zA-Z!?][a-zA-Z0-9]{0,30})[^<>]*>")
_NO_CHARACTER = re.compile(r"&#[xX]?[0-9a-fA-F]{8,};?")

#: "On Monday … wrote:" and "Op maandag … schreef Emma:", as mail programs write above what they quote.
_INTRODUCTION = re.compile(
    r"(on\b.{1,300}\bwrote|op\b.{1,300}\b(schreef|heeft)\b.{0,300}"
    r"|.{1,200}\b(wrote|schreef)( op\b.{1,200})?)\s*:",
    re.IGNORECASE,
)
_BEGINS = re.compile(r"(on|op)\b", re.IGNORECASE)
_SEPARATOR = re.compile(
    r"[-_]{2,}\s*(original message|oorspronkelijk bericht|forwarded message|doorgestuurd bericht)\s*[-_]{2,}",
    re.IGNORECASE,
)
_FROM = re.compile(r"\**(from|van)\s*:\**\s*\S", re.IGNORECASE)
_MORE = re.compile(r"\**(sent|verzonden|date|datum|to|aan|subject|onderwerp|cc)\s*:\**(\s|$)", re.IGNORECASE)
_RULE = re.compile(r"_{10,}")
_MARKS = re.compile(r"([\\`*_\[\]<>#~])")


def plain(text: str) -> str:
    """A text that a page and a database take: no control characters but line ends and tabs, no half characters."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n").replace("\x0c", "\n")
    kept = "".join(
        char
        for char in unix
        if char in "\n\t" or not (ord(char) < 32 or 127 <= ord(char) < 160 or char == "\ufeff")
    )
    return kept.encode("utf-8", "ignore").decode()


def written(text: str) -> str:
    """What its sender wrote, without the mail below it and the signature; all of it where nothing else is left.

    An answer between quoted lines, or below them, is kept.
    """
    lines = [line.rstrip() for line in plain(text).split("\n")]
    return _joined(_cut(lines)) or _joined(_unquoted(lines)) or _joined(lines)


def _cut(lines: list[str]) -> list[str]:
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if lines[at] == "--" or _SEPARATOR.fullmatch(line) or _is_head(lines, at):
            break
        length = _introduction(lines, at)
        if length:
            below = next((each for each in lines[at + length :] if each.strip()), "")
            if not below.lstrip().startswith(">"):
                break
            at += length
            continue
        if not line.startswith(">"):
            kept.append(lines[at])
        at += 1
    return kept


def _unquoted(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.lstrip().startswith(">")]


def _introduction(lines: list[str], at: int) -> int:
    """How many lines from here on introduce a quotation; mail programs break a long one. 0 for none."""
    first = lines[at].strip()
    if not first or len(first) > 400:
        return 0
    if _BEGINS.match(first):
        for count in (1, 2, 3):
            if _INTRODUCTION.fullmatch(" ".join(line.strip()[:400] for line in lines[at : at + count])):
                return count
        return 0
    # Without "On" at its beginning it may be anybody's sentence: only what stands right above quoted lines.
    following = next((line for line in lines[at + 1 : at + 3] if line.strip()), "")
    return int(following.lstrip().startswith(">") and _INTRODUCTION.fullmatch(first) is not None)


def _is_head(lines: list[str], at: int) -> bool:
    """Whether the head of another mail begins here, as Outlook puts it: From and two more, or a rule before."""
    line = lines[at].strip()
    if _RULE.fullmatch(line):
        following = next((i for i in range(at + 1, min(at + 4, len(lines))) if lines[i].strip()), None)
        return following is not None and _is_head(lines, following)
    if not _FROM.match(line):
        return False
    below = [each.strip() for each in lines[at + 1 : at + 7] if each.strip()]
    return sum(_MORE.match(each) is not None for each in below[:5]) >= 2


def _joined(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def escaped(text: str) -> str:
    """A text of a mail as Markdown that shows it as it was written: no link that says something else, no heading."""
    lines = []
    for line in text.split("\n"):
        bare = line.lstrip(" \t")
        indent = min(len(line) - len(bare), 3)  # with four it would be taken for code
        lines.append(" " * indent + _MARKS.sub(r"\\\1", bare))
    return "\n".join(lines)


def one_line(text: str, longest: int) -> str:
    """A header as one line, without what is not seen or turns the line around."""
    kept = "".join(" " if char.isspace() else char for char in plain(text))
    kept = "".join(char for char in kept if unicodedata.category(char) not in ("Cf", "Cc", "Cs", "Co"))
    return " ".join(kept.split())[:longest].strip()


def from_html(page: str) -> str:
    """The text of a page as somebody reads it; what stands in ``blockquote`` comes as quoted lines.

    Read from front to back, each character once or twice: a parser that builds the page takes hours for one that was
    written to cost time. What comes out is text, so that a mark taken for text does no harm.
    """
    page = page[:LONGEST_HTML]
    small = page.lower()
    parts: list[str] = []
    at = quoted = 0
    while at < len(page):
        mark = page.find("<", at)
        parts.append(_seen(page[at : mark if mark >= 0 else len(page)], quoted > 0))
        if mark < 0:
            break
        found = _MARK.match(page, mark)
        if page.startswith("<!--", mark):
            at = min(_at(small, "-->", mark) + 3, len(page))
        elif found is None:
            parts.append("<")
            at = mark + 1
        else:
            at, name = found.end(), found["name"].lower()
            if name in _UNSEEN and not found["ends"]:
                at = _at(small, f"</{name}", at)
            elif name in _QUOTES:
                quoted = max(0, quoted + (-1 if found["ends"] else 1))
            if name in _BLOCKS or name in _QUOTES:
                parts.append("\n")
    lines = "".join(parts).replace("\xa0", " ").split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(" ".join(line.split()) for line in lines)).strip()


def _at(page: str, end: str, start: int) -> int:
    found = page.find(end, start)
    return len(page) if found < 0 else found


def _seen(text: str, quoted: bool) -> str:
    # A number of a thousand digits is no character, and Python refuses to read it.
    shown = re.sub(r"\s+", " ", html.unescape(_NO_CHARACTER.sub("", text)))
    if quoted:
        return f"\n> {shown}\n" if shown.strip() else ""
    return shown
