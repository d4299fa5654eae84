"""Write down each round of a flow without business dates: that it ran, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from retention.bootstrap import get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.session import writing
from retention.domain.summaries import as_json
from retention.runs import rounds
from tasks.steps import log, told


class Noted:
    """What a round has to say of itself once it is done."""

    summary: Any = None


@contextmanager
def noting_round(flow: str) -> Iterator[Noted]:
    """Write down a round: when it begins, and its counts or its failure when it ends.

    Before the first night there is no database to write to.
    """
    shop, noted = get_application(), Noted()
    if not schema.prepare(shop.engine):
        yield noted
        return
    with writing(shop.engine) as session:
        round_id = rounds.begin(session, flow, utc_now())
    try:
        yield noted
    except BaseException as error:
        with writing(shop.engine) as session:
            rounds.end(session, round_id, utc_now(), why=told(error))
        raise
    summary = None if noted.summary is None else as_json(noted.summary)
    with writing(shop.engine) as session:
        rounds.end(session, round_id, utc_now(), summary=summary)
    log.info("%s: %s", flow, summary)
