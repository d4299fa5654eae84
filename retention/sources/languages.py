"""The language in which customers are written to whose own is not given: their country's first."""

from functools import cache

from babel.core import get_global
from babel.languages import get_official_languages


@cache
def spoken() -> list[list[str]]:
    """Return two columns: countries, and the first official language of each."""
    found = {}
    for country in get_global("territory_languages"):
        official = (
            name.partition("_")[0] for name in get_official_languages(country, de_facto=True)
        )
        first = next((name for name in official if len(name) == len("es")), None)
        if first is not None and len(country) == len("ES"):
            found[country] = first
    return [list(found), list(found.values())]
