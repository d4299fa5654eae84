"""Nights on SQLite and PostgreSQL: what they open, propose, and leave alone."""

import shutil
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from retention.bootstrap import Application
from retention.clock import travel, utc_now
from retention.db.models.runs import Run
from retention.db.models.work.actions import Action, Receipt
from retention.db.models.work.cases import Case, CaseEvent, Confirmation
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.errors import GateTrippedError, RunLockedError, RunRefusedError
from retention.domain.messages import MessageState
from retention.domain.runs import RunState
from retention.domain.stages import PlaybookName, Stage
from retention.messages.content_hash import content_of
from retention.nights import gate_overrides as gates
from retention.nights.plan import make_plan
from retention.policies.load import load_policies
from retention.runs import ledger as runs
from retention.snapshots import store as snapshots
from tasks.nightly import claim_run, pull_sources
from tests.conftest import NIGHT, write_sources
from tests.factories.nights import (
    complete_all,
    morning_after,
    pending,
    print_of,
    run_night,
    run_nights,
)


def count(shop: Application, model: type) -> int:
    with reading(shop.engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_case_opens_only_after_the_condition_held_three_nights(shop: Application) -> None:
    for nights_so_far in (1, 2):
        run_night(NIGHT - timedelta(days=3 - nights_so_far))
        with reading(shop.engine) as session:
            opened = session.scalars(select(Case.playbook)).all()
            nights = session.scalars(select(func.max(Confirmation.nights))).one()
        assert PlaybookName.RESTORE not in opened
        assert nights == nights_so_far
    summary = run_night(NIGHT)
    assert summary["decisions"]["decisions"]["restore:reassess"] > 30


def test_the_same_night_again_changes_nothing(shop: Application) -> None:
    first = run_nights(NIGHT, 3)
    before = print_of(shop)
    assert run_night(NIGHT) == first
    assert print_of(shop) == before


@pytest.mark.gate
@pytest.mark.nights(3)
def test_a_customer_has_at_most_one_open_case_and_the_database_says_so(shop: Application) -> None:
    with reading(shop.engine) as session:
        customers = session.scalars(
            select(Case.customer_id).where(Case.state == CaseState.OPEN)
        ).all()
        one = session.scalars(select(Case).limit(1)).one()
    assert len(customers) == len(set(customers)) > 30
    fields = {c.name: getattr(one, c.name) for c in Case.__table__.columns}
    with pytest.raises(IntegrityError), writing(shop.engine) as session:
        session.add(Case(**fields | {"id": "another"}))


@pytest.mark.gate
@pytest.mark.nights(3, back=1)
def test_a_review_leads_to_education_which_is_queued_byte_for_byte(shop: Application) -> None:
    assert complete_all(shop, NIGHT) > 30
    summary = run_night(NIGHT)
    assert summary["decisions"]["proposed"]["educate:education"] > 25
    with reading(shop.engine) as session:
        actions = session.scalars(
            select(Action)
            .where(Action.template == "education")
            .options(joinedload(Action.rendering), joinedload(Action.message))
            .options(joinedload(Action.case), joinedload(Action.offer))
        ).all()
        for action in actions:
            assert action.state is ActionState.APPROVED
            assert action.message is not None
            assert action.rendering is not None
            assert action.message.content_hash == content_of(action)
            mail = message_from_bytes(action.rendering.raw, policy=policy.SMTP)
            assert mail["To"] == action.rendering.recipient
            assert mail["Message-ID"] == f"<{action.rendering.token}@example.com>"
            body = mail.get_body(("plain",))
            assert body is not None
            assert body.get_content().replace("\r\n", "\n") == action.rendering.text
            assert mail["Content-Language"] == action.rendering.language


@pytest.mark.gate
def test_our_own_fault_clears_the_case_and_it_does_not_come_back(shop: Application) -> None:
    run_nights(NIGHT - timedelta(days=4), 3)
    complete_all(shop, NIGHT, outcome="own_fault")
    with reading(shop.engine) as session:
        reviewed = set(session.scalars(_restore(Case.customer_id)))
    run_nights(NIGHT, 4)
    with reading(shop.engine) as session:
        cases = session.scalars(_restore(Case).where(Case.customer_id.in_(reviewed))).all()
        assert len(cases) == len(reviewed) > 10
        assert {case.state for case in cases} == {CaseState.CLEARED}


def _restore(what: Any) -> Any:
    return select(what).where(Case.playbook == PlaybookName.RESTORE)


@pytest.mark.gate
@pytest.mark.nights(3)
def test_every_decision_has_a_receipt_without_names(shop: Application) -> None:
    with reading(shop.engine) as session:
        receipts = session.scalars(select(Receipt)).all()
        proposed = session.scalars(select(Action.id)).all()
    assert {r.action_id for r in receipts if r.action_id} == set(proposed)
    for receipt in receipts:
        entry = next(c for c in receipt.document["conditions"] if c["name"] == "entry")
        assert entry["value"] is True
        assert receipt.document["inputs"]["customer_id"] == receipt.customer_id
        assert "customers.example" not in str(receipt.document)


@pytest.mark.gate
@pytest.mark.nights(3, back=1)
def test_a_tripped_gate_holds_the_night_and_changes_nothing(
    shop: Application, tmp_path: Path, config_dir: Path
) -> None:
    before = print_of(shop)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "customers.csv").write_text("customer_id,name\nC0000001,Ana\n", "utf-8")
    write_sources(config_dir, tmp_path / "half")
    broken = load_policies(config_dir, shop.folders.templates)
    object.__setattr__(shop, "policies", broken)
    with pytest.raises(GateTrippedError, match="customers of the last night have vanished"):
        run_night(NIGHT)
    with reading(shop.engine) as session:
        run = session.scalars(select(Run).where(Run.business_date == NIGHT)).one()
        assert run.state is RunState.HELD
    with writing(shop.engine) as session:
        session.delete(session.get_one(Run, run.id))
    assert print_of(shop) == before
    assert snapshots.dates(shop.folders.snapshots)[-1] == NIGHT - timedelta(days=1)


@pytest.mark.nights(1)
def test_an_older_date_is_refused(shop: Application) -> None:
    with pytest.raises(RunRefusedError, match="is older than the newest completed one"):
        run_night(NIGHT - timedelta(days=1))


def test_a_date_that_has_not_come_is_refused(shop: Application) -> None:
    with (
        travel(morning_after(NIGHT)),
        pytest.raises(RunRefusedError, match="lies after today, 2026-06-01"),
    ):
        claim_run.fn(NIGHT + timedelta(days=2))


@pytest.mark.gate
@pytest.mark.nights(1, back=1)
def test_a_lost_table_or_column_holds_the_night(
    shop: Application, tmp_path: Path, config_dir: Path, company_data: Path
) -> None:
    less = shutil.copytree(company_data, tmp_path / "less")
    shutil.rmtree(less / "tickets")
    write_sources(config_dir, less)
    object.__setattr__(shop, "policies", load_policies(config_dir, shop.folders.templates))
    with pytest.raises(GateTrippedError, match="missing tonight: tickets"):
        run_night(NIGHT)
    shutil.copytree(company_data / "tickets", less / "tickets")
    for part in sorted((less / "payments").glob("*.parquet"))[:6]:
        part.unlink()
    with pytest.raises(
        GateTrippedError, match="payments: .* rows, .* in the last good night: a change of -25%"
    ):
        run_night(NIGHT)
    with writing(shop.engine) as session:
        diana = shop.policies.team.get("diana")
        history = gates.history(session, 14)
        trip = gates.trip_of(shop.policies, shop.folders, "payments", NIGHT, history)
        gates.accept(session, trip, diana, "half of it was moved", NIGHT, utc_now())
    pulled = pull_sources.fn(NIGHT)
    assert pulled.rows["payments"] > 0
    assert pulled.accepted == {"payments": "diana"}
    # What was accepted is this change and no other: when more is gone, the gate trips again.
    for part in sorted((less / "payments").glob("*.parquet"))[:3]:
        part.unlink()
    with pytest.raises(GateTrippedError, match="payments: .* last good night: a change of -"):
        pull_sources.fn(NIGHT)


def claim_in_time(*, take_over: bool = False) -> Any:
    with travel(morning_after(NIGHT)):
        return claim_run.fn(NIGHT, take_over=take_over)


def test_two_nights_at_once_do_not_both_run(shop: Application) -> None:
    claim_in_time()
    with pytest.raises(RunLockedError, match="is held by another process"):
        claim_in_time()


def test_a_run_that_was_taken_over_writes_nothing(shop: Application) -> None:
    late = claim_in_time()
    claim_in_time(take_over=True)
    with pytest.raises(RunLockedError, match="was taken over"), writing(shop.engine) as session:
        runs.finish(session, late, RunState.COMPLETED, {}, morning_after(NIGHT))


@pytest.mark.gate
@pytest.mark.nights(2, back=1)
def test_a_plan_shows_the_night_and_stores_nothing(shop: Application) -> None:
    before = print_of(shop)
    planned = make_plan(shop.engine, shop.policies, shop.folders, shop.sender, NIGHT)
    assert print_of(shop) == before
    assert snapshots.dates(shop.folders.snapshots)[-1] == NIGHT - timedelta(days=1)
    really = run_night(NIGHT)
    assert planned["summary"] == really
    assert {m["customer_id"] for m in planned["moves"]}
    with reading(shop.engine) as session:
        tonight = session.scalars(select(Receipt.id).where(Receipt.as_of == NIGHT)).all()
    assert len(planned["moves"]) == len(tonight)


@pytest.mark.gate
@pytest.mark.nights(3, back=1)
def test_a_case_that_ends_takes_its_queued_message_along(shop: Application) -> None:
    complete_all(shop, NIGHT)
    run_night(NIGHT)
    with writing(shop.engine) as session:
        case = session.scalars(select(Case).where(Case.stage == Stage.EDUCATE).limit(1)).one()
        for nights in (1,):
            session.merge(
                Confirmation(
                    customer_id=case.customer_id,
                    playbook=case.playbook,
                    condition="leave",
                    nights=nights,
                    last_on=NIGHT,
                )
            )
        book = shop.policies.playbooks[PlaybookName.RESTORE]
        changed = book.document.replace(
            "(net_profit_12m > 0 OR (run_rate_low > 0 AND run_rate_prior > 0))\n"
            "    AND coalesce(overdue_amount, 0) = 0",
            f"customer_id = '{case.customer_id}'",
        )
        from retention.db.models.work.cases import PlaybookVersion

        session.get_one(PlaybookVersion, case.version).document = changed
        shop.policies.playbooks.clear()
        from retention.playbooks.loading import parse_playbook

        again = parse_playbook(changed, "changed")
        object.__setattr__(again, "version", case.version)
        shop.policies.playbooks[PlaybookName.RESTORE] = again
    run_night(NIGHT + timedelta(days=1))
    with reading(shop.engine) as session:
        closed = session.get_one(Case, case.id)
        assert closed.state is CaseState.RESTORED
        assert closed.closed_on == NIGHT + timedelta(days=1)
        message = session.scalars(
            select(Message).join(Action).where(Action.case_id == case.id)
        ).one()
        assert message.state is MessageState.CANCELLED
        last = session.scalars(
            select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.number)
        ).all()[-1]
        assert last.reason == "leave_condition_met"


@pytest.mark.gate
@pytest.mark.nights(3, back=1)
def test_nobody_without_an_address_is_written_to(shop: Application) -> None:
    complete_all(shop, NIGHT)
    run_night(NIGHT)
    with reading(shop.engine) as session:
        emails = session.scalars(
            select(Action)
            .where(Action.kind == ActionKind.EMAIL)
            .options(joinedload(Action.rendering))
        ).all()
        assert emails
        assert all(a.rendering is not None and "@" in a.rendering.recipient for a in emails)
        assert pending(session, kind=ActionKind.EMAIL) == []
