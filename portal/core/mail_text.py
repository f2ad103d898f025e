"""What somebody wrote in a mail: its text without what it quotes, without signature, and HTML as text."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

#: More of a page is not read: nobody writes so much by hand.
LONGEST_HTML = 1_000_000

_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "object", "iframe"})
_QUOTES = frozenset({"blockquote"})
_BLOCK_NAMES = (
    "p div br li ul ol tr table h1 h2 h3 h4 h5 h6 hr section article header footer pre address dt dd"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_EMPTY = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "wbr", "area", "base", "col", "embed", "source"}
)

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


class _Reader(HTMLParser):
    """Collects what a reader would see, a line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unseen: list[str] = []
        self.quoted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self.unseen.append(tag)
        elif tag in _QUOTES:
            self.quoted += 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self.unseen and self.unseen[-1] == tag:
            self.unseen.pop()
        elif tag in _QUOTES and self.quoted:
            self.quoted -= 1
        if tag in _BLOCKS and tag not in _EMPTY:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self.unseen:
            return
        text = re.sub(r"\s+", " ", data)
        if self.quoted:
            text = f"\n> {text}\n" if text.strip() else ""
        self.parts.append(text)


def from_html(page: str) -> str:
    """The text of a page as somebody reads it; what stands in ``blockquote`` comes as quoted lines."""
    reader = _Reader()
    reader.feed(page[:LONGEST_HTML])
    # A page that ends in an open script or style would hide nothing but itself.
    reader.close()
    lines = ("".join(reader.parts)).replace("\xa0", " ").split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(" ".join(line.split()) for line in lines)).strip()
