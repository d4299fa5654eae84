"""What exactly people approve: one hash over everything that would reach the customer, and why.

Recipient, bytes, offer, effective date, the scores behind it and the playbook's version. Whatever
of it changes, an approval of something else is worth nothing. The day on which it leaves is no part
of it: nobody knows that day yet (decision 27).
"""

import hashlib

from retention.db.canonical import canonical
from retention.db.models.work.actions import Action


def content_of(action: Action) -> str:
    """Return the hash of what is decided on; its case, rendering and offer must be loaded."""
    return hashlib.sha256(canonical(_described(action)).encode()).hexdigest()


def _described(action: Action) -> dict[str, object]:
    described: dict[str, object] = {
        "action": action.id,
        "kind": action.kind,
        "customer": action.customer_id,
        "form": action.form,
        "effective_on": action.effective_on,
        "proof": action.proof,
        "snapshot": action.snapshot_hash,
        "playbook_version": action.case.version,
    }
    if action.rendering is not None:
        described["recipient"] = action.rendering.recipient
        described["sender"] = action.rendering.sender
        described["bytes"] = hashlib.sha256(action.rendering.raw).hexdigest()
        if action.rendering.letter is not None:
            described["letter"] = hashlib.sha256(action.rendering.letter.encode()).hexdigest()
    if action.offer is not None:
        offer = action.offer
        described["offer"] = [offer.kind, offer.version, offer.current_fee, offer.new_fee,
                              offer.detail, offer.currency, offer.expires_on]  # fmt: skip
    return described
