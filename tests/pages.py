"""What a person reads on a page: for tests that ask what is shown and not how."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from werkzeug.test import TestResponse

from tests.page_client import find_all, parse


def text(response: TestResponse) -> str:
    """The words of the page's main part in reading order, with blanks of every kind folded."""
    return words(find_all(parse(response.get_data(as_text=True)), "main")[0])


def words(element: Element) -> str:
    """The words in an element, those of neighbouring elements apart."""
    return " ".join(" ".join(element.itertext()).split())


def row_headers(response: TestResponse) -> list[str]:
    """What heads each row of the page's table, in order."""
    page = parse(response.get_data(as_text=True))
    return [words(cell) for cell in find_all(page, "th") if cell.attrib.get("scope") == "row"]


def links(response: TestResponse) -> dict[str, str]:
    """The addresses of the links in the main part, with their words."""
    main = find_all(parse(response.get_data(as_text=True)), "main")[0]
    return {a.attrib["href"]: words(a) for a in find_all(main, "a")}


def neighbour(response: TestResponse, rel: str) -> str:
    """The address of the ``next`` or ``prev`` page of a list; empty when there is none."""
    page = parse(response.get_data(as_text=True))
    return next((a.attrib["href"] for a in find_all(page, "a") if a.attrib.get("rel") == rel), "")
