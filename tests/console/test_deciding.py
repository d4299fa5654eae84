"""People decide in the console, without scripts: the rules are those of everywhere."""

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.clock import travel, utc_now
from retention.db.models.audit import AuditEvent
from retention.db.models.console import Draft
from retention.db.models.customer_pages import Preference
from retention.db.models.work.actions import Action, Approval
from retention.db.models.work.messages import Message
from retention.db.queries import actions as queries
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.domain.messages import MessageState
from retention.messages.content_hash import content_of
from tests.factories.consoles import ConsoleWorld, console_of, signed_in, token_of

PROPOSAL, OFFER, NOTICE = "renegotiation_proposal", "prepaid_migration_offer", "termination_notice"


def action_of(world: ConsoleWorld, action_id: str) -> Action:
    with reading(world.shop.engine) as session:
        return queries.get(session, action_id)


def fields_of(client: TestClient, action_id: str) -> dict[str, str]:
    """Return what the form that approves holds, as its page was shown."""
    page = client.get(f"/queue/{action_id}")
    assert page.status_code == 200
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', page.text)
    return {"csrf": token_of(client), "seen": seen[1] if seen else "", "view": "mine"}


def content(world: ConsoleWorld, action_id: str) -> str:
    with reading(world.shop.engine) as session:
        return content_of(queries.get(session, action_id))


def test_a_proposal_is_approved_with_one_press_and_the_next_item_opens(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    page = marta.get(f"/queue/{action_id}?view=mine").text
    after = page.split('name="next" value="')[1].split('"')[0]
    answer = marta.post(
        f"/queue/{action_id}/approve", data=fields_of(marta, action_id) | {"next": after}
    )
    assert answer.status_code == 303
    assert urlsplit(answer.headers["location"]).path == f"/queue/{after}"
    assert "Approved. It leaves" in marta.get(answer.headers["location"]).text
    found = action_of(world, action_id)
    assert found.state is ActionState.APPROVED
    assert found.approvals[0].dwell_seconds is not None


def test_what_was_approved_can_be_taken_back_and_approved_again(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    asked = fields_of(marta, action_id)
    marta.post(f"/queue/{action_id}/approve", data=asked)
    assert "Take my approval back" in marta.get(f"/queue/{action_id}?view=approved").text
    assert marta.post(f"/queue/{action_id}/take-back", data=asked).status_code == 303
    found = action_of(world, action_id)
    assert found.state is ActionState.PENDING_APPROVAL
    assert found.message is not None
    assert found.message.state is MessageState.CANCELLED
    assert found.approvals[0].withdrawn_at is not None
    assert action_id in marta.get("/queue?view=mine").text, "it waits for her again"
    marta.post(f"/queue/{action_id}/approve", data=fields_of(marta, action_id))
    again = action_of(world, action_id)
    assert again.state is ActionState.APPROVED
    assert again.message is not None
    assert again.message.state is MessageState.QUEUED


def test_what_is_being_sent_is_not_taken_back(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    asked = fields_of(marta, action_id)
    marta.post(f"/queue/{action_id}/approve", data=asked)
    world.post("sent")
    answer = marta.post(f"/queue/{action_id}/take-back", data=asked)
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.text


def test_a_notice_asks_for_a_deliberate_second_act(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(NOTICE)
    asked = fields_of(marta, action_id)
    assert marta.post(f"/queue/{action_id}/approve", data=asked).status_code == 409
    assert not action_of(world, action_id).approvals
    done = marta.post(f"/queue/{action_id}/approve", data=asked | {"deliberate": "yes"})
    assert done.status_code == 303
    assert parse_qs(urlsplit(done.headers["location"]).query)["done"] == ["signed"]
    assert action_of(world, action_id).state is ActionState.PENDING_APPROVAL


def test_a_notice_leaves_with_the_second_person_only(world: ConsoleWorld, app: Starlette) -> None:
    marta, diana = signed_in(app, "marta"), signed_in(app, "diana")
    action_id = world.waiting(NOTICE)
    yes = {"deliberate": "yes"}
    marta.post(f"/queue/{action_id}/approve", data=fields_of(marta, action_id) | yes)
    again = marta.post(f"/queue/{action_id}/approve", data=fields_of(marta, action_id) | yes)
    assert again.status_code == 409, "one person is one signature"
    assert action_id in diana.get("/queue?view=mine").text
    assert action_id not in marta.get("/queue?view=mine").text
    diana.post(f"/queue/{action_id}/approve", data=fields_of(diana, action_id) | yes)
    assert action_of(world, action_id).state is ActionState.APPROVED


def test_somebody_who_was_not_shown_a_notice_cannot_sign_it(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(NOTICE)
    answer = marta.post(
        f"/queue/{action_id}/approve",
        data={"csrf": token_of(marta), "deliberate": "yes", "seen": content(world, action_id)},
    )
    assert answer.status_code == 409
    assert "has not been shown" in answer.text


def test_a_page_of_yesterday_says_what_has_changed_and_keeps_what_was_typed(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, diana = signed_in(app, "marta"), signed_in(app, "diana")
    action_id = world.waiting(PROPOSAL)
    old = fields_of(diana, action_id)
    typed = {"part.opening": "Estimado cliente: le escribo yo misma."}
    edited = marta.post(f"/queue/{action_id}/edit", data=fields_of(marta, action_id) | typed)
    assert edited.status_code == 303
    answer = diana.post(
        f"/queue/{action_id}/reject", data={"csrf": old["csrf"], "reason": "", "code": "other"}
    )
    assert answer.status_code == 409
    stale = diana.post(f"/queue/{action_id}/approve", data=old | {"reason": "a long thought"})
    assert stale.status_code == 409
    assert "its content is not what was shown" in stale.text
    assert "a long thought" in stale.text


def test_who_approves_is_told_that_a_customer_would_rather_be_called(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    told = "They would rather be called than written to."
    assert told not in marta.get(f"/queue/{action_id}").text
    with writing(world.shop.engine) as session:
        who = session.get_one(Action, action_id).customer_id
        session.add(Preference(customer_id=who, channel="phone", changed_at=world.now))
    assert told in marta.get(f"/queue/{action_id}").text


def test_who_edits_what_somebody_has_edited_meanwhile_overwrites_nothing(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, diana = signed_in(app, "marta"), signed_in(app, "diana")
    action_id = world.waiting(PROPOSAL)
    [seen] = re.findall('name="seen" value="([^"]+)"', diana.get(f"/queue/{action_id}/edit").text)
    hers = {"part.opening": "Estimado cliente: le escribo yo misma."}
    form = fields_of(marta, action_id)
    assert form["seen"] == seen
    assert marta.post(f"/queue/{action_id}/edit", data=form | hers).status_code == 303
    other = {"seen": seen, "part.opening": "Buenos días, y esto es otra cosa."}
    answer = diana.post(f"/queue/{action_id}/edit", data=fields_of(diana, action_id) | other)
    assert answer.status_code == 409
    assert "esto es otra cosa" in answer.text, "what was typed is kept"
    found = action_of(world, action_id)
    assert found.rendering is not None
    assert "le escribo yo misma" in found.rendering.text
    assert diana.post(f"/queue/{action_id}/edit", data=fields_of(diana, action_id) | hers | {
        "part.opening": "Ahora sí, con lo suyo delante."}).status_code == 303  # fmt: skip


def test_an_edit_voids_approvals_and_its_author_cannot_approve_it(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    form = marta.get(f"/queue/{action_id}/edit").text
    assert "Atender su contrato" in form, "what is free is there to be written anew"
    said = "Hemos mirado su contrato *con calma* y <b>le</b> proponemos esto:"
    asked = fields_of(marta, action_id)
    done = marta.post(f"/queue/{action_id}/edit", data=asked | {"part.opening": said})
    assert done.status_code == 303
    found = action_of(world, action_id)
    assert found.rendering is not None
    assert "Hemos mirado su contrato" in found.rendering.text
    assert "<b>le</b>" not in found.rendering.html
    assert "54," in found.rendering.text or "fee" not in found.rendering.text, "figures stay"
    refused = marta.post(f"/queue/{action_id}/approve", data=fields_of(marta, action_id))
    assert refused.status_code == 409
    again = marta.get(f"/queue/{action_id}/approve")
    assert (again.status_code, again.headers["location"]) == (303, f"/queue/{action_id}")
    diana = signed_in(app, "diana")
    assert action_id in diana.get("/queue").text, "who may sign in the editor's place is asked"
    diana.post(f"/queue/{action_id}/approve", data=fields_of(diana, action_id))
    assert action_of(world, action_id).state in (
        ActionState.APPROVED, ActionState.PENDING_APPROVAL
    )  # fmt: skip


@pytest.mark.parametrize(
    "typed", ["{{ customer.name }}", "{% raw %}", "", "x" * 1501, "# A heading", "zqv0001vqz",
              "[here](https://evil.example/)", "[I accept](mailto:x@evil.example)",
              "See https://evil.example/pay", "Write to x@evil.example.",
              "- **Today:** 1.00 EUR a month", "Free of charge\n===", "Only 1 EUR a month.",
              "turned \u202e round", "&#122;qv0000vqz", "&#122;qv9999vqz"],
)  # fmt: skip
def test_what_cannot_stand_in_a_message_is_refused(
    world: ConsoleWorld, app: Starlette, typed: str
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    before = action_of(world, action_id).rendering
    asked = fields_of(marta, action_id) | {"part.opening": typed}
    answer = marta.post(f"/queue/{action_id}/edit", data=asked)
    assert answer.status_code == 409
    after = action_of(world, action_id).rendering
    assert before is not None
    assert after is not None
    assert before.raw == after.raw


def test_a_notice_has_nothing_that_is_free(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(NOTICE)
    answer = marta.post(
        f"/queue/{action_id}/edit",
        data={"csrf": token_of(marta), "part.opening": "We have changed our mind."},
    )
    assert answer.status_code == 409


def test_a_rejection_needs_a_reason_and_may_go_back_a_stage(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(OFFER)
    asked = {"csrf": token_of(marta), "code": "too_hard"}
    assert marta.post(f"/queue/{action_id}/reject", data=asked | {"reason": " "}).status_code == 409
    said = asked | {"reason": "We have not tried enough.", "to": "educate"}
    assert marta.post(f"/queue/{action_id}/reject", data=said).status_code == 303
    found = action_of(world, action_id)
    assert found.state is ActionState.REJECTED
    assert found.case.stage == "educate"


def test_snooze_comment_claim_and_reassign(world: ConsoleWorld, app: Starlette) -> None:
    marta, diana = signed_in(app, "marta"), signed_in(app, "diana")
    action_id = world.waiting(OFFER)
    due = action_of(world, action_id).due_on
    csrf = {"csrf": token_of(marta)}
    until = {"until": (due - timedelta(days=1)).isoformat()}
    assert marta.post(f"/queue/{action_id}/snooze", data=csrf | until).status_code == 303
    assert action_id not in marta.get("/queue?view=mine").text
    assert action_id in marta.get("/queue?view=snoozed").text
    said = csrf | {"text": "I call her tomorrow."}
    assert marta.post(f"/queue/{action_id}/comment", data=said).status_code == 303
    assert "I call her tomorrow." in diana.get(f"/queue/{action_id}").text
    marta.post(f"/queue/{action_id}/claim", data=csrf)
    assert "Marta Ruiz is at work on this" in diana.get(f"/queue/{action_id}").text
    assert "is at work on this" not in marta.get(f"/queue/{action_id}").text
    to = {"csrf": token_of(diana), "to": "james"}
    assert diana.post(f"/queue/{action_id}/reassign", data=to).status_code == 303
    assert action_of(world, action_id).owner == "james"


def test_a_review_is_logged_with_what_its_form_asks(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting("reassessment")
    asked = {"csrf": token_of(marta), "outcome": "unaware"}
    refused = marta.post(f"/queue/{action_id}/complete", data=asked | {"note": "typed in vain"})
    assert refused.status_code == 409
    assert "typed in vain" in refused.text
    said = asked | {"answer.evidence": "T-1, T-2"}
    assert marta.post(f"/queue/{action_id}/complete", data=said).status_code == 303
    assert action_of(world, action_id).outcome == "unaware"


def test_a_call_is_agreed_and_logged(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting("conversation")
    csrf = {"csrf": token_of(marta)}
    day = world.today + timedelta(days=4)
    while day.weekday() > 4:
        day += timedelta(days=1)
    at = csrf | {"at": f"{day}T11:00"}
    assert marta.post(f"/queue/{action_id}/agree", data=at).status_code == 303
    assert "Agreed for" in marta.get(f"/queue/{action_id}").text
    said = csrf | {
        "outcome": "talked", "answer.alternative": "Norte", "answer.fee_waived": "yes",
        "answer.alternative_contact": "+34 910 000 201",
    }  # fmt: skip
    assert marta.post(f"/queue/{action_id}/complete", data=said).status_code == 303
    assert action_of(world, action_id).state is ActionState.DONE


def test_a_bag_says_what_is_left_out_and_never_holds_what_is_adverse(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta = signed_in(app, "marta")
    proposal, notice = world.waiting(PROPOSAL), world.waiting(NOTICE)
    csrf = token_of(marta)
    sheet = marta.post("/bulk", data={"csrf": csrf, "pick": [proposal, notice]})
    assert sheet.status_code == 200
    assert "1 message in the bag" in sheet.text
    assert "is adverse" in sheet.text
    unseen = marta.post("/bulk/approve", data={"csrf": csrf, "pick": [proposal]})
    assert unseen.status_code == 409, "one of each kind must have been opened"
    marta.get(f"/queue/{proposal}")
    adverse = marta.post("/bulk/approve", data={"csrf": csrf, "pick": [proposal, notice]})
    assert adverse.status_code == 409
    assert action_of(world, proposal).state is ActionState.PENDING_APPROVAL
    assert marta.post("/bulk/approve", data={"csrf": csrf, "pick": [proposal]}).status_code == 303
    assert action_of(world, proposal).state is ActionState.APPROVED


def test_a_bag_counts_by_kind_and_language_and_each_customer_once(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta = signed_in(app, "marta")
    page = marta.get("/queue?view=all&stage=renegotiate").text
    picks = re.findall(r'name="pick" value="([^"]+)"', page)
    kept = [i for i in picks if action_of(world, i).template == PROPOSAL]
    assert len(kept) > 1
    with writing(world.shop.engine) as session:  # one of them has two messages
        first, second = (session.get_one(Action, i) for i in kept[:2])
        second.customer_id = first.customer_id
    losses = {p.customer_id: p.profit for p in world.people}
    whose = {action_of(world, i).customer_id for i in kept}
    review = world.waiting("reassessment")
    asked = {"csrf": token_of(marta), "pick": [*kept, kept[0], review]}
    sheet = text_of(marta.post("/bulk", data=asked).text)
    assert f"{len(kept)} messages in the bag" in sheet
    assert re.search(rf"\bproposal es {len(kept)} ", sheet), sheet
    together = sum(losses[who] for who in whose)
    assert f"Together these customers bring \u2212€{-together:,} a year." in sheet, sheet
    assert "does not wait for an approval" in sheet, "a review is left out, and is said to be"
    samples = sheet.partition("open them first")[2].partition("Left out")[0]
    assert samples.count(" proposal · ") == min(3, len(kept))


def text_of(page: str) -> str:
    """Return what a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_draft_outlives_the_page_and_ends_with_the_decision(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    csrf = token_of(marta)
    typed = {"csrf": csrf, "form": "reject", "reason": "half a thought, ñ"}
    assert marta.post(f"/queue/{action_id}/draft", data=typed).status_code == 204
    assert "half a thought, ñ" in marta.get(f"/queue/{action_id}").text
    assert "half a thought" not in signed_in(app, "diana").get(f"/queue/{action_id}").text
    marta.post(f"/queue/{action_id}/approve", data=fields_of(marta, action_id))
    with reading(world.shop.engine) as session:
        assert not session.scalars(select(Draft)).all()


def test_an_undo_time_keeps_what_was_approved(world: ConsoleWorld) -> None:
    sending = world.shop.settings.config_dir / "sending.yaml"
    before = sending.read_text("utf-8")
    try:
        sending.write_text(before.replace("undo_minutes: 0", "undo_minutes: 10"), "utf-8")
        with console_of(world) as app:
            marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
            marta.post(f"/queue/{action_id}/approve", data=fields_of(marta, action_id))
            with reading(world.shop.engine) as session:
                message = session.scalars(
                    select(Message).where(Message.action_id == action_id)
                ).one()
            assert message.not_before == utc_now() + timedelta(minutes=10)
    finally:
        sending.write_text(before, "utf-8")


def test_looking_at_a_message_starts_ones_time_once(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    marta.get(f"/queue/{action_id}")
    with travel(utc_now() + timedelta(seconds=25)):
        marta.get(f"/queue/{action_id}")
        marta.post(f"/queue/{action_id}/approve", data=fields_of(marta, action_id))
    with reading(world.shop.engine) as session:
        newest = select(Approval.dwell_seconds).order_by(Approval.id.desc()).limit(1)
        assert session.scalar(newest) == 25


def test_every_deed_is_in_the_audit(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    asked = fields_of(marta, action_id)
    marta.post(f"/queue/{action_id}/approve", data=asked)
    marta.post(f"/queue/{action_id}/take-back", data=asked)
    with reading(world.shop.engine) as session:
        kinds = set(session.scalars(select(AuditEvent.kind)))
    assert {"account.signed_in", "action.approved", "action.taken_back"} <= kinds


def test_nobody_who_has_edited_a_message_approves_it(world: ConsoleWorld, app: Starlette) -> None:
    marta, diana = signed_in(app, "marta"), signed_in(app, "diana")
    action_id = world.waiting(PROPOSAL)
    for client, words in ((marta, "Le escribo yo misma."), (diana, "Le escribo yo misma, Diana.")):
        asked = fields_of(client, action_id) | {"part.opening": words}
        assert client.post(f"/queue/{action_id}/edit", data=asked).status_code == 303
    for client in (marta, diana):
        asked = fields_of(client, action_id)
        assert client.post(f"/queue/{action_id}/approve", data=asked).status_code == 409


def test_an_edit_that_holds_nothing_is_refused(world: ConsoleWorld, app: Starlette) -> None:
    marta, action_id = signed_in(app, "marta"), world.waiting(PROPOSAL)
    asked = {"csrf": token_of(marta)}
    assert marta.post(f"/queue/{action_id}/edit", data=asked).status_code == 409
    assert action_of(world, action_id).edited_by is None


def test_an_edited_message_is_in_no_bag_of_who_has_not_opened_it(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, dora = signed_in(app, "marta"), signed_in(app, "dora")
    edited = world.waiting(PROPOSAL)
    asked = fields_of(marta, edited) | {"part.opening": "Le escribo yo misma."}
    marta.post(f"/queue/{edited}/edit", data=asked)
    page = marta.get("/queue?view=all&stage=renegotiate").text
    other = next(i for i in re.findall(r'name="pick" value="([^"]+)"', page) if i != edited)
    dora.get(f"/queue/{other}")
    answer = dora.post("/bulk/approve", data={"csrf": token_of(dora), "pick": [edited, other]})
    assert answer.status_code == 409
    assert not action_of(world, other).approvals


def test_a_bag_tells_nothing_of_what_is_on_other_accounts(
    world: ConsoleWorld, app: Starlette
) -> None:
    james = signed_in(app, "james")
    asked = {"csrf": token_of(james), "pick": [world.waiting(PROPOSAL)[:8]]}
    answer = james.post("/bulk", data=asked)
    assert answer.status_code == 409
    assert "Ana Peña" not in answer.text


def test_a_search_tells_nothing_of_other_accounts(app: Starlette) -> None:
    found, hidden = (signed_in(app, who).get("/customers?q=ana").text for who in ("marta", "james"))
    assert "Ana Peña" in found
    assert "Ana Peña" not in hidden
    assert "0 customers found" in hidden


def test_a_look_is_in_the_audit_once_a_day(world: ConsoleWorld, app: Starlette) -> None:
    fran, action_id = signed_in(app, "fran"), world.waiting("conversation")
    for path in (f"/queue/{action_id}", f"/queue/{action_id}", f"/queue/{action_id}/dossier"):
        assert fran.get(path).status_code == 200
    with reading(world.shop.engine) as session:
        query = select(AuditEvent.number).where(AuditEvent.kind == "customer.looked_at")
        assert len(session.scalars(query).all()) == 1
        customer = queries.get(session, action_id).customer_id
    with travel(utc_now() + timedelta(hours=20)):
        signed_in(app, "fran").get(f"/customers/{customer}/months.csv")
    with reading(world.shop.engine) as session:
        assert len(session.scalars(query).all()) == 2
