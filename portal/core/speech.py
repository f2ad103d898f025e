"""What a page is written in, found once.

Flask-Babel looks for the language and its texts anew for each text of a page, which took a tenth of a page's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from babel.support import NullTranslations, Translations
from flask import current_app, g
from flask_babel import Domain, get_locale
from jinja2 import Environment


@dataclass(frozen=True)
class Speech:
    """A language, ``en`` or ``nl``, with its texts."""

    language: str
    texts: Translations | NullTranslations


_WITHOUT_PAGE = Speech("en", NullTranslations())


class PageTexts(Domain):  # type: ignore[misc]
    """The texts of Flask-Babel's functions and of templates; ``bind_extensions`` gives it to Flask-Babel.

    Those of packages (the folder ``translations`` beside their blueprint) are among them; where both have a text, ours
    stays.
    """

    @property
    def translation_directories(self) -> list[str]:
        """The folders with catalogues, ours last, which wins."""
        sections = current_app.extensions.get("sections")
        of_packages = (
            [section.blueprint.root_path for section in sections.all if section.key in sections.packages]
            if sections is not None
            else []
        )
        return [
            *dict.fromkeys(str(Path(root) / "translations") for root in of_packages),
            *super().translation_directories,
        ]

    def get_translations_cache(self, ctx: object) -> dict[object, object]:
        """That of the application: another one in the same process may have other packages."""
        cache: dict[object, object] = current_app.extensions.setdefault("texts", {})
        return cache

    def get_translations(self) -> Translations | NullTranslations:
        """The texts in the language that is spoken now."""
        return self.spoken().texts

    def spoken(self) -> Speech:
        """The language of this page, mail or document, with its texts.

        It is kept where Flask-Babel keeps what it found out about a page, under the name that it empties when a
        language is forced, when that ends and when it is refreshed.
        """
        try:
            found: Speech | None = g._flask_babel.babel_translations
        except (AttributeError, RuntimeError):  # nothing was said yet; there is no page
            found = None
        return found or self._find()

    def _find(self) -> Speech:
        place = get_locale()
        if place is None:
            return _WITHOUT_PAGE
        found = g._flask_babel.babel_translations = Speech(place.language, super().get_translations())
        return found


texts = PageTexts()
spoken = texts.spoken


def install(env: Environment) -> None:
    """Texts in templates, without the way through Flask-Babel's functions; called once by ``create_app``."""
    env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: spoken().texts.ugettext(text),
        ngettext=lambda one, many, number: spoken().texts.ungettext(one, many, number),
        pgettext=lambda context, text: spoken().texts.upgettext(context, text),
        npgettext=lambda context, one, many, number: spoken().texts.unpgettext(context, one, many, number),
        newstyle=True,
    )
