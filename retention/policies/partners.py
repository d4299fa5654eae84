"""partners.yaml: who may take customers over."""

from pydantic import Field

from retention.domain.approving import Slot
from retention.domain.handovers import Partner
from retention.domain.people import Role
from retention.playbooks.fields import Slots
from retention.policies.patterns import ID
from retention.yaml_files import PolicyModel


class PartnerDoc(PolicyModel):
    """One partner who takes customers over."""

    id: str = Field(pattern=ID)
    name: str = Field(min_length=1)
    email: str
    phone: str
    capacity: int = Field(ge=0)
    countries: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


_TWO_PEOPLE: tuple[Slot, ...] = (
    frozenset({Role.ACCOUNT_MANAGER, Role.DIRECTOR}),
    frozenset({Role.FINANCE, Role.DIRECTOR}),
)


class PartnersDoc(PolicyModel):
    """`partners.yaml`; `approval` says who approves the message that offers a partner."""

    approval: Slots = _TWO_PEOPLE
    partners: tuple[PartnerDoc, ...] = ()

    def to_partners(self) -> dict[str, Partner]:
        """Return the partners by id."""
        return {
            p.id: Partner(p.id, p.name, p.email, p.phone, p.capacity, frozenset(p.countries),
                          frozenset(p.kinds))
            for p in self.partners
        }  # fmt: skip
