"""What a browser has chosen for itself: its language, and the units of milk. Two cookies, which are no secrets."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from controller.contract.units import Units
from controller.contract.words import Words
from controller.web.translation import Translation
from controller.web.web_parts import BoardParts

LANGUAGE_COOKIE = "letdown-language"
UNITS_COOKIE = "letdown-units"
_KEPT_SECONDS = 400 * 86_400  # the longest that browsers keep a cookie


@dataclass(frozen=True)
class Preferences:
    """`words`: the texts of the page, in a `language`. `translation`: of the service's texts into these words."""

    words: Words
    language: str
    units: Units
    translation: Translation


def preferences_of(request: Request, parts: BoardParts) -> Preferences:
    """Return what the browser has chosen; where it has not, or what it sends makes no sense, what the settings say."""
    words = parts.words_in(request.cookies.get(LANGUAGE_COOKIE, ""))
    try:
        units = Units(request.cookies.get(UNITS_COOKIE, parts.units))
    except ValueError:
        units = parts.units
    return Preferences(words, words.code or "en", units, Translation(parts.words, words))


def keep_preferences(response: Response, parts: BoardParts, language: str, units: str, *, secure: bool) -> None:
    """Set the cookies of what was chosen; what makes no sense is left as it is. `secure`: served over https."""
    known = {LANGUAGE_COOKIE: (language, tuple(parts.translations)), UNITS_COOKIE: (units, tuple(Units))}
    for name, (value, values) in known.items():
        if value in values:
            response.set_cookie(
                name, value, max_age=_KEPT_SECONDS, path="/", secure=secure, httponly=True, samesite="lax"
            )
