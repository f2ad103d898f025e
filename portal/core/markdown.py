"""Markdown of people turned into HTML that can do nothing but look like text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

TAGS = {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre", "hr"}
SCHEMES = {"http", "https", "mailto", "tel"}


class _Renderer(RendererHTML):
    """Writes headings as bold paragraphs: a message may not add to the outline of the page it is shown on."""

    def heading_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "<p><strong>"

    def heading_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</strong></p>\n"


# Raw HTML is shown as typed, line breaks count as typed, and pictures become links: no page of ours makes a
# reader's browser ask another host for anything.
_markdown = (
    MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    .enable("strikethrough")
    .disable("image")
)


# A conversation is looked at more than once and does not change: a text written to cost time costs it once.
@lru_cache(maxsize=200)
def to_html(text: str) -> Markup:
    """``text`` as safe markup, by two nets: the parser knows no HTML, and what it writes is cleaned."""
    cleaned = nh3.clean(
        _markdown.render(text),
        tags=TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        link_rel="nofollow noopener noreferrer",
    )
    return Markup(cleaned)  # noqa: S704  (cleaned the line before)


def to_text(text: str) -> str:
    """``text`` as one line without marks, for where only the beginning of it is shown. No markup: escape it."""
    return to_html(text).striptags()
