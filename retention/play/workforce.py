"""The people of the demo company: everybody decides what is theirs, each in their own role."""

from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.actions import approval as approvals
from retention.actions import completion as completing
from retention.actions import needed, offers
from retention.actions.leaving_times import can_leave
from retention.bootstrap import Application
from retention.cases import waivers
from retention.clock import utc_now
from retention.db.models.work.actions import Action, Offer
from retention.db.session import writing
from retention.domain.actions import ActionKind, ActionState
from retention.domain.dates import date_in
from retention.domain.forms import FORMS
from retention.domain.limits import BatchState
from retention.domain.offers import Answer, OfferState
from retention.domain.people import Person, Role
from retention.domain.stages import Stage
from retention.ladder import held_batches as batches
from retention.people.actor import Actor

_CAUSE = {
    "non_payer": "unwilling",
    "unaware": "unaware",
    "drifted": "need_change",
    "chronically_dissatisfied": "own_fault",
}
_SAID = {
    "fee_waived": "yes",
    "alternative": "Norte Servicios",
    "alternative_contact": "+34 910 000 201",
    "evidence": "tickets of 12 months",
}
_OTHER_REVIEWS = {"final_settlement": "settled", "notice_check": "confirmed", "stuck": "goes_on"}


class Workforce:
    """Works through what waits. `archetypes` is what the people know of each customer."""

    def __init__(self, shop: Application, archetypes: dict[str, str]) -> None:
        """Work at `shop`."""
        self._shop = shop
        self._archetypes = archetypes

    def work(self) -> None:
        """Decide everything that waits; one in nine reviews finds our own fault."""
        with writing(self._shop.engine) as session:
            for action in _pending(session):
                if action.rendering is not None:
                    self._approve(session, action)
                else:
                    self._complete(session, action)
            self._govern(session)

    def approve_half(self) -> tuple[int, set[str]]:
        """Approve half of the e-mails of every stage; return how many, and who did.

        Where a holiday has come between, none could leave in time: a night proposes it anew.
        """
        count, names = 0, set()
        with writing(self._shop.engine) as session:
            emails = [a for a in _pending(session) if self._can_leave(session, a)]
            for stage in Stage:
                waiting = [a for a in emails if a.stage is stage]
                for action in waiting[: (len(waiting) + 1) // 2]:
                    names |= {person.name for person in self._approve(session, action)}
                    count += 1
        return count, names

    def log_answers(self, turned: set[str], as_of: date) -> list[tuple[str, Offer]]:
        """Write down that customers who turned have accepted what they were offered; return it."""
        agreed = []
        with writing(self._shop.engine) as session:
            accepted = session.scalars(
                select(Action)
                .join(Offer, Offer.action_id == Action.id)
                .where(Offer.state == OfferState.SENT, Offer.expires_on > as_of + timedelta(days=1))
                .options(joinedload(Action.offer))
                .order_by(Action.id)
            ).all()
            for action in accepted:
                if action.customer_id in turned:
                    actor = self._actor(self._shop.policies.team.get(action.owner))
                    offers.answer(
                        session, action, actor.author, Answer.ACCEPT, note="agreed on the phone"
                    )
                    agreed.append((action.customer_id, offers.of_action(action)))
        return agreed

    def govern(self) -> None:
        """Let through what was held, and nothing else: messages wait for who decides on them."""
        with writing(self._shop.engine) as session:
            self._govern(session)

    def _govern(self, session: Session) -> None:
        for batch in batches.list_open(session):
            for person in (self._one_with(Role.OPS), self._one_with(Role.DIRECTOR)):
                if batch.state is BatchState.HELD:
                    batches.release(session, batch, person, "looked at ten of them", utc_now())
        for waiver, _ in waivers.list_requested(session):
            director = self._actor(self._one_with(Role.DIRECTOR))
            owner = waiver.requested_by
            waivers.decide(session, waiver.id, director, granted=True, note="demo", owner=owner)

    def _complete(self, session: Session, action: Action) -> None:
        outcome = self._outcome(action)
        form = FORMS[action.form or "call"]
        needed = (*form.required.get("*", ()), *form.required.get(outcome, ()))
        answers = {name: _SAID.get(name, "demo") for name in needed}
        actor = self._actor(self._shop.policies.team.get(action.owner))
        completing.complete(
            session, action.id, actor, outcome=outcome, note="what the customer told us",
            answers=answers,
        )  # fmt: skip

    def _approve(self, session: Session, action: Action) -> list[Person]:
        team = self._shop.policies.team
        approving = []
        for slot in needed.slots_of(action):
            owner = team.get(action.owner)
            person = owner if slot & owner.roles else self._one_with(min(slot))
            approvals.note_viewing(session, action, self._actor(person))
            approvals.approve(session, action.id, self._actor(person))
            approving.append(person)
        return approving

    def _can_leave(self, session: Session, action: Action) -> bool:
        owner = self._actor(self._shop.policies.team.get(action.owner))
        return action.kind is ActionKind.EMAIL and can_leave(session, action, owner)

    def _actor(self, person: Person) -> Actor:
        zone = self._shop.settings.timezone
        return Actor(self._shop.policies, person, utc_now(), date_in(utc_now(), zone), zone)

    def _one_with(self, role: Role) -> Person:
        return self._shop.policies.team.with_role(role)[0]

    def _outcome(self, action: Action) -> str:
        if action.kind is ActionKind.CALL:
            return "talked"
        if action.form in _OTHER_REVIEWS:
            return _OTHER_REVIEWS[action.form]
        if int(action.customer_id[1:]) % 9 == 0:
            return "own_fault"
        return _CAUSE.get(self._archetypes[action.customer_id], "unwilling").replace(
            "own_fault", "unwilling"
        )


def _pending(session: Session) -> list[Action]:
    return list(
        session.scalars(
            select(Action)
            .where(Action.state == ActionState.PENDING_APPROVAL)
            .options(
                joinedload(Action.rendering),
                joinedload(Action.message),
                joinedload(Action.case),
                joinedload(Action.offer),
                selectinload(Action.approvals),
            )
            .order_by(Action.due_on, Action.id)
        )
    )
