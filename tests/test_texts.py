"""Both languages whole: a complete catalogue in one voice, and no page in which the other language shines through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from babel.messages.catalog import Message
from werkzeug.test import TestResponse

from portal.core import clock
from portal.installation import translations
from tests.page_client import PageClient, find_all, parse
from tests.payments_world import World, world
from tests.walk.cases import CUSTOMER, PUBLIC, SETUP_FORM
from tests.walk.stage import Things, put_things, remove_every_shop

__all__ = ["world"]

GOLDEN = Path(__file__).parent / "golden"
Login = Callable[..., PageClient]
LANGUAGES = ("en", "nl")
#: Languages are called by their own names on every page.
NAMES = {"English", "Nederlands"}
READ_ALOUD = ("alt", "aria-label", "placeholder", "title")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%")
_ENDPOINTS_WITH_OTHERS_WORDS = {
    *("shop.check", "shop.brand_sheet", "shop.logo", "shop.favicon", "static", "invoices.download"),
    "support.download",
    # One leads on, the other has words only while a payment is under way.
    *("invoices.unsent", "invoices.paying", "support.unsent"),
    # The one leads on too, the other is a PDF.
    *("payment_methods.back", "payment_methods.mandate"),
}
PAGES = [key for key in sorted(CUSTOMER) if key[1] == "GET" and key[0] not in _ENDPOINTS_WITH_OTHERS_WORDS]
OPEN_PAGES = [
    key
    for key in sorted(PUBLIC)
    if key[1] == "GET" and key[0] not in _ENDPOINTS_WITH_OTHERS_WORDS and "_" not in key[0]
]


def test_the_catalogue_is_complete() -> None:
    assert translations.check() == []


@cache
def catalogue() -> list[tuple[Message, tuple[str, ...], tuple[str, ...]]]:
    """Every text with its forms in English and in Dutch."""
    (source,) = translations.CATALOGUES.glob("nl/LC_MESSAGES/*.po")
    return [(m, _forms(m.id), _forms(m.string)) for m in translations._read(source) if m.id]


def _forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, (tuple, list)) else (str(text),)


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (r"\b(?:u|uw|uzelf)\b", "je, jij, jouw"),
        (r"[“”„]", "‘ ’"),
        (r"(?i)\bcreditfactu", "creditnota"),
        (r"(?i)\bemail", "e-mail"),
        (r"\bBTW\b", "btw"),
        (r"(?i)\b(?:support|ticket|login|order|account ?settings|subscription)s?\b", "the Dutch word"),
        (r"  |^ | $", "single blanks"),
        (r"[!]{2}|(?<!\.)\.\.(?!\.)|\.\.\.", "… and one mark"),
    ],
)
def test_dutch_has_one_voice(pattern: str, instead: str) -> None:
    found = [
        text
        for _, _, dutch in catalogue()
        for text in dutch
        if re.search(pattern, _PLACEHOLDER.sub("1", text))
    ]
    assert found == [], f"write {instead}"


def test_a_text_ends_as_its_translation_does() -> None:
    """A heading stays a heading and a sentence a sentence."""
    wrong = []
    for message, english, dutch in catalogue():
        for text in filter(None, dutch):
            if english[0][-1] in ".:…" and text[-1] not in ".:…!?":
                wrong.append((message.id, text))
            if english[0][-1].isalnum() and text[-1] in ".:…":
                wrong.append((message.id, text))
            if english[0][:1].isupper() and text[:1].islower():
                wrong.append((message.id, text))
    assert wrong == []


@cache
def foreign(language: str) -> tuple[frozenset[str], re.Pattern[str]]:
    """What must not be read on a page in `language`: whole texts, and pieces of three words or more."""
    whole, pieces, native = set(), set(), set()
    for _message, english, dutch in catalogue():
        theirs, own = (english, dutch) if language == "nl" else (dutch, english)
        native |= set(own)
        whole |= {text for text in theirs if not _PLACEHOLDER.search(text)}
        pieces |= {piece.strip() for text in theirs for piece in _PLACEHOLDER.split(text)}
    long = sorted(
        p for p in pieces if len(re.findall(r"[^\W\d_]{2,}", p)) >= 3 and not any(p in n for n in native)
    )
    return frozenset(whole - native - NAMES), re.compile("|".join(map(re.escape, long)))


def reads(page: Element) -> Iterator[str]:
    """Each text that a page shows or reads aloud, but for what says that it is in another language."""

    def walk(element: Element) -> Iterator[str]:
        if not isinstance(element.tag, str) or element.tag in ("script", "style"):
            return
        if "lang" not in element.attrib or element.tag == "html":
            yield element.text or ""
            yield from (element.attrib[name] for name in READ_ALOUD if name in element.attrib)
            for child in element:
                yield from walk(child)
                yield child.tail or ""

    for text in walk(page):
        if folded := " ".join(text.split()):
            yield folded


def check_language(response: TestResponse, language: str) -> str:
    """Fails when a page, or a piece of one, is not all in one language; returns its text."""
    page = parse(response.get_data(as_text=True))
    (root,) = find_all(page, "html")
    assert root.attrib.get("lang", language) == language
    whole, pieces = foreign(language)
    texts = list(reads(page))
    found = [text for text in texts if text in whole or pieces.search(text)]
    together = " ".join(texts)
    assert not found, f"{response.request.path} in {language}: {found}"
    assert not pieces.search(together), f"{response.request.path} in {language}: {pieces.findall(together)}"
    return together


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_kept_mails_and_documents_speak_one_language(language: str) -> None:
    whole, pieces = foreign(language)
    kept = sorted(GOLDEN.rglob(f"*.{language}.txt"))
    assert len(kept) >= 12
    for file in kept:
        text = file.read_text()
        lines = {line.strip().removeprefix("Subject: ") for line in text.splitlines()}
        # A product may well be called by a single word of either language.
        assert not {line for line in lines & whole if " " in line}, file.name
        assert not pieces.search(" ".join(text.split())), file.name


def spoken(client: PageClient, language: str) -> PageClient:
    """The client of somebody whose browser asks for a language."""
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    return client


@pytest.fixture
def things(world: World) -> Things:
    return put_things(world)


def visitor(world: World, language: str) -> PageClient:
    client = world.app.test_client()
    assert isinstance(client, PageClient)
    return spoken(client, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_customers_pages_speak_one_language(
    world: World, things: Things, login: Login, language: str
) -> None:
    client = spoken(login("emma", now=clock.now()), language)
    for key in PAGES:
        client.checks = CUSTOMER[key].is_page
        response = client.get(CUSTOMER[key].path(things))
        assert response.status_code == 200
        check_language(response, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_open_pages_speak_one_language(world: World, things: Things, language: str) -> None:
    for key in OPEN_PAGES:
        client = visitor(world, language)
        check_language(client.get(PUBLIC[key].path(things), follow_redirects=True), language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_account_speaks_one_language(world: World, login: Login, language: str) -> None:
    client = spoken(login("dora", now=clock.now()), language)
    for section in ("", "/invoices", "/orders", "/subscriptions", "/support"):
        check_language(client.get(f"/customer{section}"), language)
        if section:
            check_language(client.get(f"/customer{section}?status=nothing&q=nothing"), language)


def test_the_search_for_the_other_language_finds_it(world: World, things: Things, login: Login) -> None:
    """Or the tests above would show nothing."""
    for asked, wanted in (("en", "nl"), ("nl", "en")):
        response = spoken(login("emma", now=clock.now()), asked).get("/customer/invoices")
        response.data = response.data.replace(f'lang="{asked}"'.encode(), f'lang="{wanted}"'.encode(), 1)
        with pytest.raises(AssertionError, match=f"in {wanted}: "):
            check_language(response, wanted)


#: What somebody sends, and what the page says about it in each language.
WRONG: dict[str, tuple[Callable[[Things], str], dict[str, str], str, str]] = {
    "log-in": (lambda t: "/login", {}, "Fill in your e-mail address.", "Vul je e-mailadres in."),
    "password": (
        lambda t: "/login",
        {"email": "emma@example.com"},
        "Fill in a password.",
        "Vul een wachtwoord in.",
    ),
    "refused": (
        lambda t: "/login",
        {"email": "emma@example.com", "password": "something else"},
        "do not belong together",
        "horen niet bij elkaar",
    ),
    "address": (
        lambda t: "/register",
        {"given_name": "A", "family_name": "B", "email": "not an address"},
        "This is not a complete e-mail address.",
        "Dit is geen volledig e-mailadres.",
    ),
    "too long": (
        lambda t: "/register",
        {"given_name": "A" * 101, "family_name": "B", "email": "a@example.com"},
        "This is too long.",
        "Dit is te lang.",
    ),
    "short password": (
        lambda t: f"/confirm/{t.confirm}",
        {"password": "short"},
        "Use at least",
        "Gebruik minstens",
    ),
    "weak password": (
        lambda t: f"/reset-password/{t.reset}",
        {"password": "passwordpassword"},
        "easy to guess",
        "makkelijk te raden",
    ),
    "role": (lambda t: f"/claim/{t.claim}", {"role": "king"}, "", ""),
    "forgot": (lambda t: "/forgot-password", {"email": "a@b"}, "complete e-mail", "volledig e-mail"),
    "link": (lambda t: f"/pay/{t.link}", {}, "Choose how you want to pay.", "Kies hoe je wilt betalen."),
    "link method": (lambda t: f"/pay/{t.link}", {"method": "gold"}, "", ""),
    "mandate": (
        lambda t: f"/sandbox/{t.bank_mandate}",
        {"holder": "E. de Vries", "iban": "NL00ABNA0000000000", "consent": "y"},
        "This is not a valid IBAN.",
        "Dit is geen geldig IBAN.",
    ),
    "empty mandate": (
        lambda t: f"/sandbox/{t.bank_mandate}",
        {},
        "Fill in the IBAN.",
        "Vul het IBAN in.",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_speaks_the_pages_language(world: World, things: Things, language: str) -> None:
    for path, data, english, dutch in WRONG.values():
        response = visitor(world, language).send(path(things), data)
        assert response.status_code in (400, 422), response.status
        assert (dutch if language == "nl" else english) in check_language(response, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_of_the_pay_form_speaks_the_pages_language(
    world: World, things: Things, login: Login, language: str
) -> None:
    world.change_shop(part_payments=True)
    client = spoken(login("emma", now=clock.now()), language)
    choose = "Kies hoe je wilt betalen." if language == "nl" else "Choose how you want to pay."
    for data, expected in (
        ({}, choose),
        ({"method": "x" * 61}, choose),
        ({"method": "ideal", "amount": "lots"}, ""),
        ({"method": "ideal", "amount": "999999"}, ""),
    ):
        response = client.send(f"/customer/invoices/{things.invoice}/pay", data)
        assert response.status_code == 422
        assert expected in check_language(response, language)


@pytest.mark.parametrize(("language", "title"), [("en", "Set up your shop"), ("nl", "Richt je winkel in")])
def test_set_up_speaks_the_browsers_language(world: World, things: Things, language: str, title: str) -> None:
    remove_every_shop(world)
    client = visitor(world, language)
    client.checks = False  # its form needs no token: there is no session yet
    assert title in check_language(client.get(f"/setup/{things.setup}"), language)
    response = client.post(f"/setup/{things.setup}", data=SETUP_FORM | {"password": "short", "email": "x"})
    assert response.status_code == 422
    check_language(response, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_page_speaks_the_readers_language(
    world: World, things: Things, login: Login, language: str
) -> None:
    client = spoken(login("bram", now=clock.now()), language)
    pay = f"/customer/invoices/{things.invoice}/pay"
    answers = {
        404: client.get("/customer/invoices/nothing"),
        403: client.send(pay, {"method": "ideal"}),
        405: client.open(pay, method="DELETE"),
        400: client.post("/preferences", data={"csrf_token": "wrong"}),
        413: visitor(world, language).send("/login", {"email": "x" * 100_000}),
    }
    world.app.config["AUTH_LIMIT_FORGOT"] = "1 per minute"
    answers[429] = [
        visitor(world, language).send("/forgot-password", {"email": f"{n}@example.com"}) for n in range(2)
    ][1]
    for code, answer in answers.items():
        assert answer.status_code == code
        assert TITLES[language][code] in check_language(answer, language)


TITLES = {
    "en": {
        400: "That did not work",
        403: "You may not see this",
        404: "Page not found",
        405: "That did not work",
        413: "Too large",
        429: "A little slower, please",
    },
    "nl": {
        400: "Dat is niet gelukt",
        403: "Dit mag je niet bekijken",
        404: "Pagina niet gevonden",
        405: "Dat is niet gelukt",
        413: "Te groot",
        429: "Even rustig aan",
    },
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_link_that_ran_out_speaks_the_readers_language(world: World, things: Things, language: str) -> None:
    with clock.frozen(clock.now() + timedelta(days=8)):
        for page in (f"confirm/{things.confirm}", f"reset-password/{things.reset}", f"claim/{things.claim}"):
            response = visitor(world, language).get(f"/{page}")
            assert response.status_code == 404
            check_language(response, language)
