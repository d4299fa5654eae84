"""Signatures of the Standard Webhooks specification (version 1, symmetric)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"


def signed_headers(
    event_id: str, timestamp: int, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers that prove where a body comes from: one signature for each secret."""
    signatures = (f"v1,{_sign(event_id, timestamp, body, secret)}" for secret in secrets)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _sign(event_id: str, timestamp: int, body: bytes, secret: str) -> str:
    said = f"{event_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(_key(secret), said, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    """A secret as the specification writes it is base 64; any other one is taken as it stands."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
