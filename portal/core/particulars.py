"""How the particulars of people and companies are written: countries, postal codes, phones, VAT and chamber numbers.

Each function answers the one way of writing that is stored, and raises ``DomainError`` on its own field for what cannot
be right. An empty text stays empty. Forms and check digits are looked at; whether a number exists is for registers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

import phonenumbers
from babel import Locale
from flask_babel import lazy_gettext as _l
from stdnum.be import vat as be_number
from stdnum.ch import vat as ch_vat
from stdnum.dk import cvr
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren, siret
from stdnum.gb import vat as gb_vat
from stdnum.no import mva

from portal.core import locale, vat_area
from portal.core.errors import DomainError

#: Territories of the Unicode tables that are no countries, or parts of one that post and tax do not know.
_NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
COUNTRIES = frozenset(
    code
    for code in map(str, Locale("en").territories)
    if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
)

#: What its column holds.
LONGEST_PHONE = 40

_FOUR, _FIVE, _SIX = r"(\d{4})", r"(\d{5})", r"(\d{6})"
_THREE_TWO = r"(\d{3}) ?(\d{2})"
#: Form, how it is written, and an example. Elsewhere any text will do.
_POSTAL_CODES = {
    "AT": (_FOUR, r"\1", "1010"),
    "BE": (r"([1-9]\d{3})", r"\1", "1000"),
    "BG": (_FOUR, r"\1", "1000"),
    "CH": (_FOUR, r"\1", "8001"),
    "CY": (_FOUR, r"\1", "1010"),
    "CZ": (_THREE_TWO, r"\1 \2", "110 00"),
    "DE": (_FIVE, r"\1", "10115"),
    "DK": (_FOUR, r"\1", "1050"),
    "EE": (_FIVE, r"\1", "10111"),
    "ES": (_FIVE, r"\1", "28001"),
    "FI": (_FIVE, r"\1", "00100"),
    "FR": (_FIVE, r"\1", "75001"),
    "GB": (r"([A-Z]{1,2}\d[A-Z\d]?) ?(\d[A-Z]{2})", r"\1 \2", "SW1A 1AA"),
    "GR": (_THREE_TWO, r"\1 \2", "104 31"),
    "HR": (_FIVE, r"\1", "10000"),
    "HU": (_FOUR, r"\1", "1011"),
    "IE": (r"([A-Z]\d[\dW]) ?([A-Z\d]{4})", r"\1 \2", "D02 AF30"),
    "IT": (_FIVE, r"\1", "00118"),
    "LT": (r"(?:LT-?)?(\d{5})", r"LT-\1", "LT-01100"),
    "LU": (_FOUR, r"\1", "1009"),
    "LV": (r"(?:LV-?)?(\d{4})", r"LV-\1", "LV-1010"),
    "MT": (r"([A-Z]{3}) ?(\d{4})", r"\1 \2", "VLT 1117"),
    "NL": (r"([1-9]\d{3}) ?([A-Z]{2})", r"\1 \2", "1234 AB"),
    "NO": (_FOUR, r"\1", "0150"),
    "PL": (r"(\d{2})-?(\d{3})", r"\1-\2", "00-001"),
    "PT": (r"(\d{4})-?(\d{3})", r"\1-\2", "1000-001"),
    "RO": (_SIX, r"\1", "010011"),
    "SE": (_THREE_TWO, r"\1 \2", "111 20"),
    "SI": (_FOUR, r"\1", "1000"),
    "SK": (_THREE_TWO, r"\1 \2", "811 01"),
    "US": (r"(\d{5}(?:-\d{4})?)", r"\1", "10001"),
}


@cache
def countries(language: str) -> list[tuple[str, str]]:
    """Every country with its name, in the order of a dictionary of the language."""
    named = [(code, locale.country(code, language)) for code in COUNTRIES]
    return sorted(named, key=lambda each: _bare(each[1]))


def _bare(name: str) -> str:
    """A name without its accents: an Å stands among the A's."""
    parts = unicodedata.normalize("NFKD", name)
    return "".join(char for char in parts if not unicodedata.combining(char)).casefold()


def postal_code(text: str, country: str) -> str:
    """A postal code of a country."""
    if not text or country not in _POSTAL_CODES:
        return text
    form, written, example = _POSTAL_CODES[country]
    found = re.fullmatch(form, " ".join(text.upper().split()), re.ASCII)
    if found is None:
        raise DomainError(
            _l("A postal code of this country looks like %(example)s.", example=example), "postal_code"
        )
    return found.expand(written)


def phone(text: str, country: str) -> str:
    """A phone number as it is dialled from abroad; without a country code it is one of this country."""
    if not text:
        return text
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise DomainError(_l("This is no complete phone number."), "phone")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    if len(written) > LONGEST_PHONE:
        # With a long extension it grows by being written out.
        raise DomainError(_l("This is too long."), "phone")
    return written


def vat_number(text: str, country: str) -> str:
    """A VAT number with its country in front, which may be left out when it is this one."""
    number = re.sub(r"[\s./-]", "", text.upper())
    if not number:
        return ""
    if number[0].isdigit():
        number = vat_area.prefix_in(vat_area.member_state(country) or country) + number
    prefix = vat_area.number_prefix(number)
    try:
        return _checked_vat_number(prefix, number)
    except ValidationError:
        raise DomainError(
            _l(
                "This VAT number is not right. Look at it again; it begins with its country, such as NL123456782B90."
            ),
            "vat_number",
        ) from None


def _checked_vat_number(prefix: str, number: str) -> str:
    if prefix in {*map(vat_area.prefix_in, vat_area.MEMBER_STATES), vat_area.NORTHERN_IRISH}:
        return str(eu_vat.validate(number))
    if prefix == "GB":
        return prefix + str(gb_vat.validate(number))
    if prefix == "CH":
        return str(ch_vat.validate(number))
    if prefix == "NO":
        return prefix + str(mva.validate(number))
    # The shortest there are have five digits, such as Iceland's: a word that happens to begin with a country has none.
    if not re.fullmatch(r"[A-Z]{2}[0-9A-Z]{5,13}", number, re.ASCII) or sum(map(str.isdigit, number)) < 5:
        raise ValidationError
    return number


def _belgian(number: str) -> str:
    digits = str(be_number.validate(number))
    return f"{digits[:4]}.{digits[4:7]}.{digits[7:]}"


def _french(number: str) -> str:
    return str(siret.validate(number) if len(siret.compact(number)) == 14 else siren.validate(number))


def _dutch(number: str) -> str:
    digits = re.sub(r"[\s.]", "", number)
    if not re.fullmatch(r"\d{8}", digits, re.ASCII):
        raise ValidationError
    return digits


def _british(number: str) -> str:
    company = re.sub(r"\s", "", number.upper())
    if not re.fullmatch(r"\d{8}|[A-Z]{2}\d{6}", company, re.ASCII):
        raise ValidationError
    return company


def _anywhere(number: str) -> str:
    if not re.fullmatch(r"[\w .,/-]{2,20}", number) or not any(char.isdigit() for char in number):
        raise ValidationError
    return number


_CHAMBER_NUMBERS: dict[str, tuple[Callable[[str], str], str]] = {
    "NL": (_dutch, "12345678"),
    "BE": (_belgian, "0403.170.701"),
    "FR": (_french, "552008443"),
    "GB": (_british, "01234567"),
    "DK": (lambda number: str(cvr.validate(number)), "13585628"),
}


def chamber_number(text: str, country: str) -> str:
    """A company's number in the register of a country."""
    if not text:
        return text
    check, example = _CHAMBER_NUMBERS.get(country, (_anywhere, "HRB 12345"))
    try:
        return check(text)
    except ValidationError:
        raise DomainError(
            _l("A chamber of commerce number of this country looks like %(example)s.", example=example),
            "chamber_number",
        ) from None
