"""The EPC QR code ("BCD", version 002) that fills a SEPA transfer in a banking app."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException
from segno import QRCode
from segno.helpers import make_epc_qr

from portal.core.references import compact_rf

NAME_LENGTH, NAME_BYTES = 70, 105
TEXT_LENGTH, TEXT_BYTES = 140, 140  # in UTF-8: so many that a code never outgrows its 331 bytes
MIN_CENTS = 1
MAX_CENTS = 99_999_999_999
_QUIET_ZONE = 4


@dataclass(frozen=True)
class EpcQr:
    """A finished code; ``rows`` holds its modules, "1" for a dark one, without the quiet zone."""

    rows: tuple[str, ...]
    _code: QRCode

    def svg(self, *, title: str, scale: int = 4) -> str:
        """The code as an ``<svg>`` to put into a page: black on white in any theme, named by ``title``."""
        svg: str = self._code.svg_inline(
            scale=scale,
            border=_QUIET_ZONE,
            dark="#000",
            light="#fff",
            title=title,
            svgclass="epc-qr",
            lineclass=None,
        )
        return svg.replace("<svg ", '<svg role="img" ', 1)


def epc_qr(
    *,
    name: str,
    iban: str,
    amount_minor: int,
    reference: str | None = None,
    text: str | None = None,
    bic: str | None = None,
) -> EpcQr:
    """The code for a transfer of ``amount_minor`` euro cents to ``iban`` (EPC069-12).

    Either ``reference`` (an RF creditor reference) or ``text`` goes along, never both. The name is cut to 70
    characters and the text to 140; line breaks in them would start a new field and become spaces. ValueError
    when the IBAN, BIC or reference is not right, or the amount is not from 0.01 to 999,999,999.99.
    """
    if not MIN_CENTS <= amount_minor <= MAX_CENTS:
        raise ValueError(f"an EPC code cannot carry {amount_minor} cents")
    structured = None
    if reference is not None:
        structured = compact_rf(reference)
        if structured is None:
            raise ValueError(f"{reference!r} is no creditor reference")
    try:
        account = IBAN(iban)
        bank = BIC(bic).compact if bic else None
    except SchwiftyException as error:
        raise ValueError(str(error)) from error
    code = make_epc_qr(
        name=_one_line(name, NAME_LENGTH, NAME_BYTES),
        iban=account.compact,
        amount=Decimal(amount_minor).scaleb(-2).quantize(Decimal("0.01")),
        text=None if text is None else _one_line(text, TEXT_LENGTH, TEXT_BYTES),
        reference=structured,
        bic=bank,
    )
    rows = tuple("".join("1" if module else "0" for module in row) for row in code.matrix)
    return EpcQr(rows=rows, _code=code)


def _one_line(text: str, characters: int, size: int) -> str:
    cut = " ".join(text.split())[:characters]
    return cut.encode()[:size].decode(errors="ignore").rstrip()
