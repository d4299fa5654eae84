"""Handing a text to a gateway: one attempt, signed, with a key by which the gateway knows it again.

The stages are those of mail: what is recorded as the dot is recorded before anything is posted. So
a text too leaves at most once per approval, or its fate is unknown; and where an attempt is made
again, the gateway sees by its key that it is the same text. A text whose answer was lost is not
sent again by itself: its link would be another one, and nobody knows whether the first arrived.
"""

import json
from collections.abc import Mapping
from datetime import UTC

from retention.delivery.attempts import Claimed
from retention.delivery.smtp import AttemptFailedError, OnStage
from retention.domain.customer_pages import without_tokens
from retention.domain.gateways import Gateway, channel_of
from retention.domain.messages import AttemptStage, Verdict
from retention.messages.customer_links import with_tokens
from retention.webhooks.posting import Poster, Said
from retention.webhooks.signing import signed_headers

_TAKEN, _BUSY = 250, frozenset({408, 425, 429})
_REFUSED, _THEIR_FAULT = 400, 500


class TextLine:
    """The gateways, behind one way of posting."""

    def __init__(self, gateways: Mapping[str, Gateway]) -> None:
        """Know `gateways` by name; nothing is opened before the first text."""
        self._gateways = gateways
        self._poster: Poster | None = None

    def close(self) -> None:
        """Give the connection back."""
        if self._poster is not None:
            self._poster.__exit__()
            self._poster = None

    def send(self, claimed: Claimed, on_stage: OnStage) -> tuple[int, str]:
        """Hand over one text, once. Returns what the gateway said.

        `on_stage` is called before each stage and may raise to withdraw the text. Raises
        AttemptFailedError with the stage that was reached.
        """
        channel = channel_of(claimed.sender) or ""
        gateway = self._gateways.get(channel)
        if gateway is None:
            told = f"there is no gateway '{channel}' in channels.yaml"
            raise AttemptFailedError(AttemptStage.CLAIMED, None, told, Verdict.TAKEN_BACK)
        body = _body(claimed, channel)
        at = int(claimed.claimed_at.astimezone(UTC).timestamp())
        headers = signed_headers(claimed.message_id, at, body, gateway.secrets)
        headers["Idempotency-Key"] = claimed.message_id
        for stage in (AttemptStage.CONNECTED, AttemptStage.DATA, AttemptStage.DOT):
            on_stage(stage)
        if self._poster is None:
            self._poster = Poster()
        said = self._poster.post(gateway.url, body, headers)
        if said.is_taken:
            return _TAKEN, without_tokens(said.text)
        raise _failed(said)


def _body(claimed: Claimed, channel: str) -> bytes:
    text = with_tokens(claimed.raw, claimed.tokens).decode("utf-8")
    said = {"id": claimed.message_id, "channel": channel, "to": claimed.recipient, "text": text}
    return json.dumps(said, ensure_ascii=False, sort_keys=True).encode()


def _failed(said: Said) -> AttemptFailedError:
    """What an answer means: a refusal is for good, a busy gateway is asked again."""
    text = without_tokens(said.text)
    if said.code is None:
        stage = AttemptStage.DOT if said.sent else AttemptStage.CONNECTED
        verdict = Verdict.UNSURE if said.sent else Verdict.TRY_AGAIN
        return AttemptFailedError(stage, None, text, verdict)
    for_good = _REFUSED <= said.code < _THEIR_FAULT and said.code not in _BUSY
    verdict = Verdict.NEVER if for_good else Verdict.TRY_AGAIN
    return AttemptFailedError(AttemptStage.REPLIED, said.code, text, verdict)
