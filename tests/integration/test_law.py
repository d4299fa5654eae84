"""The law of the ladder: random nights, people, answers and failures, and what must always hold."""

from collections import defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.actions import approval as approvals
from retention.actions import offers
from retention.audit import verify as audit
from retention.audit.replay_decisions import replay_receipts
from retention.cases import waivers
from retention.db.models.exemptions import Waiver
from retention.db.models.runs import Batch
from retention.db.models.work.actions import Action, Receipt
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState
from retention.domain.approving import ReasonCode
from retention.domain.cases import CaseEventKind, CaseState
from retention.domain.exclusions import ExclusionKind, ExclusionReason
from retention.domain.limits import ADVERSE_EFFECTS, BatchState
from retention.domain.messages import MessageState
from retention.domain.offers import Answer
from retention.domain.stages import ADVERSE_STAGES, LADDERS, PlaybookName, Stage
from retention.domain.waivers import WaiverState
from retention.messages import outbox
from retention.safeguards import exclusions
from retention.safeguards import kill_switch as switches
from tests.factories.worlds import CAP, LONGEST, World

PEOPLE = ("marta", "james", "fran", "diana", "olga", "dora")


def _same_week(self: "Ladder", days: int) -> None:
    self.an_ordinary_week(days)


class Ladder(World, RuleBasedStateMachine):
    """Nights, people, customers and the post, in any order."""

    @initialize()
    def start(self) -> None:
        self.begin()

    @rule(days=st.integers(1, 12), tripped=st.sampled_from([(), (), (), (), ("tickets",)]))
    def a_night(self, days: int, tripped: tuple[str, ...]) -> None:
        self.night(days, tripped)

    @rule(fate=st.sampled_from(["sent", "sent", "sent", "refused", "lost", "later"]))
    def the_post(self, fate: str) -> None:
        self.post(fate)

    @rule(who=st.sampled_from(PEOPLE), second=st.sampled_from(PEOPLE))
    def somebody_releases(self, who: str, second: str) -> None:
        self.release_what_was_held(who, second)

    @rule(
        who=st.integers(0, 4),
        what=st.sampled_from(
            ["complaint", "disputed", "vulnerable", "profit", "pays", "gone", "email", "calm"]
        ),
    )
    def something_happens(self, who: int, what: str) -> None:
        person = self.people[who]
        if what == "complaint":
            person.complaint = not person.complaint
        elif what == "disputed":
            person.disputed = 0 if person.disputed else 100
        elif what == "vulnerable":
            person.vulnerable = not person.vulnerable
        elif what == "profit":
            person.profit = -person.profit
        elif what == "pays":
            person.overdue = max(0, person.overdue - 150)
        elif what == "gone":
            person.present = not person.present
        elif what == "email":
            person.email = None if person.email else f"{person.customer_id}@customers.example"
        else:
            person.contacts_change = -person.contacts_change

    def waiting(self, session: Session, pick: int) -> Action | None:
        found = session.scalars(
            select(Action)
            .where(Action.state.in_([ActionState.PENDING_APPROVAL, ActionState.APPROVED]))
            .order_by(Action.id)
        ).all()
        return found[pick % len(found)] if found else None

    @rule(pick=st.integers(0, 50), who=st.sampled_from(PEOPLE))
    def approve(self, pick: int, who: str) -> None:
        def work(session: Session) -> None:
            action = self.waiting(session, pick)
            if action is not None:
                self.look_and_approve(session, action.id, who)

        self.attempt(work)

    @rule(days=st.integers(3, 12))
    def an_ordinary_week(self, days: int) -> None:
        """What keeps random worlds moving: a night, people who work, and the post."""
        self.night(days)
        self.everybody_does_their_work()
        self.post("sent")

    another_ordinary_week = rule(days=st.integers(3, 12))(_same_week)
    a_third_ordinary_week = rule(days=st.integers(3, 12))(_same_week)

    @rule(pick=st.integers(0, 50), who=st.sampled_from(PEOPLE),
          outcome=st.sampled_from(["unwilling", "unable", "own_fault", "not_reached"]))  # fmt: skip
    def complete(self, pick: int, who: str, outcome: str) -> None:
        def work(session: Session) -> None:
            action = self.waiting(session, pick)
            if action is not None:
                self._complete(session, action.id, who, outcome)

        self.attempt(work)

    @rule(pick=st.integers(0, 50), who=st.sampled_from(PEOPLE), to=st.sampled_from(list(Stage)))
    def reject_or_choose_milder(self, pick: int, who: str, to: Stage) -> None:
        def work(session: Session) -> None:
            action = self.waiting(session, pick)
            if action is None:
                return
            if pick % 2:
                approvals.reject(
                    session, action.id, self.actor(who), code=ReasonCode.OTHER, reason="no"
                )
            else:
                approvals.choose_milder(
                    session, action.id, self.actor(who), to, code=ReasonCode.TOO_HARD, reason="no"
                )

        self.attempt(work)

    @rule(who=st.sampled_from(PEOPLE), second=st.sampled_from(PEOPLE), granted=st.booleans(),
          stage=st.sampled_from(list(Stage)), customer=st.integers(0, 4))  # fmt: skip
    def waive(self, who: str, second: str, stage: Stage, customer: int, *, granted: bool) -> None:
        def ask(session: Session) -> None:
            case = session.scalars(
                select(Case).where(Case.customer_id == f"C{customer}", Case.state == CaseState.OPEN)
            ).one_or_none()
            if case is not None:
                waivers.request(session, case, stage, self.actor(who), reason="we did it by phone",
                                owner="marta")  # fmt: skip

        def decide(session: Session) -> None:
            for waiver, _ in waivers.list_requested(session):
                waivers.decide(session, waiver.id, self.actor(second), granted=granted, note="",
                               owner="marta")  # fmt: skip

        self.attempt(ask)
        self.attempt(decide)

    @rule(customer=st.integers(0, 4), who=st.sampled_from(PEOPLE), days=st.integers(-2, 30),
          kind=st.sampled_from(list(ExclusionKind)))  # fmt: skip
    def leave_alone(self, customer: int, who: str, days: int, kind: ExclusionKind) -> None:
        start = self.today + timedelta(days=1)
        wish = exclusions.Wish(
            f"C{customer}", kind, ExclusionReason.OTHER, start, start + timedelta(days=days)
        )
        person = self.shop.policies.team.get(who)
        self.attempt(
            lambda s: exclusions.place(s, wish, person, self.now, longest=LONGEST, owner="marta")
        )

    @rule(who=st.sampled_from(PEOPLE), scope=st.sampled_from(["all", "adverse"]), on=st.booleans())
    def switch(self, who: str, scope: str, *, on: bool) -> None:
        change = switches.start if on else switches.stop
        person = self.shop.policies.team.get(who)
        self.attempt(lambda s: change(s, scope, person, "because of a test", self.now))

    @rule(said=st.sampled_from(list(Answer)), pick=st.integers(0, 20))
    def customer_answers(self, said: Answer, pick: int) -> None:
        def work(session: Session) -> None:
            found = session.scalars(
                select(Action)
                .join(Action.offer)
                .options(joinedload(Action.offer))
                .order_by(Action.id)
            ).all()
            if found:
                action = found[pick % len(found)]
                offers.answer(
                    session, action, self.actor(action.owner).author, said, counter_fee=None
                )

        self.attempt(work)

    @rule(pick=st.integers(0, 50))
    def something_bounces(self, pick: int) -> None:
        with writing(self.shop.engine) as session:
            sent = session.scalars(
                select(Message).where(Message.state == MessageState.SENT).order_by(Message.id)
            ).all()
            if sent:
                outbox.set_state(sent[pick % len(sent)], MessageState.BOUNCED_HARD)

    # What must always hold.

    @invariant()
    def the_law_holds(self) -> None:
        if not getattr(self, "unchecked", False):
            return
        self.unchecked = False
        self.nobody_has_two_open_cases()
        self.every_message_that_left_was_approved_for_what_it_was()
        self.no_stage_is_skipped()
        self.nobody_is_terminated_without_all_that_it_takes()
        self.no_night_does_more_than_its_caps()
        self.the_audit_holds_and_every_decision_can_be_replayed()
        self.nothing_counts_that_was_not_delivered()

    def nobody_has_two_open_cases(self) -> None:
        with reading(self.shop.engine) as session:
            most = session.scalar(
                select(func.count())
                .where(Case.state == CaseState.OPEN)
                .group_by(Case.customer_id)
                .order_by(func.count().desc())
                .limit(1)
            )
        assert (most or 0) <= 1

    def every_message_that_left_was_approved_for_what_it_was(self) -> None:
        with reading(self.shop.engine) as session:
            left = session.scalars(
                select(Action)
                .join(Message, Message.action_id == Action.id)
                .where(Message.sent_at.is_not(None))
                .options(joinedload(Action.message), selectinload(Action.approvals))
            ).all()
            for action in left:
                assert action.message is not None
                counts = timedelta(hours=72, seconds=action.message.waited)  # waiting ages nothing
                good = [
                    a
                    for a in action.approvals
                    if a.approved
                    and a.content_hash == action.message.content_hash
                    and a.decided_at > (action.message.sent_at or self.now) - counts
                ]
                people = {a.person_id for a in good}
                wanted = max(len(action.required_roles), 2 * (action.stage in ADVERSE_STAGES))
                assert len(people) >= wanted
                assert action.proposed_by not in people

    def no_stage_is_skipped(self) -> None:
        with reading(self.shop.engine) as session:
            waived = {
                (w.case_id, w.stage)
                for w in session.scalars(select(Waiver))
                if w.state is WaiverState.GRANTED and w.requested_by != w.decided_by
            }
            for case in session.scalars(select(Case).options(selectinload(Case.events))):
                ladder = LADDERS[case.playbook]
                reached: set[Stage] = set()
                for event in case.events:
                    if event.kind is not CaseEventKind.STAGE_ENTERED or event.to_stage is None:
                        continue
                    reached.add(event.from_stage or ladder[0])
                    if event.actor != "retention":
                        continue  # a person has chosen something milder
                    before = set(ladder[: ladder.index(event.to_stage)])
                    assert all(s in reached or (case.id, s) in waived for s in before)

    def nobody_is_terminated_without_all_that_it_takes(self) -> None:
        with reading(self.shop.engine) as session:
            ended = session.scalars(
                select(Case)
                .where(Case.state == CaseState.TERMINATED)
                .options(
                    selectinload(Case.events),
                    selectinload(Case.actions).joinedload(Action.message),
                    selectinload(Case.actions).selectinload(Action.approvals),
                )
            ).all()
            for case in ended:
                self._check_termination(session, case)

    def _check_termination(self, session: Session, case: Case) -> None:
        notices = [
            a for a in case.actions
            if a.effective_on and a.voided_on is None and a.state is ActionState.DONE
        ]  # fmt: skip
        assert notices
        notice = notices[-1]
        assert notice.done_on is not None
        assert notice.effective_on is not None
        assert case.closed_on is not None
        assert (notice.effective_on - notice.done_on).days >= 30
        assert notice.effective_on <= case.closed_on
        assert notice.effective_on.weekday() <= 3
        assert len({a.person_id for a in notice.approvals if a.approved}) >= 2
        calls = [a for a in case.actions
                 if a.form == "conversation" and a.outcome == "talked" and a.done_on]  # fmt: skip
        assert any(c.done_on and c.done_on <= notice.done_on and c.answers for c in calls)
        clock = {notice.done_on + timedelta(days=n)
                 for n in range((case.closed_on - notice.done_on).days + 1)}  # fmt: skip
        assert not self.blocked[case.customer_id] & clock
        served = {s for s in LADDERS[PlaybookName.RESTORE] if self._served(session, case, s)}
        assert served >= set(LADDERS[PlaybookName.RESTORE][:-1])

    def _served(self, session: Session, case: Case, stage: Stage) -> bool:
        waiver = session.scalars(
            select(Waiver).where(Waiver.case_id == case.id, Waiver.stage == stage)
        ).one_or_none()
        if waiver is not None and waiver.state is WaiverState.GRANTED:
            return True
        return any(
            a.stage is stage and a.state is ActionState.DONE and a.done_on
            for a in case.actions
            if a.kind is not ActionKind.EMAIL or (a.message and a.message.sent_at)
        )

    def no_night_does_more_than_its_caps(self) -> None:
        with reading(self.shop.engine) as session:
            touched: dict[tuple[date, str], set[str]] = defaultdict(set)
            rows = session.execute(
                select(Receipt.as_of, Receipt.customer_id, Receipt.decision, Receipt.document,
                       Receipt.reason).where(Receipt.as_of == self.today)
            )  # fmt: skip
            for as_of, customer, decision, document, reason in rows:
                if decision in ("propose", "advance"):
                    effect = document["decided"]["stage"] or document["stage"]
                elif decision == "close" and document["decided"]["outcome"] == "terminated":
                    if reason == "customer_left":
                        continue
                    effect = "terminated"
                else:
                    continue
                touched[as_of, effect].add(customer)
            let_through: dict[str, set[str]] = defaultdict(set)
            for batch in session.scalars(select(Batch).where(Batch.state == BatchState.USED)):
                let_through[batch.effect] |= set(batch.customers)
                if batch.effect in ADVERSE_EFFECTS:
                    assert batch.first_by
                    assert batch.first_by != batch.decided_by
        for (_, effect), customers in touched.items():
            if effect in (*ADVERSE_EFFECTS, "renegotiate"):
                assert len(customers - let_through[effect]) <= CAP

    def the_audit_holds_and_every_decision_can_be_replayed(self) -> None:
        with reading(self.shop.engine) as session:
            replays = replay_receipts(session, self.shop.policies.calendars, self.today)
            assert replays.different == ()
            assert audit.verify(session, []).findings == ()

    def nothing_counts_that_was_not_delivered(self) -> None:
        with reading(self.shop.engine) as session:
            wrong = session.scalars(
                select(Action.id)
                .join(Message, Message.action_id == Action.id)
                .where(
                    Action.state == ActionState.DONE,
                    Message.state.in_([MessageState.QUEUED, MessageState.FAILED,
                                       MessageState.UNKNOWN, MessageState.CANCELLED]),
                )
            ).all()  # fmt: skip
        assert not wrong


def test_the_law_holds_whatever_happens(gate: bool) -> None:
    run_state_machine_as_test(
        Ladder,
        settings=settings(
            max_examples=20 if gate else 1,
            stateful_step_count=100,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.gate
def test_whom_nothing_helps_and_nothing_protects_goes_all_the_way() -> None:
    """The same world, undisturbed: every stage is served, and the end comes with full notice."""
    world = Ladder()
    world.begin()
    for _ in range(40):
        world.an_ordinary_week(5)
        world.release_what_was_held("olga", "diana")
        world.the_law_holds()
    with reading(world.shop.engine) as session:
        cases = session.scalars(select(Case).options(selectinload(Case.events))).all()
        assert {case.state for case in cases} >= {CaseState.TERMINATED}
        done = next(case for case in cases if case.state is CaseState.TERMINATED)
        stages = [e.to_stage for e in done.events if e.to_stage]
        assert stages == list(LADDERS[PlaybookName.RESTORE])
    world.teardown()
