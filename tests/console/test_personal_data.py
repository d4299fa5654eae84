"""What a customer may ask for: their data, and its erasure. And tests that reach only oneself."""

import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

from sqlalchemy import select
from starlette.applications import Starlette

from retention.db.models.audit import AuditEvent
from retention.db.models.work.actions import Rendering
from retention.db.queries import actions as queries
from retention.db.session import reading
from retention.snapshots.customers import contacts_of
from tests.factories.consoles import ConsoleWorld, signed_in, token_of
from tests.factories.servers import ScriptedServer

WHY = "they have asked for it in writing"


def customer_of(world: ConsoleWorld, action_id: str) -> str:
    with reading(world.shop.engine) as session:
        return queries.get(session, action_id).customer_id


def test_ops_export_what_is_kept_of_a_customer(world: ConsoleWorld, app: Starlette) -> None:
    customer = customer_of(world, world.waiting("termination_notice"))
    olga, marta = signed_in(app, "olga"), signed_in(app, "marta")
    path = f"/customers/{customer}/export"
    assert marta.post(path, data={"csrf": token_of(marta), "reason": WHY}).status_code == 403
    answer = olga.post(path, data={"csrf": token_of(olga), "reason": WHY})
    assert answer.status_code == 200
    found = json.loads(answer.text)
    assert found["newest_night"]["name"] == f"Ana Peña {customer}"
    assert [one["name"] for one in found["newest_night"]["contacts"]] == ["Luis Gil"]
    assert any("su contrato termina" in row["subject"] for row in found["rendering"])
    assert {row["customer_id"] for row in found["action"]} == {customer}
    assert len(found["message"]) > 1
    with reading(world.shop.engine) as session:
        kinds = set(session.scalars(select(AuditEvent.kind)))
    assert "customer.exported" in kinds


def test_ops_erase_after_typing_the_id(world: ConsoleWorld, app: Starlette) -> None:
    action_id = world.waiting("termination_notice")
    customer = customer_of(world, action_id)
    diana = signed_in(app, "diana")
    asked = {"csrf": token_of(diana), "reason": WHY}
    path = f"/customers/{customer}/erase"
    assert diana.post(path, data=asked | {"confirm": "somebody"}).status_code == 409
    refused = diana.post(path, data=asked | {"confirm": customer})
    assert refused.status_code == 409
    assert "has an open case" in refused.text
    hold = {"kind": "exemption", "reason": "legal", "note": WHY,
            "until": (world.today + timedelta(days=90)).isoformat()}  # fmt: skip
    assert diana.post(f"/customers/{customer}/hold", data=asked | hold).status_code == 303
    world.night(2)
    world.write_what_pages_read()
    assert "Luis Gil" in diana.get(f"/customers/{customer}").text
    fran, olga = signed_in(app, "fran"), signed_in(app, "olga")
    sure = {"reason": WHY, "confirm": customer}
    assert fran.post(path, data=sure | {"csrf": token_of(fran)}).status_code in (403, 409)
    assert contacts_of(world.shop.folders.snapshots, customer) != []
    assert olga.post(path, data=sure | {"csrf": token_of(olga)}).status_code == 303
    assert contacts_of(world.shop.folders.snapshots, customer) == []
    with reading(world.shop.engine) as session:
        assert session.get_one(Rendering, action_id).subject == "erased"
    assert customer not in diana.get(f"/customers?q={customer}").text.split("customers found")[-1]
    assert diana.get(f"/queue/{action_id}/message").status_code == 404


def test_a_test_goes_to_oneself_only_and_leads_back_to_no_case(
    world: ConsoleWorld, app: Starlette
) -> None:
    action_id = world.waiting("renegotiation_proposal")
    with ScriptedServer() as server:
        workshop = app.state.workshop
        mail = replace(workshop.application.mail, port=server.port)
        workshop.application = replace(workshop.application, mail=mail)
        marta = signed_in(app, "marta")
        answer = marta.post(f"/queue/{action_id}/test", data={"csrf": token_of(marta)})
        assert answer.status_code == 303, answer.text
        (raw,) = server.accepted
    message = message_from_bytes(raw, policy=policy.default)
    assert message["To"] == "marta.ruiz@example.com"
    assert message["Subject"].startswith("[test] ")
    with reading(world.shop.engine) as session:
        rendering = session.get_one(Rendering, action_id)
        assert rendering.token not in raw.decode("utf-8", "replace")
        assert rendering.recipient not in raw.decode("utf-8", "replace")
        assert "action.tested" in set(session.scalars(select(AuditEvent.kind)))
