"""What stands around the words of our letters: whose they are, to whom, and what they answer to."""

from typing import Any

from retention.messages.letters import Letterhead
from retention.messages.sender import Sender


def letterhead(
    sender: Sender,
    title: str,
    address: tuple[str, ...],
    *,
    reference: str,
    customer_number: str,
    signer: str,
    locale: str,
    contract_number: str = "",
) -> Letterhead:
    """Return what stands around a letter of ours, without its day."""
    return Letterhead(
        company=sender.company,
        title=title,
        address=address,
        dated="",
        reference=reference,
        footer=sender.postal_address or sender.company,
        locale=locale,
        customer_number=customer_number,
        contract_number=contract_number,
        signer=signer,
        tax_id=sender.brand.tax_id,
        colour=sender.brand.colour,
        logo=sender.brand.logo.name if sender.brand.logo else "",
    )


def address_block(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the lines of a customer's postal address; only the name when it is not known."""
    lines = str(row.get("address") or "").replace(";", "\n").splitlines()
    return (row["name"], *(line.strip() for line in lines if line.strip()))[:6]
