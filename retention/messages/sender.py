"""Who we are in messages."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from retention.domain.brand import USUAL_BRAND, Brand
from retention.domain.messages import MessageClass

BY_POST = "by post"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who we are in a message, where answers go, and where the templates are.

    Notices and service come from `address`, what can be declined from `news_address`. With
    `replies_to` answers reach the mailbox that is read for them, else only the account manager.
    """

    company: str
    address: str
    currency: str
    timezone: str
    templates: Path
    token_key: bytes
    news_address: str
    replies_to: str | None = None
    bounces_to: str | None = None
    postal_address: str = ""
    public_url: str | None = None
    console_url: str | None = None
    hosts: frozenset[str] = frozenset()
    brand: Brand = USUAL_BRAND

    def from_address(self, message_class: MessageClass) -> str:
        """Return the address that messages of a class come from."""
        return self.news_address if message_class is MessageClass.COMMERCIAL else self.address

    @property
    def own_hosts(self) -> frozenset[str]:
        """The hosts that links may lead to."""
        pages = urlsplit(self.public_url).hostname if self.public_url else None
        return self.hosts | {pages} if pages else self.hosts
