"""The language in which customers are written to whose own is not given: their country's first."""

from functools import cache

from babel.core import get_global
from babel.languages import get_official_languages


@cache
def spoken() -> list[list[str]]:
    """Return two columns: countries, and the first official language of each."""
    found = {
        country: languages[0][:2]
        for country in get_global("territory_languages")
        if len(country) == len("ES")
        and (languages := get_official_languages(country, de_facto=True))
    }
    return [list(found), list(found.values())]
