"""What people do from a customer's page and the data page: a talk, a stage to skip, a gate."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from starlette.applications import Starlette

from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.audit import AuditEvent
from retention.db.models.exemptions import Handover, Waiver
from retention.db.models.runs import GateOverride, Run
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.stages import Stage
from retention.domain.waivers import WaiverState
from retention.web.app import create_app
from tests.conftest import NIGHT
from tests.factories.consoles import ConsoleWorld, signed_in, token_of

SAID = "They move to a bigger office in March and want to talk then."


def customer_at(world: ConsoleWorld, stage: Stage) -> str:
    with reading(world.shop.engine) as session:
        query = select(Case.customer_id).where(Case.state == CaseState.OPEN, Case.stage == stage)
        return str(session.scalars(query.order_by(Case.customer_id)).first())


def test_a_talk_that_no_step_asked_for_is_on_record_and_moves_nothing(
    world: ConsoleWorld, app: Starlette
) -> None:
    customer_id = customer_at(world, Stage.RENEGOTIATE)
    before = stands(world, customer_id)
    marta = signed_in(app, "marta")
    csrf = {"csrf": token_of(marta)}
    empty = marta.post(f"/customers/{customer_id}/log-call", data=csrf | {"said": " "})
    assert empty.status_code == 409
    done = marta.post(f"/customers/{customer_id}/log-call", data=csrf | {"said": SAID})
    assert done.status_code == 303
    again = marta.post(f"/customers/{customer_id}/log-call", data=csrf | {"said": f"{SAID} "})
    assert again.status_code == 409, "a double click logs one talk"
    olga = signed_in(app, "olga").get(f"/customers/{customer_id}").text
    assert "/log-call" not in olga, "who may not is not asked"
    with reading(world.shop.engine) as session:
        query = select(Action).where(Action.customer_id == customer_id, Action.form == "call")
        call = session.scalars(query).one()
    assert (call.kind, call.state, call.outcome) == (ActionKind.CALL, ActionState.DONE, "talked")
    assert SAID in marta.get(f"/queue/{call.id}").text
    shown = marta.get(f"/customers/{customer_id}").text
    assert f'/queue/{call.id}">' in shown.partition(SAID)[0], "it stands in what happened"
    world.night(2)
    assert stands(world, customer_id) == before


def stands(world: ConsoleWorld, customer_id: str) -> tuple[CaseState, Stage]:
    with reading(world.shop.engine) as session:
        case = session.scalars(select(Case).where(Case.customer_id == customer_id)).one()
        return case.state, case.stage


def test_a_talk_of_somebody_elses_customer_is_refused(world: ConsoleWorld, app: Starlette) -> None:
    james, customer_id = signed_in(app, "james"), customer_at(world, Stage.RENEGOTIATE)
    said = {"csrf": token_of(james), "said": SAID}
    assert james.post(f"/customers/{customer_id}/log-call", data=said).status_code == 409


def test_a_stage_is_skipped_when_a_second_person_agrees(
    world: ConsoleWorld, app: Starlette
) -> None:
    customer_id = customer_at(world, Stage.REASSESS)
    marta, diana = signed_in(app, "marta"), signed_in(app, "diana")
    asked = {"csrf": token_of(marta), "stage": "educate", "reason": "They teach the course."}
    never = marta.post(f"/customers/{customer_id}/waiver", data=asked | {"stage": "terminate"})
    assert never.status_code == 409
    assert marta.post(f"/customers/{customer_id}/waiver", data=asked).status_code == 303
    with reading(world.shop.engine) as session:
        waiver = session.scalars(select(Waiver)).one()
    assert (waiver.state, waiver.requested_by) == (WaiverState.REQUESTED, "marta")
    agreed = {"csrf": token_of(diana), "to": "grant", "note": "yes"}
    own = {"csrf": token_of(marta), "to": "grant", "note": "mine"}
    assert marta.post(f"/waivers/{waiver.id}", data=own).status_code == 409
    assert diana.post(f"/waivers/{waiver.id}", data=agreed).status_code == 303
    with reading(world.shop.engine) as session:
        assert session.get_one(Waiver, waiver.id).state is WaiverState.GRANTED


def test_a_place_at_a_partner_is_offered_with_its_message(
    world: ConsoleWorld, app: Starlette
) -> None:
    customer_id = customer_at(world, Stage.MIGRATE)
    marta = signed_in(app, "marta")
    assert "Norte Servicios" in marta.get(f"/customers/{customer_id}").text
    asked = {"csrf": token_of(marta), "to": "nobody"}
    assert marta.post(f"/customers/{customer_id}/handover", data=asked).status_code == 404
    done = marta.post(f"/customers/{customer_id}/handover", data=asked | {"to": "norte"})
    assert done.status_code == 303
    with reading(world.shop.engine) as session:
        assert session.scalars(select(Handover)).one().customer_id == customer_id
        query = select(Action).where(Action.template == "partner_handover")
        assert session.scalars(query).one().state is ActionState.PENDING_APPROVAL
    early = customer_at(world, Stage.EDUCATE)
    if early != "None":
        assert "Offer a place" not in marta.get(f"/customers/{early}").text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_gate_is_looked_at_and_accepted_for_its_night(shop: Application) -> None:
    sources = shop.settings.config_dir / "sources.yaml"
    told = "tables:\n  customers: {file: customers}\n  tickets: {file: tickets, max_age_days: 5}\n"
    sources.write_text(sources.read_text("utf-8") + told, "utf-8")
    late = datetime.combine(NIGHT + timedelta(days=40), datetime.min.time(), ZoneInfo("UTC"))
    with travel(late + timedelta(hours=9)):
        app = create_app(shop.settings)
        try:
            olga, marta = signed_in(app, "olga"), signed_in(app, "marta")
            page = olga.get("/data/gates")
            assert page.status_code == 200
            assert "tickets" in page.text
            assert 'action="/data/gates/tickets"' in page.text
            assert marta.get("/data/gates").status_code == 403
            day = (NIGHT + timedelta(days=39)).isoformat()
            asked = {"csrf": token_of(olga), "as_of": day, "reason": "The system stood still."}
            short = olga.post("/data/gates/tickets", data=asked | {"reason": "ok"})
            assert short.status_code == 409
            assert olga.post("/data/gates/tickets", data=asked).status_code == 303
            with reading(shop.engine) as session:
                kept = session.scalars(select(GateOverride)).one()
            assert (kept.table_name, kept.person_id, kept.business_date.isoformat()) == (
                "tickets", "olga", day,
            )  # fmt: skip
            assert "accepted by olga" in olga.get("/data/gates").text
            assert olga.post("/data/gates/customers", data=asked).status_code == 404
        finally:
            app.state.workshop.application.engine.dispose()


def test_a_night_leads_to_its_run_for_who_runs_nights(
    world: ConsoleWorld, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    with writing(world.shop.engine) as session:
        newest = session.scalars(select(Run).order_by(Run.business_date.desc())).all()[0]
        newest.flow_run_id = "0f6c5a3e-0000-4000-8000-000000000001"
    link = f'href="http://127.0.0.1:4200/runs/flow-run/{newest.flow_run_id}"'
    assert link in signed_in(app, "olga").get("/tonight").text
    assert "flow-run" not in signed_in(app, "marta").get("/tonight").text


def test_an_offer_is_changed_in_the_console_before_it_leaves(
    world: ConsoleWorld, app: Starlette
) -> None:
    action_id, marta = world.waiting("prepaid_migration_offer"), signed_in(app, "marta")
    asked = {"csrf": token_of(marta)}
    assert "Offer something else" in marta.get(f"/queue/{action_id}").text
    path = f"/queue/{action_id}/revise"
    assert marta.post(path, data=asked).status_code == 409, "nothing would change"
    assert marta.post(path, data=asked | {"fee": "44.00"}).status_code == 303
    with reading(world.shop.engine) as session:
        assert session.get_one(Action, action_id).state is ActionState.SUPERSEDED
        made = session.scalars(select(Offer).order_by(Offer.version.desc())).all()[0]
        assert (made.version, made.new_fee) == (2, Decimal("44.00"))


def test_the_links_of_a_message_in_wrong_hands_are_ended(
    world: ConsoleWorld, app: Starlette
) -> None:
    olga = signed_in(app, "olga")
    assert "End its links" in olga.get("/outbox?state=sent").text
    with reading(world.shop.engine) as session:
        message_id = session.scalars(select(Message.id).where(Message.state == "sent")).all()[0]
    asked = {"csrf": token_of(olga), "to": "end_links", "reason": "It went to her neighbour."}
    assert olga.post(f"/outbox/{message_id}", data=asked).status_code == 303
    with reading(world.shop.engine) as session:
        kinds = session.scalars(select(AuditEvent.kind)).all()
    assert "message.links_ended" in kinds
