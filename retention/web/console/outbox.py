"""The outbox: what waits and for what, what has to be settled, and what can be done with each."""

from datetime import timedelta

from starlette.responses import Response

from retention.actions import approval, queue_views
from retention.actions.leaving_times import openings
from retention.db.models.work.messages import Message
from retention.db.queries import messages as message_queries
from retention.delivery import circuit_breaker, settle_by_hand
from retention.delivery.end_links import end_links
from retention.delivery.last_check import Rules
from retention.delivery.waiting_reasons import reasons_of
from retention.domain.approving import ReasonCode
from retention.domain.errors import NotFoundError
from retention.domain.messages import CLAIMABLE_STATES, MessageState, SendPolicy
from retention.domain.people import Permission
from retention.web.visit import Visit
from retention.web.wording import N_

_MANY = 200
_SETTLE = [("sent", N_("It has left")), ("not_sent", N_("It has not left"))]
_AGAIN, _NOW = ("retry", N_("Send it again")), ("retry", N_("Try now"))
_KEEP = [("hold", N_("Hold")), ("cancel", N_("Take back"))]


def show_outbox(visit: Visit) -> Response:
    """Show what waits and for what, and what is unknown and has to be settled."""
    state = visit.asked("state")
    wanted = MessageState(state) if state in set(MessageState) else None
    sees = queue_views.scope_of(visit.session, visit.actor).sees
    seen = message_queries.list_messages(visit.session, wanted, _MANY, sees)
    waiting = [m for m, _ in seen if m.state in CLAIMABLE_STATES]
    may_settle = visit.person.may(Permission.SETTLE)
    return visit.page(
        "outbox.html",
        rows=seen,
        reasons=reasons_of(visit.session, waiting, visit.now, rules_of(visit),
                           visit.shop.policies.sending) if waiting else {},
        people=visit.people.rows({a.customer_id for _, a in seen}),
        counts=message_queries.count_by_state(visit.session, sees),
        most=_MANY,
        state=state,
        states=list(MessageState),
        ways={m.id: ways_with(m, may_settle=may_settle) for m, _ in seen},
        mail_stopped=circuit_breaker.why_stopped(visit.session),
    )  # fmt: skip


def ways_with(message: Message, *, may_settle: bool) -> list[tuple[str, str]]:
    """Return what can be done with a message: what the form says, and the button's words."""
    match message.state:
        case MessageState.UNKNOWN:
            twice = message.policy is SendPolicy.AT_LEAST_ONCE
            return [*(_SETTLE if may_settle else ()), *([_AGAIN] if twice else ())]
        case MessageState.RETRY_WAIT | MessageState.QUEUED if message.held_by is None:
            return [*_KEEP, *([_NOW] if message.state is MessageState.RETRY_WAIT else ())]
        case MessageState.SENT | MessageState.DELIVERED:
            return [("end_links", N_("End its links"))]
    return [("release", N_("Release"))] if message.held_by else []


def rules_of(visit: Visit) -> Rules:
    """Return the rules of delivery, to say why a message waits."""
    policies, zone = visit.shop.policies, visit.shop.settings.timezone
    sending = policies.sending
    return Rules(
        zone,
        timedelta(hours=policies.approvals.valid_hours),
        policies.team,
        opens_at=openings(policies.calendars, sending.hours, zone),
        fresh_days=sending.newest_night,
        at_once=sending.dead_at_once,
    )


def move_message(visit: Visit) -> Response:
    """Settle, retry, hold, release or cancel a message, or end the links of one that has left."""
    message_id, to = visit.request.path_params["id"], visit.typed("to")
    reason, session, actor = visit.typed("reason"), visit.session, visit.actor
    if to in ("sent", "not_sent"):
        settle_by_hand.settle(session, message_id, actor, settle_by_hand.Fate(to), reason=reason,
                              timezone=visit.shop.settings.timezone)  # fmt: skip
    elif to == "retry":
        settle_by_hand.retry(session, message_id, actor, reason=reason)
    elif to == "hold":
        settle_by_hand.hold(session, message_id, actor, reason=reason)
    elif to == "release":
        settle_by_hand.release(session, message_id, actor)
    elif to == "end_links":
        end_links(session, message_id, actor, reason=reason)
    elif to == "cancel":
        _, action = message_queries.get(session, message_id)
        approval.reject(session, action.id, actor, code=ReasonCode.OTHER, reason=reason)
    else:
        raise NotFoundError("the deed", "is none of those shown", "Choose one.")
    return visit.go("/outbox")
