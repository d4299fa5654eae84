"""What people do with an item. Every deed calls the service that the command line calls."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from starlette.responses import Response

from retention.actions import (
    approval,
    assignment,
    claims,
    completion,
    drafts,
    message_edit,
    offer_revision,
    taking_back,
    told_to_team,
)
from retention.actions.leaving_times import departure
from retention.db.models.work.actions import Action
from retention.domain.actions import ActionKind, ActionState
from retention.domain.amounts import read_amount
from retention.domain.approving import ReasonCode
from retention.domain.offer_revisions import Revision
from retention.domain.offers import Answer
from retention.domain.people import refuse
from retention.domain.stages import ADVERSE_STAGES, Stage
from retention.web.console.item import seen_action
from retention.web.console.queue import Asked
from retention.web.visit import Visit

Kind = TypeVar("Kind", bound=StrEnum)


def approve(visit: Visit) -> Response:
    """Approve what was shown; an adverse message only with a second, deliberate act."""
    action = seen_action(visit)
    if action.stage in ADVERSE_STAGES and visit.typed("deliberate") != "yes":
        refuse(
            f"action {action.id[:8]}",
            "was not confirmed",
            "Say that you have read it and why it is right, and approve it then.",
        )
    done = approval.approve(visit.session, action.id, visit.actor, seen=visit.typed("seen"))
    if done.state is not ActionState.APPROVED:
        return _next(visit, done, "signed")
    if done.kind is ActionKind.LETTER:
        return _next(visit, done, "to_post")
    leaves = departure(visit.session, done, visit.actor).earliest
    return _next(visit, done, "approved", at=visit.words.moment(leaves))


def reject(visit: Visit) -> Response:
    """Reject an action, or send its case back to a milder stage; why is required."""
    code = one_of(ReasonCode, visit.typed("code", "other"))
    action_id, reason = seen_action(visit).id, visit.typed("reason")
    to = visit.typed("to")
    if to:
        done = approval.choose_milder(
            visit.session, action_id, visit.actor, one_of(Stage, to), code=code, reason=reason
        )
        return _next(visit, done, "milder")
    done = approval.reject(visit.session, action_id, visit.actor, code=code, reason=reason)
    return _next(visit, done, "rejected")


def take_back(visit: Visit) -> Response:
    """Withdraw one's own approval while nothing has left."""
    done = taking_back.take_back(visit.session, seen_action(visit).id, visit.actor)
    return _stay(visit, done, "taken_back")


def snooze(visit: Visit) -> Response:
    """Let an item sleep until a day."""
    until = day_of(visit.typed("until"), "the day")
    done = assignment.snooze(visit.session, seen_action(visit).id, visit.actor, until)
    return _next(visit, done, "snoozed", at=visit.words.day(until))


def comment(visit: Visit) -> Response:
    """Say something about an item."""
    done = assignment.comment(
        visit.session, seen_action(visit).id, visit.actor, visit.typed("text")
    )
    drafts.forget(visit.session, done.id, visit.person.person_id)
    return _stay(visit, done, "commented")


def reassign(visit: Visit) -> Response:
    """Give an item to another owner."""
    action = seen_action(visit)
    to = visit.shop.policies.team.get(visit.typed("to"))
    done = assignment.reassign(visit.session, action.id, visit.actor, to)
    return _next(visit, done, "reassigned", at=to.name)


def complete(visit: Visit) -> Response:
    """Log what came of a call, a letter or a review, with what its form asks."""
    answers = {
        name.removeprefix("answer."): value
        for name, value in visit.form.multi_items()
        if name.startswith("answer.") and isinstance(value, str) and value.strip()
    }
    done = completion.complete(
        visit.session, seen_action(visit).id, visit.actor,
        outcome=visit.typed("outcome"), note=visit.typed("note"), answers=answers,
    )  # fmt: skip
    return _next(visit, done, "completed")


def edit(visit: Visit) -> Response:
    """Write the free parts of a message anew."""
    typed = {
        name.removeprefix("part."): value
        for name, value in visit.form.multi_items()
        if name.startswith("part.") and isinstance(value, str)
    }
    done = message_edit.edit(
        visit.session, seen_action(visit).id, visit.actor, typed, visit.shop.sender,
        visit.shop.folders, seen=visit.typed("seen") or None,
    )  # fmt: skip
    drafts.forget(visit.session, done.id, visit.person.person_id)
    return _stay(visit, done, "edited")


def answer_offer(visit: Visit) -> Response:
    """Record what a customer has said to an offer."""
    done = told_to_team.record_answer(
        visit.session, seen_action(visit).id, visit.actor, one_of(Answer, visit.typed("said")),
        visit.shop.sender, visit.shop.folders,
        counter_fee=_amount(visit.typed("fee")), note=visit.typed("note"),
    )  # fmt: skip
    return _stay(visit, done, "answered")


def revise_offer(visit: Visit) -> Response:
    """Propose another fee, day or service; somebody else approves the new message."""
    until, detail = visit.typed("until"), visit.typed("detail")
    wish = Revision(
        _amount(visit.typed("fee")), day_of(until, "the day") if until else None, detail or None
    )
    done = offer_revision.revise(
        visit.session, seen_action(visit).id, visit.actor, wish, visit.shop.sender,
        visit.shop.folders,
    )  # fmt: skip
    return _stay(visit, done, "revised")


def agree_call(visit: Visit) -> Response:
    """Write down when a call will be, on the company's clock."""
    zone = ZoneInfo(visit.shop.settings.timezone)
    try:
        at = datetime.fromisoformat(visit.typed("at")).replace(tzinfo=zone)
    except ValueError:
        refuse("the call", "has no day and time", "Choose when it will be.")
    action = seen_action(visit)
    told_to_team.agree_on_call(
        visit.session, action.id, visit.actor, at, visit.shop.sender, visit.shop.folders
    )
    return _stay(visit, action, "agreed")


def claim(visit: Visit) -> Response:
    """Say that one is at work on an item."""
    action = seen_action(visit)
    claims.take(visit.session, action, visit.actor)
    return _stay(visit, action, "claimed")


def save_draft(visit: Visit) -> Response:
    """Keep what is typed in a form; the page sends it by itself."""
    action = seen_action(visit)
    typed = {
        name: value
        for name, value in visit.form.multi_items()
        if isinstance(value, str) and name not in ("csrf", "form", "seen", "back", "next")
    }
    drafts.save(visit.session, action.id, visit.person.person_id, visit.typed("form")[:32], typed,
                visit.now)  # fmt: skip
    return Response(status_code=204)


def _next(visit: Visit, action: Action, said: str, **values: str) -> Response:
    """Go on to the item that came after this one in its list."""
    drafts.forget(visit.session, action.id, visit.person.person_id)
    after = visit.typed("next")
    place = f"/queue/{after}" if after.replace("-", "").isalnum() else "/queue"
    return visit.go(f"{place}?{Asked.of(visit).query(done=said, was=action.id, **values)}")


def _stay(visit: Visit, action: Action, said: str) -> Response:
    return visit.go(f"/queue/{action.id}?{Asked.of(visit).query(done=said)}")


def one_of(kind: type[Kind], said: str) -> Kind:
    """Return the choice that was sent. Raises NotAllowedError for one that is not there."""
    try:
        return kind(said)
    except ValueError:
        refuse("the form", f"'{said[:20]}' is no choice of it", "Choose one of those shown.")


def day_of(said: str, what: str) -> date:
    """Return the day that was typed. Raises NotAllowedError."""
    try:
        return date.fromisoformat(said)
    except ValueError:
        refuse(what, "is no date", "Choose a day.")


def _amount(said: str) -> Decimal | None:
    if not said.strip():
        return None
    found = read_amount(said)
    if found is None:
        refuse("the fee", "is no amount", "Write for example 89.50.")
    return found
