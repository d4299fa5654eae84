"""Holds, waivers, caps, approvals, offers, hand-overs and the audit, on a small world."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.actions import approval as approvals
from retention.actions import assignment as handling
from retention.actions import bulk_approval, needed, offers
from retention.actions import completion as completing
from retention.actions.approval_statistics import how_people_decide
from retention.actions.offer_revision import revise
from retention.actions.under_notice import under_notice
from retention.audit import erasure
from retention.audit import verify as audit
from retention.cases import handovers, waivers
from retention.db.chain import head_of
from retention.db.models.audit import AuditEvent, AuditRecord
from retention.db.models.exemptions import Holdout
from retention.db.models.runs import Batch
from retention.db.models.work.actions import Action, Approval, Offer, Receipt, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.queries import actions as action_queries
from retention.db.queries.cases import open_case_of
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState
from retention.domain.approving import ReasonCode
from retention.domain.cases import CaseState
from retention.domain.errors import MoveNotAllowedError, NotAllowedError
from retention.domain.exclusions import ExclusionKind, ExclusionReason
from retention.domain.handovers import HandoverState
from retention.domain.holdouts import Arm
from retention.domain.limits import BatchState
from retention.domain.messages import MessageState
from retention.domain.notices import NoticeRule, Proof
from retention.domain.offer_revisions import Revision
from retention.domain.offers import Answer, OfferState
from retention.domain.stages import Stage
from retention.ladder import held_batches as batches
from retention.messages import outbox
from retention.people import actor, delegations
from retention.policies.guards import HoldoutDoc
from retention.safeguards import exclusions
from retention.safeguards import kill_switch as switches
from retention.snapshots.customers import read_rows
from retention.snapshots.people import keep_at_hand, people_of
from tests.factories.worlds import LONGEST, World

CUSTOMER = "C0"
FAR = date(2099, 1, 1)


@pytest.fixture
def world() -> Iterator[World]:
    """Five customers who cost money; only one of them is there, so that no cap is in the way."""
    made = World()
    made.begin()
    for person in made.people[1:]:
        person.present = False
    yield made
    made.teardown()


def ask(world: World, query: Callable[[Session], Any]) -> Any:
    with reading(world.shop.engine) as session:
        return query(session)


def case_of(world: World) -> Case:
    with reading(world.shop.engine) as session:
        return session.scalars(
            select(Case)
            .where(Case.customer_id == CUSTOMER)
            .order_by(Case.opened_on.desc())
            .options(selectinload(Case.events), selectinload(Case.actions))
        ).all()[0]


def waiting(world: World, **having: Any) -> Action:
    with reading(world.shop.engine) as session:
        found = session.scalars(
            select(Action)
            .where(Action.state == ActionState.PENDING_APPROVAL)
            .options(joinedload(Action.rendering))
        ).all()
        return next(a for a in found if all(getattr(a, k) == v for k, v in having.items()))


def walk_to(world: World, stage: Stage, template: str | None = None, *, days: int = 5) -> None:
    """Live ordinary weeks until the customer is at a stage and a message of it waits."""
    world.kept(f"{stage} {template} {days}", lambda: _walk(world, stage, template, days))


def _walk(world: World, stage: Stage, template: str | None, days: int) -> None:
    for _ in range(40):
        world.night(days)
        case = (
            case_of(world) if ask(world, lambda s: s.scalar(select(func.count(Case.id)))) else None
        )
        if case is not None and case.stage is stage:
            wanted = [a for a in case.actions if a.state is ActionState.PENDING_APPROVAL]
            if template is None or any(a.template == template for a in wanted):
                return
        world.everybody_does_their_work()
        world.post("sent")
    raise AssertionError(f"never came to {stage}")


def approve(world: World, action_id: str, who: str) -> None:
    with writing(world.shop.engine) as session:
        world.look_and_approve(session, action_id, who)


def place(world: World, kind: ExclusionKind, days: int = 30, scope: str = "all") -> int:
    start = world.actor("marta").on
    wish = exclusions.Wish(CUSTOMER, kind, ExclusionReason.DISPUTE, start,
                           start + timedelta(days=days), scope)  # fmt: skip
    with writing(world.shop.engine) as session:
        person = world.shop.policies.team.get("marta")
        return exclusions.place(
            session,
            wish,
            person,
            world.now,
            longest=LONGEST,
            owner="marta",
        ).id


def test_a_hold_stops_everything_and_ends_by_itself(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    place(world, ExclusionKind.HOLD, days=20)
    world.night(5)
    case = case_of(world)
    assert case.waiting_for == "on_hold:dispute"
    assert {a.state for a in case.actions if a.template == "renegotiation_proposal"} == {
        ActionState.SUPERSEDED
    }
    world.night(25)
    assert case_of(world).waiting_for == "step_pending_approval"


def test_an_exemption_closes_the_case_and_keeps_the_customer_out(world: World) -> None:
    walk_to(world, Stage.EDUCATE)
    place(world, ExclusionKind.EXEMPTION, days=300)
    world.night(5)
    assert case_of(world).state is CaseState.EXEMPT
    for _ in range(6):
        world.night(25)
    assert ask(world, lambda s: s.scalar(select(func.count(Case.id)))) == 1


def test_a_hold_placed_after_approval_keeps_the_message_from_leaving(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    proposal = waiting(world, template="renegotiation_proposal")
    approve(world, proposal.id, "marta")
    place(world, ExclusionKind.HOLD)
    world.post("sent")
    with reading(world.shop.engine) as session:
        message = session.scalars(select(Message).where(Message.action_id == proposal.id)).one()
        assert message.state is MessageState.CANCELLED
        assert message.last_text == "the customer has a hold: dispute"


@pytest.mark.parametrize(("scope", "state"), [("service", "cancelled"), ("commercial", "sent")])
def test_a_suppression_holds_for_its_class_of_messages(
    world: World, scope: str, state: str
) -> None:
    walk_to(world, Stage.MIGRATE, "prepaid_migration_offer")
    proposal = waiting(world, template="prepaid_migration_offer")
    approve(world, proposal.id, "marta")
    approve(world, proposal.id, "fran")
    with writing(world.shop.engine) as session:
        assert session.get_one(Rendering, proposal.id).message_class == "service"
    place(world, ExclusionKind.SUPPRESSION, scope=scope)
    world.post("sent")
    with reading(world.shop.engine) as session:
        query = select(Message.state).where(Message.action_id == proposal.id)
        assert session.scalars(query).one() == state


def test_a_hold_needs_an_end_and_a_person_who_may(world: World) -> None:
    start = world.actor("marta").on
    person = world.shop.policies.team.get("marta")
    for wish, message in (
        (exclusions.Wish(CUSTOMER, ExclusionKind.HOLD, ExclusionReason.OTHER, start, None),
         "no end"),
        (exclusions.Wish(CUSTOMER, ExclusionKind.HOLD, ExclusionReason.OTHER, start,
                         start - timedelta(days=1)), "Its end lies after"),
        (exclusions.Wish(CUSTOMER, ExclusionKind.HOLD, ExclusionReason.OTHER, start,
                         start + timedelta(days=999)), "by 732 days"),
        (exclusions.Wish(CUSTOMER, ExclusionKind.SUPPRESSION, ExclusionReason.OTHER, start, None,
                         "legal_notice"), "no scope of it"),
    ):  # fmt: skip
        with pytest.raises(NotAllowedError, match=message), writing(world.shop.engine) as session:
            exclusions.place(
                session,
                wish,
                person,
                world.now,
                longest=LONGEST,
                owner="marta",
            )
    wish = exclusions.Wish(CUSTOMER, ExclusionKind.HOLD, ExclusionReason.OTHER, start, start)
    with pytest.raises(NotAllowedError, match="may not hold"), \
            writing(world.shop.engine) as session:  # fmt: skip
        exclusions.place(
            session,
            wish,
            person,
            world.now,
            longest=LONGEST,
            owner="james",
        )


@pytest.mark.parametrize("trouble", ["complaint", "disputed", "vulnerable"])
def test_a_complaint_voids_a_running_notice_and_somebody_calls(world: World, trouble: str) -> None:
    walk_to(world, Stage.TERMINATE, "termination_notice")
    notice = waiting(world, template="termination_notice")
    approve(world, notice.id, "marta")
    approve(world, notice.id, "diana")
    world.post("sent")
    setattr(world.people[0], trouble, 100 if trouble == "disputed" else True)
    world.night(5)
    with reading(world.shop.engine) as session:
        held = session.get_one(Action, notice.id)
        assert held.voided_on == world.today
    call = waiting(world, form="retract_notice")
    assert call.owner == "marta"
    with writing(world.shop.engine) as session:
        completing.complete(session, call.id, world.actor("marta"), outcome="talked")
    for _ in range(20):
        world.night(10)
    assert case_of(world).state is CaseState.OPEN
    setattr(world.people[0], trouble, 0 if trouble == "disputed" else False)
    world.night(10)
    anew = waiting(world, template="termination_notice")
    assert anew.id != notice.id
    assert anew.effective_on is not None
    assert (anew.effective_on - world.today).days >= 30


def test_a_notice_that_bounced_was_never_given(world: World) -> None:
    walk_to(world, Stage.TERMINATE, "termination_notice")
    notice = waiting(world, template="termination_notice")
    approve(world, notice.id, "marta")
    approve(world, notice.id, "diana")
    world.post("sent")
    with writing(world.shop.engine) as session:
        message = session.scalars(select(Message).where(Message.action_id == notice.id)).one()
        outbox.set_state(message, MessageState.BOUNCED_HARD)
    for _ in range(12):
        world.night(10)
        world.everybody_does_their_work()
    assert case_of(world).state is CaseState.OPEN


def test_a_notice_that_may_have_left_waits_for_a_person(world: World) -> None:
    walk_to(world, Stage.TERMINATE, "termination_notice")
    notice = waiting(world, template="termination_notice")
    approve(world, notice.id, "marta")
    approve(world, notice.id, "diana")
    world.post("lost")
    for _ in range(12):
        world.night(10)
    case = case_of(world)
    assert case.state is CaseState.OPEN
    assert case.waiting_for == "message_unknown"


def test_a_country_that_nobody_knows_needs_a_person_and_a_registered_letter(world: World) -> None:
    world.people[0].country = "JP"
    walk_to(world, Stage.TERMINATE)
    world.everybody_does_their_work()
    world.night(5)
    assert case_of(world).waiting_for == "notice_needs_person:unknown_country"
    check = waiting(world, form="notice_check")
    assert check.kind is ActionKind.REVIEW
    world.everybody_does_their_work()
    world.night(5)
    assert waiting(world, template="termination_notice").effective_on is not None


def test_a_changed_address_takes_the_message_back_and_writes_it_anew(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    old = waiting(world, template="renegotiation_proposal")
    world.people[0].email = "new@customers.example"
    world.night(1)
    new = waiting(world, template="renegotiation_proposal")
    assert new.id != old.id
    assert new.rendering is not None
    assert new.rendering.recipient == "new@customers.example"
    assert ask(world, lambda s: s.get_one(Action, old.id)).state is ActionState.SUPERSEDED


def test_whatever_changes_voids_an_approval(world: World) -> None:
    walk_to(world, Stage.MIGRATE, "prepaid_migration_offer")
    action = waiting(world, template="prepaid_migration_offer")
    approve(world, action.id, "marta")
    changes: list[Any] = [
        update(Rendering).where(Rendering.action_id == action.id).values(recipient="x@example.com"),
        update(Offer).where(Offer.action_id == action.id).values(new_fee=Decimal("1.00")),
        update(Action).where(Action.id == action.id).values(snapshot_hash="0" * 64),
    ]
    for change in changes:
        with world.shop.engine.connect() as connection, Session(connection) as session:
            session.execute(change)
            found = action_queries.get(session, action.id)
            valid = timedelta(hours=72)
            assert needed.given(found, world.now, valid) == []
            session.rollback()


def test_approvals_grow_old(world: World) -> None:
    walk_to(world, Stage.MIGRATE, "prepaid_migration_offer")
    action = waiting(world, template="prepaid_migration_offer")
    approve(world, action.id, "marta")
    world.today += timedelta(days=4)
    approve(world, action.id, "fran")
    assert ask(world, lambda s: s.get_one(Action, action.id)).state is ActionState.PENDING_APPROVAL
    approve(world, action.id, "marta")
    assert ask(world, lambda s: s.get_one(Action, action.id)).state is ActionState.APPROVED
    world.today += timedelta(days=4)
    world.post("sent")
    with reading(world.shop.engine) as session:
        message = session.scalars(select(Message).where(Message.action_id == action.id)).one()
        assert (message.state, message.last_text) == (
            MessageState.EXPIRED,
            "an approval is too old",
        )


def test_a_deputy_acts_within_the_dates_and_it_is_written_down(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")
    on = world.actor("marta").on
    team = world.shop.policies.team
    with pytest.raises(NotAllowedError, match="cannot approve it"):
        approve(world, action.id, "james")
    with pytest.raises(NotAllowedError, match="may not lend it"), \
            writing(world.shop.engine) as session:  # fmt: skip
        delegations.delegate(session, world.actor("james"), team.get("james"), on, on,
                      principal=team.get("marta"), reason="holiday")  # fmt: skip
    with writing(world.shop.engine) as session:
        row = delegations.delegate(
            session, world.actor("marta"), team.get("james"), on, on, reason="away today"
        )
        number = row.id
    approve(world, action.id, "james")
    with reading(world.shop.engine) as session:
        given = session.scalars(select(Approval).where(Approval.action_id == action.id)).one()
        assert (given.person_id, given.on_behalf_of) == ("james", "marta")
    with writing(world.shop.engine) as session:
        delegations.revoke(session, world.actor("marta"), number)
        assert actor.standing_in(session, world.actor("james")) == []


def test_adverse_messages_are_never_approved_in_bulk_and_others_only_when_seen(
    world: World,
) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")
    with pytest.raises(NotAllowedError, match="has opened none"), \
            writing(world.shop.engine) as session:  # fmt: skip
        bulk_approval.approve_all(session, [action.id], world.actor("marta"))
    with writing(world.shop.engine) as session:
        approvals.note_viewing(
            session, action_queries.get(session, action.id), world.actor("marta")
        )
    with writing(world.shop.engine) as session:
        bulk_approval.approve_all(session, [action.id], world.actor("marta"))
    with reading(world.shop.engine) as session:
        given = session.scalars(select(Approval).where(Approval.action_id == action.id)).one()
        assert given.dwell_seconds == 0
        (row,) = how_people_decide(session, "Europe/Madrid")
        assert (row["person"], row["decisions"], row["hasty"]) == ("marta", 1, 1)
        assert row["median_hours_waited"] == 3.0
    with pytest.raises(NotAllowedError, match="At most 20"), \
            writing(world.shop.engine) as session:  # fmt: skip
        bulk_approval.approve_all(session, [action.id] * 21, world.actor("marta"))
    world.post("sent")
    walk_to(world, Stage.MIGRATE, "prepaid_migration_offer")
    offer = waiting(world, template="prepaid_migration_offer")
    with pytest.raises(NotAllowedError, match="never approved in bulk"), \
            writing(world.shop.engine) as session:  # fmt: skip
        bulk_approval.approve_all(session, [offer.id, offer.id], world.actor("marta"))


def test_what_nobody_decides_goes_to_a_director(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")
    with pytest.raises(NotAllowedError, match="cannot approve it"):
        approve(world, action.id, "diana")
    world.night(7)
    assert ask(world, lambda s: s.get_one(Action, action.id)).escalated_on == world.today
    approve(world, action.id, "diana")


def test_something_milder_sends_the_case_back(world: World) -> None:
    walk_to(world, Stage.MIGRATE, "prepaid_migration_offer")
    action = waiting(world, template="prepaid_migration_offer")
    with pytest.raises(NotAllowedError, match="not milder"), \
            writing(world.shop.engine) as session:  # fmt: skip
        approvals.choose_milder(session, action.id, world.actor("marta"), Stage.TERMINATE,
                                code=ReasonCode.TOO_HARD, reason="no")  # fmt: skip
    with writing(world.shop.engine) as session:
        approvals.choose_milder(session, action.id, world.actor("marta"), Stage.EDUCATE,
                                code=ReasonCode.TOO_HARD, reason="they are learning")  # fmt: skip
    assert case_of(world).stage is Stage.EDUCATE
    world.night(5)
    assert case_of(world).waiting_for == "step_approved"


def test_reassign_snooze_and_comment(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")
    james = world.shop.policies.team.get("james")
    tomorrow = world.actor("marta").on + timedelta(days=1)
    with writing(world.shop.engine) as session:
        handling.comment(session, action.id, world.actor("marta"), "she is on holiday")
        handling.snooze(session, action.id, world.actor("marta"), tomorrow)
        handling.reassign(session, action.id, world.actor("olga"), james)
    with reading(world.shop.engine) as session:
        found = action_queries.get(session, action.id)
        assert (found.owner, found.snoozed_until) == ("james", tomorrow)
        assert [c.text for c in found.comments] == ["she is on holiday"]
        on = world.actor("marta").on
        assert not action_queries.list_waiting(session, state=None, stage=None, owner="james",
                                               limit=9, awake_on=on)  # fmt: skip
    refused: list[tuple[Callable[[Session], Any], str]] = [
        (lambda s: handling.snooze(s, action.id, world.actor("james"), tomorrow + timedelta(99)),
         "cannot sleep"),
        (lambda s: handling.reassign(s, action.id, world.actor("fran"), james), "may not reassign"),
        (lambda s: handling.reassign(s, action.id, world.actor("olga"),
                                     world.shop.policies.team.get("olga")), "cannot work on it"),
        (lambda s: handling.comment(s, action.id, world.actor("marta"), "x"), "may not see"),
        (lambda s: handling.comment(s, action.id, world.actor("james"), " "), "empty"),
    ]  # fmt: skip
    for work, message in refused:
        with pytest.raises(NotAllowedError, match=message), writing(world.shop.engine) as session:
            work(session)


def test_a_waiver_needs_a_reason_and_a_second_person(world: World) -> None:
    world.night(5)
    world.night(5)
    world.night(5)

    def wish(session: Session, who: str, stage: Stage, reason: str) -> str:
        case = open_case_of(session, CUSTOMER)
        return waivers.request(
            session, case, stage, world.actor(who), reason=reason, owner="marta"
        ).id

    for stage, reason, message in (
        (Stage.REASSESS, "because it is so", "never skipped"),
        (Stage.TERMINATE, "because it is so", "never skipped"),
        (Stage.EDUCATE, "no", "says nothing"),
    ):
        with pytest.raises(NotAllowedError, match=message), writing(world.shop.engine) as session:
            wish(session, "marta", stage, reason)
    with writing(world.shop.engine) as session:
        number = wish(session, "marta", Stage.EDUCATE, "was taught last month")
    for who, message in (("marta", "has asked for it"), ("olga", "may not decide")):
        with pytest.raises(NotAllowedError, match=message), writing(world.shop.engine) as session:
            waivers.decide(session, number, world.actor(who), granted=True, note="", owner="marta")
    with writing(world.shop.engine) as session:
        waivers.decide(session, number, world.actor("diana"), granted=True, note="", owner="marta")
    with pytest.raises(MoveNotAllowedError), writing(world.shop.engine) as session:
        waivers.decide(session, number, world.actor("dora"), granted=False, note="", owner="marta")


@pytest.mark.parametrize("lender", ["marta", "diana"])
def test_who_asks_for_a_waiver_their_deputy_and_their_principal_are_one(
    world: World, lender: str
) -> None:
    """Marta asks; diana stands in for her, or she for diana, for a day: diana is no second."""
    for _ in range(3):
        world.night(5)
    team, on = world.shop.policies.team, world.actor("marta").on
    borrower = {"marta": "diana", "diana": "marta"}[lender]
    with writing(world.shop.engine) as session:
        delegations.delegate(session, world.actor(lender), team.get(borrower), on, on,
                             reason="away for the day")  # fmt: skip
        case = open_case_of(session, CUSTOMER)
        number = waivers.request(session, case, Stage.EDUCATE, world.actor("marta"),
                                 reason="was taught last month", owner="marta").id  # fmt: skip
    world.night(5)
    with pytest.raises(NotAllowedError, match="stands in for who has"), \
            writing(world.shop.engine) as session:  # fmt: skip
        waivers.decide(session, number, world.actor("diana"), granted=True, note="", owner="marta")
    with writing(world.shop.engine) as session:
        waivers.decide(session, number, world.actor("dora"), granted=True, note="", owner="marta")


def test_answers_to_an_offer(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")

    def answer(said: Answer, fee: str | None = None) -> OfferState:
        with writing(world.shop.engine) as session:
            found = action_queries.get(session, action.id, lock=True)
            made = offers.answer(session, found, world.actor("marta").author, said,
                                 counter_fee=Decimal(fee) if fee else None)  # fmt: skip
            return made.state

    with pytest.raises(NotAllowedError, match="Only a sent offer"):
        answer(Answer.ACCEPT)
    approve(world, action.id, "marta")
    world.post("sent")
    assert answer(Answer.ASK) is OfferState.SENT
    with pytest.raises(NotAllowedError, match="needs a fee"):
        answer(Answer.COUNTER)
    assert answer(Answer.COUNTER, "52.50") is OfferState.COUNTERED
    for _ in range(5):
        world.night(10)
    assert case_of(world).waiting_for == "offer_being_answered"


def revise_it(world: World, action: Action, wish: Revision) -> Action:
    """Let the owner of an offer propose something else."""
    with writing(world.shop.engine) as session:
        return revise(session, action.id, world.actor("marta"), wish,
                      world.shop.sender, world.shop.folders)  # fmt: skip


def test_an_offer_is_changed_before_anybody_has_seen_it(world: World) -> None:
    """Its owner offers less, and for longer; the message with the old figures can leave no more."""
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")
    today = world.actor("marta").on
    with pytest.raises(NotAllowedError, match="nothing would change"):
        revise_it(world, action, Revision())
    with pytest.raises(NotAllowedError, match="is about the price, not about a service"):
        revise_it(world, action, Revision(detail="Basic"))
    for days in (-400, 1, 400):
        with pytest.raises(NotAllowedError, match="is not between .* Choose another day"):
            revise_it(world, action, Revision(until=today + timedelta(days=days)))
    with reading(world.shop.engine) as session:
        later = session.scalars(select(Offer)).one().expires_on + timedelta(days=5)
    new = revise_it(world, action, Revision(Decimal("51.00"), until=later))
    with pytest.raises(NotAllowedError):
        approve(world, action.id, "marta")
    with pytest.raises(NotAllowedError, match="has written it"):
        approve(world, new.id, "marta")
    approve(world, new.id, "diana")
    world.post("sent")
    with reading(world.shop.engine) as session:
        versions = session.scalars(select(Offer).order_by(Offer.version)).all()
        assert [(o.state, o.void_reason) for o in versions] == [
            (OfferState.VOIDED, "superseded"), (OfferState.SENT, None)
        ]  # fmt: skip
        assert (versions[1].new_fee, versions[1].expires_on) == (Decimal("51.00"), later)
        assert session.get_one(Action, action.id).state is ActionState.SUPERSEDED
        assert session.scalar(select(Message).where(Message.action_id == action.id)) is None
        assert "51,00" in session.get_one(Rendering, new.id).text
    world.night(1)
    assert case_of(world).stage is Stage.RENEGOTIATE
    with reading(world.shop.engine) as session:
        assert not session.scalars(select(Action).where(Action.state == "pending_approval")).all()


def test_a_counter_offer_is_answered_with_a_new_version(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")
    approve(world, action.id, "marta")
    world.post("sent")

    def revised(fee: str) -> Action:
        return revise_it(world, action, Revision(Decimal(fee)))

    with writing(world.shop.engine) as session:
        found = action_queries.get(session, action.id, lock=True)
        offers.answer(session, found, world.actor("marta").author, Answer.COUNTER,
                      counter_fee=Decimal("52.50"))  # fmt: skip
    with pytest.raises(NotAllowedError, match="is not between 0 and 65.00"):
        revised("65.01")
    new = revised("52.50")
    with pytest.raises(NotAllowedError, match="is voided. its case is open. Too late"):
        revised("52.00")
    with pytest.raises(NotAllowedError, match="has written it"):
        approve(world, new.id, "marta")
    approve(world, new.id, "diana")
    world.post("sent")
    with reading(world.shop.engine) as session:
        versions = session.scalars(select(Offer).order_by(Offer.version)).all()
        states = [(o.version, o.state, o.new_fee, o.void_reason) for o in versions]
        rendering = session.get_one(Rendering, new.id)
    assert states[0] == (1, OfferState.VOIDED, states[0][2], "superseded")
    assert states[1] == (2, OfferState.SENT, Decimal("52.50"), None)
    assert "52,50" in rendering.text


def test_what_is_accepted_gets_time_to_show(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    action = waiting(world, template="renegotiation_proposal")
    approve(world, action.id, "marta")
    world.post("sent")
    with writing(world.shop.engine) as session:
        found = action_queries.get(session, action.id, lock=True)
        offers.answer(session, found, world.actor("marta").author, Answer.ACCEPT)
    for _ in range(8):
        world.night(10)
    assert case_of(world).waiting_for == "offer_being_answered"
    world.night(20)
    assert case_of(world).stage is Stage.MIGRATE


def test_prepaying_and_a_partner_who_confirms_both_migrate(world: World) -> None:
    walk_to(world, Stage.MIGRATE, "prepaid_migration_offer")
    partners = world.shop.policies.partners
    with writing(world.shop.engine) as session:
        case = open_case_of(session, CUSTOMER)
        place_ = ("GB", "b2c")
        with pytest.raises(NotAllowedError, match="does not take such"):
            handovers.offer(session, case, partners["norte"], world.actor("marta"), place=place_,
                            owner="marta")  # fmt: skip
        row = handovers.offer(session, case, partners["norte"], world.actor("marta"),
                              place=("ES", "b2c"), owner="marta")  # fmt: skip
        with pytest.raises(NotAllowedError, match="there is one to norte"):
            handovers.offer(session, case, partners["norte"], world.actor("marta"),
                            place=("ES", "b2c"), owner="marta")  # fmt: skip
        assert handovers.places_left(session, partners["norte"]) == 24
        number = row.id
    with pytest.raises(MoveNotAllowedError), writing(world.shop.engine) as session:
        handovers.move(
            session,
            number,
            world.actor("marta"),
            HandoverState.CONFIRMED,
            "Ana, Norte",
            owner="marta",
        )
    for step in (HandoverState.CONSENTED, HandoverState.REQUESTED):
        with writing(world.shop.engine) as session:
            handovers.move(session, number, world.actor("marta"), step, "", owner="marta")
    world.night(5)
    assert case_of(world).state is CaseState.OPEN
    with pytest.raises(NotAllowedError, match="who has confirmed"), \
            writing(world.shop.engine) as session:  # fmt: skip
        handovers.move(
            session, number, world.actor("marta"), HandoverState.CONFIRMED, "", owner="marta"
        )
    with writing(world.shop.engine) as session:
        handovers.move(
            session,
            number,
            world.actor("marta"),
            HandoverState.CONFIRMED,
            "Ana, Norte",
            owner="marta",
        )
    world.night(5)
    assert case_of(world).state is CaseState.MIGRATED


def test_the_switch_stops_sending_and_a_playbook_waits(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    proposal = waiting(world, template="renegotiation_proposal")
    approve(world, proposal.id, "marta")
    team = world.shop.policies.team
    with pytest.raises(NotAllowedError, match="may not start"), \
            writing(world.shop.engine) as session:  # fmt: skip
        switches.start(session, "all", team.get("marta"), "a good reason", world.now)
    with writing(world.shop.engine) as session:
        switches.stop(session, "stage:renegotiate", team.get("marta"), "wrong price", world.now)
    world.post("sent")
    with reading(world.shop.engine) as session:
        message = session.scalars(select(Message).where(Message.action_id == proposal.id)).one()
        assert (message.state, message.attempts) == (MessageState.QUEUED, 0)
    with writing(world.shop.engine) as session:
        switches.start(session, "stage:renegotiate", team.get("olga"), "price mended", world.now)
        switches.stop(session, "playbook:restore", team.get("olga"), "under review", world.now)
    world.post("sent")
    world.night(5)
    assert case_of(world).waiting_for == "playbook_stopped"


def test_what_is_too_much_is_held_as_a_whole_and_needs_two_people(world: World) -> None:
    for person in world.people:
        person.present = True
    for _ in range(30):
        world.night(5)
        if ask(world, lambda s: s.scalars(select(Batch).where(Batch.effect == "migrate")).all()):
            break
        with writing(world.shop.engine) as session:
            for batch in batches.list_open(session):
                if batch.state is BatchState.HELD:
                    batches.release(session, batch, world.shop.policies.team.get("olga"),
                                    "looked at all of them", world.now)  # fmt: skip
        world.everybody_does_their_work()
        world.post("sent")
    with reading(world.shop.engine) as session:
        batch = session.scalars(select(Batch).where(Batch.effect == "migrate")).one()
        assert (batch.wanted, batch.allowed, len(batch.customers)) == (5, 2, 5)
        adverse = session.scalars(select(Action).where(Action.stage == Stage.MIGRATE)).all()
        assert adverse == []
    team = world.shop.policies.team

    def release(who: str) -> BatchState:
        with writing(world.shop.engine) as session:
            found = batches.get(session, batch.id[:8])
            return batches.release(session, found, team.get(who), "looked at all", world.now).state

    with pytest.raises(NotAllowedError, match="may not release"):
        release("marta")
    assert release("olga") is BatchState.HELD
    with pytest.raises(NotAllowedError, match="A second person must"):
        release("olga")
    assert release("diana") is BatchState.RELEASED
    world.night(5)
    with reading(world.shop.engine) as session:
        assert session.get_one(Batch, batch.id).state is BatchState.USED
        made = session.scalars(select(Action).where(Action.stage == Stage.MIGRATE)).all()
        assert len(made) == 5


def test_holdouts_are_whole_groups_drawn_once(world: World) -> None:
    for person in world.people:
        person.present = True
    policies = world.shop.policies
    rules = HoldoutDoc(salt="c", restore=0.5)
    object.__setattr__(world.shop, "policies", _with_holdout(policies, rules))
    world.ties = [("C0", "C1"), ("C1", "C0"), ("C1", "C2"), ("C2", "C1")]
    for _ in range(4):
        world.night(3)
    with reading(world.shop.engine) as session:
        arms = {row.customer_id: row for row in session.scalars(select(Holdout))}
        treated = set(session.scalars(select(Case.customer_id)))
    assert len(arms) == 5
    assert {arms[c].group_key for c in ("C0", "C1", "C2")} == {"C0"}
    assert len({arms[c].arm for c in ("C0", "C1", "C2")}) == 1
    assert treated == {c for c, row in arms.items() if row.arm is Arm.TREATED}
    assert {row.arm for row in arms.values()} == set(Arm)
    object.__setattr__(world.shop, "policies",
                       _with_holdout(policies, HoldoutDoc(salt="other", restore=0.0)))  # fmt: skip
    for _ in range(4):
        world.night(3)
    with reading(world.shop.engine) as session:
        assert set(session.scalars(select(Case.customer_id))) == treated


def _with_holdout(policies: Any, rules: HoldoutDoc) -> Any:
    return replace(policies, holdout=rules)


def test_a_hold_counts_for_a_night_of_yesterday_that_runs_today(world: World) -> None:
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    world.today += timedelta(days=5)
    place(world, ExclusionKind.HOLD)
    world.night(0)
    assert case_of(world).waiting_for == "on_hold:dispute"


def given_notice(world: World) -> Action:
    walk_to(world, Stage.TERMINATE, "termination_notice")
    notice = waiting(world, template="termination_notice")
    approve(world, notice.id, "marta")
    approve(world, notice.id, "diana")
    world.post("sent")
    return notice


def test_an_adverse_message_is_taken_back_while_the_data_is_bad(world: World) -> None:
    walk_to(world, Stage.TERMINATE, "termination_notice")
    notice = waiting(world, template="termination_notice")
    approve(world, notice.id, "marta")
    world.night(1, tripped=("tickets",))
    assert case_of(world).waiting_for == "source_held"
    assert ask(world, lambda s: s.get_one(Action, notice.id)).state is ActionState.SUPERSEDED


def test_the_call_that_takes_a_notice_back_is_owed_until_somebody_has_talked(
    world: World,
) -> None:
    notice = given_notice(world)
    world.people[0].complaint = True
    world.night(5)
    call = waiting(world, form="retract_notice")
    with writing(world.shop.engine) as session:
        completing.complete(session, call.id, world.actor("marta"), outcome="not_reached")
    world.people[0].complaint = False
    for _ in range(8):
        world.night(9)
    again = waiting(world, form="retract_notice")
    assert again.id != call.id
    assert case_of(world).waiting_for == "notice_not_called_back"
    with writing(world.shop.engine) as session:
        completing.complete(session, again.id, world.actor("marta"), outcome="talked")
    world.night(9)
    assert waiting(world, template="termination_notice").id != notice.id


def test_choosing_something_milder_voids_a_running_notice(world: World) -> None:
    notice = given_notice(world)
    for _ in range(10):
        world.night(5)
        second = [a for a in case_of(world).actions if a.template == "second_notice"]
        if second:
            break
    with writing(world.shop.engine) as session:
        approvals.choose_milder(session, second[0].id, world.actor("diana"), Stage.EDUCATE,
                                code=ReasonCode.TOO_HARD, reason="they will learn")  # fmt: skip
    assert ask(world, lambda s: s.get_one(Action, notice.id)).voided_on is not None
    world.night(5)
    assert waiting(world, form="retract_notice").owner == "marta"


def test_a_notice_goes_on_when_the_company_cancels_for_the_day_it_names(world: World) -> None:
    """Who cancels before a notice is written none; who holds one is told of its end again."""
    notice = given_notice(world)
    world.people[0].leaving_on = world.today + timedelta(days=400)
    for _ in range(10):
        world.night(5)
        world.everybody_does_their_work()
        world.post("sent")
        second = [a for a in case_of(world).actions if a.template == "second_notice"]
        if second:
            break
    ids = {notice.id, second[0].id}
    assert ask(world, lambda session: under_notice(session, ids)) == {second[0].id}
    with writing(world.shop.engine) as session:
        session.get_one(Action, notice.id).voided_on = world.today
    assert ask(world, lambda session: under_notice(session, ids)) == set()


def test_who_cancels_is_written_no_notice(world: World) -> None:
    walk_to(world, Stage.TERMINATE, "termination_notice")
    notice = waiting(world, template="termination_notice")
    approve(world, notice.id, "marta")
    world.people[0].leaving_on = world.today + timedelta(days=40)
    world.night(1)
    assert case_of(world).waiting_for == "cancelled_by_customer"
    assert ask(world, lambda s: s.get_one(Action, notice.id)).state is ActionState.SUPERSEDED
    world.people[0].left_on = world.today + timedelta(days=1)
    world.night(2)
    assert case_of(world).state is CaseState.SELF_CHURNED


def test_nobody_is_to_be_told_of_an_end_while_their_customer_recovers(world: World) -> None:
    """The talk before the notice is taken back with everything else; later it is due anew."""
    walk_to(world, Stage.TERMINATE)
    talk = waiting(world, form="conversation")
    world.people[0].recovering = True
    world.night(1)
    assert case_of(world).waiting_for == "recovering"
    assert ask(world, lambda s: s.get_one(Action, talk.id)).state is ActionState.SUPERSEDED
    world.people[0].recovering = False
    for _ in range(8):
        world.night(9)
    assert waiting(world, form="conversation").id != talk.id


def test_the_second_notice_says_the_day_on_which_it_ends(world: World) -> None:
    given_notice(world)
    for _ in range(10):
        world.night(5)
        world.everybody_does_their_work()
        world.post("sent")
        second = [a for a in case_of(world).actions if a.template == "second_notice"]
        if second:
            break
    with reading(world.shop.engine) as session:
        text = session.get_one(Rendering, second[0].id).text
    for _ in range(15):
        world.night(3)
        world.everybody_does_their_work()
        if case_of(world).state is CaseState.TERMINATED:
            break
        world.post("sent")
    closed = case_of(world).closed_on
    assert closed is not None
    said = re.search(r"termina el\s\w+\s(\d+)\sde\s(\w+)", text)
    assert said is not None
    months = dict(zip(("marzo", "abril", "mayo", "junio", "julio"), range(3, 8), strict=True))
    day = date(closed.year, months[said[2]], int(said[1]))
    assert day <= closed


def test_an_exemption_of_a_vanished_customer_with_a_notice_stops_no_night(world: World) -> None:
    given_notice(world)
    world.people[0].present = False
    place(world, ExclusionKind.EXEMPTION)
    world.night(5)
    assert case_of(world).state is CaseState.EXEMPT
    assert waiting(world, form="retract_notice").owner == "marta"


@pytest.mark.parametrize(("late", "outcome"), [(0, "delivered"), (1, "delivered_too_late")])
def test_a_registered_letter_counts_from_the_day_it_was_signed_for(
    world: World, late: int, outcome: str
) -> None:
    policies = world.shop.policies
    by_post = NoticeRule("es-post", 30, 0, "ES", None, Proof.RECEIPT, "a law", "high", FAR)
    rules = replace(policies.notices, rules=(by_post,))
    object.__setattr__(world.shop, "policies", replace(policies, notices=rules))
    walk_to(world, Stage.TERMINATE)
    world.everybody_does_their_work()
    world.night(5)
    letter = waiting(world, template="termination_notice")
    assert letter.kind is ActionKind.LETTER
    with writing(world.shop.engine) as session:
        place_switch = world.shop.policies.team.get("olga")
        switches.stop(session, "action:letter", place_switch, "printer is down", world.now)
    with pytest.raises(NotAllowedError, match="may not be posted"):
        approve(world, letter.id, "marta")
    with writing(world.shop.engine) as session:
        switches.start(session, "action:letter", place_switch, "it prints again", world.now)
    approve(world, letter.id, "marta")
    approve(world, letter.id, "diana")
    world.night(1, tripped=("tickets",))  # a letter that may be in the post stays approved
    signed = letter.due_on + timedelta(days=late)
    world.today = signed + timedelta(days=4)
    world.night(1)
    answers = {"proof": "RR123", "delivered_on": signed.isoformat()}
    with writing(world.shop.engine) as session:
        done = completing.complete(session, letter.id, world.actor("marta"), outcome="delivered",
                                   answers=answers)  # fmt: skip
        assert (done.outcome, done.done_on) == (outcome, signed)
        assert (done.voided_on is None) == (late == 0)
    world.night(1)
    case = case_of(world)
    assert (case.waiting_for == "notice_running") == (late == 0)


def test_a_counter_offer_waits_for_an_answer_and_what_was_agreed_stays(world: World) -> None:
    walk_to(world, Stage.MIGRATE, "prepaid_migration_offer")
    action = waiting(world, template="prepaid_migration_offer")
    approve(world, action.id, "marta")
    approve(world, action.id, "fran")
    world.post("sent")
    with writing(world.shop.engine) as session:
        found = action_queries.get(session, action.id, lock=True)
        offers.answer(session, found, world.actor("marta").author, Answer.ACCEPT)
    for _ in range(11):
        world.night(9)
    assert case_of(world).stage is Stage.TERMINATE
    world.people[0].prepaid = True
    world.night(5)
    assert case_of(world).state is CaseState.MIGRATED


def test_nobody_who_runs_the_nights_stands_in(world: World) -> None:
    team, on = world.shop.policies.team, world.actor("marta").on
    for deputy, reason, message in (("olga", "holiday", "runs or audits"),
                                    ("james", " ", "says nothing")):  # fmt: skip
        with pytest.raises(NotAllowedError, match=message), writing(world.shop.engine) as session:
            delegations.delegate(
                session, world.actor("marta"), team.get(deputy), on, on, reason=reason
            )


def test_a_waived_stage_is_passed_over(world: World) -> None:
    walk_to(world, Stage.EDUCATE)
    with writing(world.shop.engine) as session:
        case = open_case_of(session, CUSTOMER)
        number = waivers.request(session, case, Stage.RENEGOTIATE, world.actor("marta"),
                                 reason="the price is fixed by law", owner="marta").id  # fmt: skip
    with writing(world.shop.engine) as session:
        waivers.decide(session, number, world.actor("diana"), granted=True, note="", owner="marta")
    walk_to(world, Stage.MIGRATE)
    stages = [e.to_stage for e in case_of(world).events if e.to_stage]
    assert stages == [Stage.REASSESS, Stage.EDUCATE, Stage.MIGRATE]


# The audit


@pytest.fixture
def audited(world: World) -> World:
    """A world with a past: a case that has come some way."""
    walk_to(world, Stage.RENEGOTIATE, "renegotiation_proposal")
    with reading(world.shop.engine) as session:
        assert audit.verify(session, []).findings == ()
    return world


def findings(world: World, heads: list[audit.Head] | None = None) -> list[str]:
    with reading(world.shop.engine) as session:
        return [f.what for f in audit.verify(session, heads or []).findings]


@pytest.mark.parametrize("column", ["kind", "subject", "record_hash", "hash", "at"])
def test_a_changed_event_is_found(audited: World, column: str) -> None:
    with audited.shop.engine.begin() as connection:
        newest = connection.execute(select(func.max(AuditEvent.number))).scalar_one()
        for number in (1, newest // 2, newest):
            value: Any = "x" if column != "at" else audited.now + timedelta(days=365)
            nested = connection.begin_nested()
            connection.execute(
                update(AuditEvent).where(AuditEvent.number == number).values({column: value})
            )
            with Session(connection) as session:
                assert audit.verify(session, []).findings
            nested.rollback()


def test_a_changed_or_removed_record_is_found(audited: World) -> None:
    with writing(audited.shop.engine) as session:
        kept = session.get_one(AuditRecord, 3)
        kept.document = {**kept.document, "reason": "somebody else's"}
    assert findings(audited) == ["its record was changed"]
    with writing(audited.shop.engine) as session:
        session.execute(delete(AuditRecord).where(AuditRecord.number == 3))
    assert findings(audited) == ["its record was removed"]


def test_a_removed_event_and_a_cut_tail_are_found(audited: World) -> None:
    with reading(audited.shop.engine) as session:
        head = audit.Head(*head_of(session))
    assert findings(audited, [head]) == []
    with writing(audited.shop.engine) as session:
        session.execute(delete(AuditRecord).where(AuditRecord.number == head.number))
        session.execute(delete(AuditEvent).where(AuditEvent.number == head.number))
    assert any("was cut off" in what for what in findings(audited, [head]))
    with writing(audited.shop.engine) as session:
        session.execute(delete(AuditRecord).where(AuditRecord.number == 2))
        session.execute(delete(AuditEvent).where(AuditEvent.number == 2))
    assert any("is missing" in what for what in findings(audited))


def test_a_rewritten_chain_differs_from_the_exported_head(audited: World) -> None:
    head = audit.Head(1, "0" * 64)
    assert findings(audited, [head]) == ["is not what was exported"]


def test_a_changed_receipt_is_found(audited: World) -> None:
    with writing(audited.shop.engine) as session:
        receipt = session.scalars(select(Receipt).limit(1)).one()
        receipt.document = {**receipt.document, "stage": "terminate"}
    assert any("was changed" in what for what in findings(audited))


def test_personal_data_is_erased_and_the_chain_holds(audited: World) -> None:
    director = audited.shop.policies.team.get("diana")
    root = audited.shop.folders.snapshots

    def erase() -> int:
        with writing(audited.shop.engine) as session:
            return erasure.erase(session, root, CUSTOMER, director, "asked for it", audited.now)

    with pytest.raises(NotAllowedError, match="open case"):
        erase()
    place(audited, ExclusionKind.EXEMPTION)
    audited.night(5)
    night = audited.shop.folders.newest()
    assert read_rows(root, night, [CUSTOMER])[CUSTOMER]["name"].startswith("Ana")
    keep_at_hand(root, night, [CUSTOMER, "gone"])
    people = people_of(root, [CUSTOMER, "gone", "not at hand"])
    assert people.keys() == {CUSTOMER}
    assert people[CUSTOMER]["name"].startswith("Ana")
    assert erase() > 5
    assert read_rows(root, night, [CUSTOMER]) == {}, "a page of this process still knows them"
    assert findings(audited) == []
    with reading(audited.shop.engine) as session:
        assert (
            session.scalars(select(AuditRecord).where(AuditRecord.customer_id == CUSTOMER)).all()
            == []
        )
        for rendering in session.scalars(select(Rendering)):
            kept = (rendering.recipient, rendering.raw, rendering.letter)
            assert kept == ("erased", b"", None)
    assert people_of(root, [CUSTOMER]) == {}
    files = [*Path(root).rglob("people-*.parquet"), *Path(root).rglob("people-*.json")]
    assert not any(b"Ana" in file.read_bytes() for file in files)
