"""``flask shop``: making shops, changing and listing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from flask_babel import gettext as _

from portal.commands import reading
from portal.commands.running import ACTOR, Lines, in_installation, in_shop
from portal.core import clock, links, tenancy
from portal.core.errors import DomainError
from portal.core.shops import CACHE_SECONDS
from portal.domain.people.actions import create_staff
from portal.domain.people.models import StaffRole
from portal.domain.shops import actions, logos, queries
from portal.domain.shops.models import Shop
from portal.extensions import db

Command = Callable[..., Any]

#: What is printed on the documents of a shop, as options of its making and its changing.
DETAILS = (
    ("--legal-name", "As printed on invoices."),
    ("--phone", None),
    ("--street", "With the number."),
    ("--postal-code", None),
    ("--city", None),
    ("--vat-number", None),
    ("--chamber-number", None),
    ("--iban", "For bank transfers."),
    ("--bic", None),
)

group = click.Group("shop", help="Make, change and list shops.")


def with_details(default: str | None) -> Callable[[Command], Command]:
    """The options for a shop's details; ``default`` is what they are when they are not given."""

    def add(command: Command) -> Command:
        for name, help_ in reversed(DETAILS):
            command = click.option(name, default=default, help=help_)(command)
        return command

    return add


def _checked_details(details: Mapping[str, str]) -> dict[str, str]:
    """The texts as they are stored; ``DomainError`` for one that is too long, or a number that cannot be one."""
    numbers = {"iban": reading.iban, "vat_number": reading.vat_number}
    checked = reading.texts_for(Shop, {name: value for name, value in details.items() if name not in numbers})
    return checked | {name: read(details[name]) for name, read in numbers.items() if name in details}


def _password(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Asked at the keyboard and only for an owner: as an option it would stand in the list of processes."""
    if context.params.get("owner_email") is None:
        return None
    answer: str = click.prompt("Password of the owner", hide_input=True, confirmation_prompt=True, err=True)
    return answer


@group.command("create")
@click.argument("name")
@click.option("--email", required=True, help="Where the shop's mails come from.")
@click.option("--host", required=True, help="Where it answers: shop.example.com")
@click.option("--port", type=int, help="Only when it is not the usual one.")
@click.option("--scheme", default="https", show_default=True, help="http only on this machine.")
@click.option("--language", default="nl", show_default=True, help="en or nl.")
@with_details("")
@click.option("--owner-email", is_eager=True, help="Who logs in to the office; asks for a password.")
@click.option("--owner-name", default="")
@click.option("--owner-password", hidden=True, expose_value=True, callback=_password)
@in_installation
def create(
    *,
    name: str,
    email: str,
    host: str,
    port: int | None,
    scheme: str,
    language: str,
    owner_email: str | None,
    owner_name: str,
    owner_password: str | None,
    **details: str,
) -> Lines:
    """Make a shop called NAME, in test mode."""
    if language not in actions.LANGUAGES:
        raise DomainError("--language is en or nl.")
    now = clock.now()
    shop = actions.create_shop(
        name=reading.text("NAME", name, 120, needed=True),
        domain=actions.checked_domain(host.strip(), port, scheme),
        email=reading.mail_address("--email", email),
        language=language,
        now=now,
    )
    for column, value in _checked_details(details).items():
        setattr(shop, column, value)
    if owner_email is not None and owner_password is not None:
        _appoint(shop, owner_email, owner_name, owner_password)
    db.session.flush()
    return [f"{shop.name}: {links.origin(queries.primary_domain(shop))}/  ({shop.public_id})"]


def _appoint(shop: Shop, email: str, name: str, password: str) -> None:
    with tenancy.shop_scope(shop.id):
        address = reading.mail_address("--owner-email", email)
        create_staff(
            email=address,
            name=reading.text("--owner-name", name, 200) or address,
            role=StaffRole.OWNER,
            password=password,
            language=shop.language,
            now=shop.created_at,
        )
        db.session.flush()


@group.command("edit")
@click.option("--name", help="As customers know it.")
@click.option("--url", help="Where it answers: https://shop.example.com")
@click.option("--email", help="Where the shop's mails come from.")
@with_details(None)
@click.option("--language", help="Of the shop's mails and documents: en or nl.")
@click.option("--payment-term-days", metavar="DAYS", help="From an invoice to its due date.")
@click.option("--allow-part-payment/--no-allow-part-payment", default=None, help="Pay less than is open?")
@click.option(
    "--prices-include-vat/--prices-without-vat", default=None, help="Is VAT in the prices of new invoices?"
)
@click.option(
    "--small-business/--no-small-business", default=None, help="In the scheme for small businesses?"
)
@click.option("--colour", help="Of buttons and links: #rrggbb.")
@click.option("--logo", metavar="FILE", help="A PNG or JPEG picture of at most 1 MB.")
@in_shop
def edit(
    *,
    shop: Shop,
    name: str | None,
    url: str | None,
    email: str | None,
    language: str | None,
    payment_term_days: str | None,
    allow_part_payment: bool | None,
    prices_include_vat: bool | None,
    small_business: bool | None,
    colour: str | None,
    logo: str | None,
    **details: str | None,
) -> Lines:
    """Change a shop's details, address, language, terms, colour or logo.

    What is not given stays as it is; an empty text takes a detail away. Issued documents do not change, and
    mails that were sent keep the address they have.
    """
    given = {
        "name": None if name is None else reading.text("--name", name, 120, needed=True),
        "email": None if email is None else reading.mail_address("--email", email),
        "language": language,
        "colour": None if colour is None else reading.text("--colour", colour, 20),
        **_checked_details({column: text for column, text in details.items() if text is not None}),
    }
    term = (
        None
        if payment_term_days is None
        else reading.whole_number("--payment-term-days", payment_term_days, actions.LONGEST_TERM)
    )
    wanted = actions.ShopChanges(
        **given,
        payment_term_days=term,
        allow_part_payment=allow_part_payment,
        prices_include_vat=prices_include_vat,
        small_business=small_business,
    )
    if wanted == actions.ShopChanges() and logo is None and url is None:
        raise DomainError(_("Say what to change. `.venv/bin/flask shop edit --help` lists what there is."))
    now = clock.now()
    domain = None if url is None else reading.web_address("--url", url)
    picture = None if logo is None else reading.file(logo, logos.MAX_LOGO_BYTES)
    moved = domain is not None and actions.move_shop(shop, domain, now=now, actor=ACTOR)
    changed = actions.edit_shop(shop, wanted, logo=picture, now=now, actor=ACTOR)
    lines = _moved_lines(shop) if moved else []
    if changed:
        lines.append(_("%(shop)s is changed: %(fields)s.", shop=shop.name, fields=", ".join(changed)))
    return lines or [_("Nothing changes: it is like this already.")]


def _moved_lines(shop: Shop) -> list[str]:
    address = f"{links.origin(queries.primary_domain(shop))}/"
    return [
        _(
            "%(shop)s is at %(address)s now; its pages know within %(count)s seconds.",
            shop=shop.name,
            address=address,
            count=round(CACHE_SECONDS),
        ),
        _("Mails and PDFs made before keep the old address: let it lead to the new one, with the same path."),
    ]


@group.command("list")
@in_installation
def list_() -> Lines:
    """List the shops: public id, mode, address and name."""
    shops = [queries.get_shop(shop_id) for shop_id in queries.list_shop_ids()]
    return [
        f"{shop.public_id}  {shop.mode.value}  {links.origin(queries.primary_domain(shop))}/  {shop.name}"
        for shop in shops
    ]
