"""The steps that tell other systems what has happened, and hand texts to gateways."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from retention.bootstrap import get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.session import writing
from retention.webhooks import deliveries
from retention.webhooks.deliveries import Telling
from retention.webhooks.posting import Poster, Said
from retention.webhooks.signing import signed_headers
from tasks.steps import step

_LINES, _MANY = 4, 200


@step()
def tell_others() -> dict[str, int]:
    """Post what is due to every receiver of webhooks.yaml; return how many ended how."""
    shop = get_application()
    if not shop.receivers or not schema.prepare(shop.engine):
        return {}
    with writing(shop.engine) as session:
        found = deliveries.claim(session, shop.receivers, utc_now(), _MANY)
    if not found:
        return {}
    with Poster() as poster, ThreadPoolExecutor(_LINES) as pool:
        answers = list(pool.map(lambda telling: _post(poster, telling), found))
    states: Counter[str] = Counter()
    with writing(shop.engine) as session:
        for telling, said in zip(found, answers, strict=True):
            states[deliveries.settle(session, telling, said, utc_now())] += 1
    return dict(states)


def _post(poster: Poster, telling: Telling) -> Said:
    receiver, at = telling.receiver, int(utc_now().timestamp())
    headers = signed_headers(telling.event_id, at, telling.body, receiver.secrets)
    return poster.post(receiver.url, telling.body, headers)
