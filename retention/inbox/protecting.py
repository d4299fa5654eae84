"""Words of a customer after which nothing adverse should happen before somebody has read them."""

import re

from retention.inbox.quotations import not_ours

_PROTECTS = re.compile(
    r"\b(complain\w*|complaint|disput\w+|contest\w*|object(s|ion|ed)?|lawyer|solicitor|attorney|"
    r"legal (action|advice|steps)|court|ombuds\w+|consumer (association|protection)|hardship|"
    r"illness|hospital|bereave\w+|wrong (invoice|bill|amount)|not (owe|correct)|"
    r"quej\w+|reclam\w+|disput\w+|impugn\w+|abogad\w+|demanda\w*|juzgado|denunci\w+|"
    r"no (estoy|estamos) de acuerdo|desacuerdo|consumo|defensor|enferm\w+|hospitaliz\w+|"
    r"factura (err.nea|incorrecta|equivocada)|error en la factura)\b",
    re.IGNORECASE,
)


def protecting_words(text: str, ours: str) -> list[str]:
    """Return the words of a letter that protect, as they are written there, each once.

    They are looked for in the whole letter, but for lines that we wrote ourselves.
    """
    found = (match[0].lower() for match in _PROTECTS.finditer(not_ours(text, ours)))
    return list(dict.fromkeys(found))
