"""Who is left untreated for comparison: whole groups of tied accounts, for good, by a fixed rule.

The draw depends on the group, the playbook and a salt only, so it is the same on every machine and
every night. Accounts that are tied together share an arm: a treated parent would tell its branch.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

_RANGE = float(1 << 64)


class Arm(StrEnum):
    """Treated by the playbook, or left alone to compare with."""

    TREATED = "treated"
    HOLDOUT = "holdout"


def draw_arm(group: str, playbook: str, salt: str, share: float) -> Arm:
    """Return the arm of a group; `share` (0 to 1) of all groups are held out."""
    digest = hashlib.sha256(f"{salt}\x1f{playbook}\x1f{group}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / _RANGE
    return Arm.HOLDOUT if position < share else Arm.TREATED


class Groups:
    """Tied accounts as groups, named by their smallest customer id."""

    def __init__(self, ties: Iterable[tuple[str, str]]) -> None:
        """Join the pairs of tied customers."""
        self._parent: dict[str, str] = {}
        for one, other in ties:
            first, second = self.of(one), self.of(other)
            if first != second:
                self._parent[max(first, second)] = min(first, second)

    def of(self, customer_id: str) -> str:
        """Return the name of a customer's group: its own id when nobody is tied to it."""
        root = customer_id
        while (above := self._parent.get(root, root)) != root:
            root = above
        while (above := self._parent.get(customer_id, root)) != root:
            self._parent[customer_id], customer_id = root, above
        return root
