"""The faces: thin views over the domain. The tuple below is every section of the core, in one place."""

from __future__ import annotations

from portal.blueprints.auth import section as auth
from portal.blueprints.collections import section as collections
from portal.blueprints.contacts import section as contacts
from portal.blueprints.download import section as download
from portal.blueprints.home import section as home
from portal.blueprints.hooks import section as hooks
from portal.blueprints.invoices import section as invoices
from portal.blueprints.notifications import section as notifications
from portal.blueprints.office import section as office
from portal.blueprints.orders import section as orders
from portal.blueprints.pay import section as pay
from portal.blueprints.payment_methods import section as payment_methods
from portal.blueprints.preferences import section as preferences
from portal.blueprints.profile import section as profile
from portal.blueprints.sandbox import section as sandbox
from portal.blueprints.settings import section as settings
from portal.blueprints.setup import section as setup
from portal.blueprints.shop import section as shop
from portal.blueprints.subscriptions import section as subscriptions
from portal.blueprints.support import section as support

core_sections = (
    shop,
    auth,
    home,
    invoices,
    orders,
    subscriptions,
    payment_methods,
    collections,
    support,
    contacts,
    notifications,
    profile,
    settings,
    pay,
    download,
    hooks,
    sandbox,
    preferences,
    setup,
    office,
)

#: The pages of each section to which the others lead, mails too. Whoever leaves the section out must have these.
linked = {
    "auth": ("accept", "change_email", "claim", "confirm", "forgot", "login", "logout", "register", "reset"),
    "collections": ("index", "method", "plan", "show"),
    "download": ("fetch",),
    "home": ("index",),
    "hooks": ("receive",),
    "invoices": ("dispute", "index", "pay", "pay_several", "refund", "show"),
    "office": (
        "auth.login",
        "auth.logout",
        "auth.preferences",
        "customers.show",
        "home.index",
        "invoices.show",
        "tickets.show",
    ),
    "orders": ("index", "show"),
    "pay": ("back", "link"),
    "payment_methods": ("back", "create", "show"),
    "preferences": ("account", "save"),
    "profile": ("index", "login_email"),
    "sandbox": ("index", "mailbox"),
    "settings": ("index",),
    "shop": ("brand_sheet", "index", "logo", "tone_sheet"),
    "subscriptions": ("index", "show"),
    "support": ("create", "index", "preview", "show"),
}
