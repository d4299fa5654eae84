"""Words for the codes that services use, so that nobody has to read `pending_approval`."""

import re

from retention.web.wording import N_, NOTHING, Wording

_CODE = re.compile("[a-z0-9]+(_[a-z0-9]+)*")

CODES: dict[str, str] = {
    # playbooks and stages
    "restore": N_("restore"), "retain": N_("retain"),
    "reassess": N_("reassess"), "educate": N_("educate"), "renegotiate": N_("renegotiate"),
    "migrate": N_("migrate"), "terminate": N_("terminate"),
    "listen": N_("listen"), "reward": N_("reward"),
    # kinds of actions, and templates
    "email": N_("e-mail"), "call": N_("call"), "letter": N_("letter"), "review": N_("review"),
    "sms": N_("text message"), "payment_reminder": N_("reminder by text"),
    "education": N_("how to use it"), "payment_help": N_("help to pay"),
    "training_invitation": N_("invitation to a training"), "survey": N_("survey"),
    "check_in": N_("a call to ask how it goes"),
    "renegotiation_proposal": N_("proposal"), "prepaid_migration_offer": N_("prepaid offer"),
    "partner_handover": N_("hand-over to a partner"), "termination_notice": N_("notice"),
    "second_notice": N_("second notice"), "receipt": N_("receipt"),
    "call_agreed": N_("invitation to a call"), "call_cancelled": N_("call is off"),
    "reassessment": N_("reassessment"), "conversation": N_("talk before the notice"),
    "retract_notice": N_("take a notice back"), "customer_reply": N_("customer answered"),
    "notice_check": N_("check a notice"), "final_settlement": N_("final settlement"),
    "decision_maker": N_("decision maker"),
    "stuck": N_("goes no further"), "digest": N_("morning digest"), "ops_alert": N_("alert"),
    # purposes
    "step": N_("step"), "reply": N_("answer"), "handover": N_("hand-over"),
    "retraction": N_("retraction"), "callback": N_("call that they chose"),
    # states of actions and messages
    "proposed": N_("proposed"), "held": N_("held"), "pending_approval": N_("waits for a person"),
    "approved": N_("approved"), "rejected": N_("rejected"), "expired": N_("expired"),
    "superseded": N_("replaced"), "done": N_("done"), "cancelled": N_("taken back"),
    "queued": N_("waits to leave"), "sending": N_("is being sent"), "sent": N_("sent"),
    "retry_wait": N_("will be tried again"), "failed": N_("failed"), "unknown": N_("unknown"),
    "delivered": N_("delivered"), "bounced_soft": N_("came back for now"),
    "bounced_hard": N_("came back"), "complained": N_("reported as spam"),
    "at_most_once": N_("at most once"), "at_least_once": N_("at least once"),
    "commercial": N_("commercial"), "service": N_("service"), "legal_notice": N_("legal notice"),
    "operations": N_("operations"),
    # cases
    "open": N_("open"), "restored": N_("restored"), "migrated": N_("migrated"),
    "terminated": N_("terminated"), "self_churned": N_("left of their own accord"),
    "cleared": N_("cleared: our fault"), "exempt": N_("exempt"),
    "opened": N_("case opened"), "stage_entered": N_("stage entered"), "reviewed": N_("reviewed"),
    "notice_voided": N_("notice voided"), "closed": N_("case closed"),
    # offers
    "price": N_("price"), "prepaid": N_("paid in advance"), "channel": N_("channel"),
    "partner": N_("partner"), "draft": N_("draft"), "viewed": N_("seen"),
    "countered": N_("counter-offer"), "accepted": N_("accepted"), "declined": N_("declined"),
    "voided": N_("void"), "accept": N_("accepts"), "counter": N_("makes a counter-offer"),
    "decline": N_("declines"), "ask": N_("asks"),
    # roles
    "viewer": N_("viewer"), "reviewer": N_("reviewer"), "approver": N_("approver"),
    "account_manager": N_("account manager"), "finance": N_("finance"),
    "director": N_("director"), "ops": N_("operations team"), "auditor": N_("auditor"),
    # why something is rejected
    "wrong_data": N_("the data is wrong"), "wrong_customer": N_("the wrong customer"),
    "wrong_time": N_("the wrong time"), "wrong_tone": N_("the wrong tone"),
    "in_contact": N_("we are in contact"), "too_hard": N_("too hard"),
    "no_use": N_("of no use"), "other": N_("another reason"),
    # exclusions
    "hold": N_("on hold"), "exemption": N_("exempt"), "suppression": N_("is not written to"),
    "promise_to_pay": N_("promised to pay"), "complaint": N_("complaint"),
    "dispute": N_("dispute"), "hardship": N_("hardship"), "vulnerable": N_("vulnerable"),
    "legal": N_("legal matter"), "negotiating": N_("in negotiation"),
    "contested": N_("contested"), "strategic": N_("strategic"),
    "do_not_disturb": N_("wants no mail"), "unsubscribed": N_("unsubscribed"),
    "bounced": N_("address does not work"), "paid": N_("has paid"),
    "paused": N_("has paused"), "address_changed": N_("has another address"),
    # what customers say on their pages, and how they are doubted
    "contest": N_("contests"), "more_time": N_("asks for more time"),
    "plan": N_("pays in parts"), "wrong": N_("sees an error"), "score": N_("answers the survey"),
    "prefer": N_("chooses what they receive"), "page:paid": N_("says that they have paid"),
    "page:hardship": N_("has hard times"), "page:call": N_("chooses a call"),
    "right_after_delivery": N_("right after delivery"),
    "faster_than_reading": N_("faster than anybody reads"),
    "many_links_at_once": N_("many links at once"),
    "our_service": N_("how we serve them"), "our_price": N_("what it costs"),
    "not_needed": N_("they need it less"), "how_it_works": N_("how it works"),
    # what other systems tell us, and are told
    "complaint_opened": N_("complaint opened"), "complaint_closed": N_("complaint closed"),
    "contract_changed": N_("contract changed"), "call_held": N_("call held"),
    "letter_signed_for": N_("letter signed for"), "text_delivered": N_("text delivered"),
    "text_failed": N_("text failed"), "text_stopped": N_("wants no more texts"),
    "event:paid": N_("paid"), "given_up": N_("given up"), "webhook:waiting": N_("waits"),
    "webhook:delivered": N_("taken"), "way:phone": N_("by telephone"), "way:email": N_("by e-mail"),
    # outcomes of what is done by hand
    "talked": N_("we talked"), "not_reached": N_("nobody was reached"),
    "letter:delivered": N_("delivered and signed for"),
    "delivered_too_late": N_("delivered too late"), "returned": N_("came back"),
    "confirmed": N_("confirmed"), "stopped": N_("stopped"), "answered": N_("answered"),
    "nothing_to_do": N_("nothing to do"), "mended": N_("mended"), "goes_on": N_("goes on"),
    "settled": N_("settled"), "yes": N_("yes"), "no": N_("no"), "none": N_("there are none"),
    "own_fault": N_("our own fault"), "data_error": N_("our data is wrong"),
    "unaware": N_("does not know what they bought"), "unable": N_("cannot pay more"),
    "unwilling": N_("will not pay more"), "need_changed": N_("their needs have changed"),
    "company_drifted": N_("we have changed"), "drifted": N_("has drifted away"),
    # runs and batches
    "running": N_("running"), "completed": N_("completed"), "skipped_late": N_("left out"),
    "backfilled": N_("done later"), "released": N_("released"), "refused": N_("refused"),
    "used": N_("used"), "requested": N_("asked for"), "granted": N_("granted"),
    "offered": N_("offered"), "consented": N_("agreed"), "withdrawn": N_("withdrawn"),
    # what came in
    "hard_bounce": N_("came back for good"), "soft_bounce": N_("came back for now"),
    "delayed": N_("delayed"), "out_of_office": N_("out of office"),
    "auto_reply": N_("automatic answer"), "unsubscribe": N_("wants no more mail"),
    # fit and archetypes
    "good": N_("good fit"), "fixable": N_("fixable"), "poor": N_("poor fit"),
    "no_data": N_("not known yet"), "non_payer": N_("does not pay"),
    "chronically_dissatisfied": N_("never satisfied"), "time_drain": N_("takes up our time"),
    "underpriced": N_("pays less than it costs"),
    "platinum": N_("platinum"), "gold": N_("gold"), "iron": N_("iron"), "lead": N_("lead"),
    # parts of the profit
    "revenue_12m": N_("invoiced"), "profit_direct_cost": N_("direct cost"),
    "profit_service": N_("service"), "profit_events": N_("orders, returns, visits"),
    "profit_collection": N_("collecting money"), "profit_credit_loss": N_("unpaid for good"),
    "net_profit_12m": N_("net profit"),
    # evidence
    "late_invoice": N_("paid late"), "disputed_invoice": N_("disputed"),
    "how_to": N_("question about use"), "change_request": N_("change request"),
    "shifting_demands": N_("shifting demands"), "wants_attention": N_("wants attention"),
    "unreachable": N_("unreachable"), "dishonest": N_("not honest"), "abusive": N_("abusive"),
    "unreasonable": N_("unreasonable"), "complains_to_all": N_("complained to others"),
    "does_not_listen": N_("was told before"),
    # what a night does
    "wait": N_("waits"), "propose": N_("proposed"), "advance": N_("moved on"),
    "close": N_("closed"), "void_notice": N_("notice voided"),
    # why a night decided as it did
    "entry_condition_confirmed": N_("the entry condition has held long enough"),
    "step_due": N_("its step was due"),
    "over_cap": N_("more than one night may do"),
    "no_improvement": N_("no improvement"),
    "ladder_finished": N_("the ladder was at its end"),
    "stage_deadline_over": N_("the stage's time was over"),
    "customer_left": N_("the customer has left"),
    "prepaid_in_force": N_("the prepaid contract is in force"),
    "receiver_confirmed": N_("the partner has confirmed"),
    "leave_condition_met": N_("the customer has recovered"),
    "notice_has_run": N_("the notice has run"),
    "improving_or_unknown": N_("improving, or not known"),
    "last_stage": N_("this is the last stage"),
    "no_alternative_named": N_("no alternative was named"),
    "no_conversation_logged": N_("no talk is logged"),
    "no_data_tonight": N_("no data that night"),
    "no_usable_address": N_("no usable address"),
    "notice_running": N_("the notice runs"),
    "observing": N_("time to see what it does"),
    "offer_being_answered": N_("the offer is being answered"),
    "step_not_due": N_("its step is not due"),
    "waiver_requested": N_("somebody asks to skip a stage"),
    "waiver_refused": N_("a stage is not skipped"),
    "open_complaint": N_("an open complaint"), "disputed_amount": N_("an amount in dispute"),
    "blocked": N_("something protects the customer"),
    "on_hold": N_("on hold"),
    "stage_not_served": N_("a stage before was not served"),
    "profit_uncertain": N_("not surely unprofitable"),
    "recovering": N_("recovering"),
    "cancelled_by_customer": N_("the customer has cancelled"),
    "data_not_settled": N_("the data was disturbed lately"),
    "reply_to_be_read": N_("an answer has to be read"),
    # why a message waits
    "outside_hours": N_("outside the hours there"),
    "frequency_cap": N_("enough messages for now"),
    "daily_quota": N_("the quota of the day is used up"),
    "first_of_mailing": N_("waits for the first of its mailing"),
    "night_held": N_("the last night was held"),
    "night_failed": N_("the last night failed"),
    "night_running": N_("the night is at work"),
    "night_backfilled": N_("the last night was played afterwards"),
    "night_in_doubt": N_("the last night is in doubt"),
    "night_too_old": N_("the last night is too long ago"),
    "company_data_unreadable": N_("the company's data cannot be read"),
    "company_data_in_doubt": N_("the company's data is in doubt"),
    "no_good_night": N_("there is no good night to compare with"),
}  # fmt: skip
"""The English words of every code; other languages translate the words."""


def word_of(words: Wording, code: object, section: str = "") -> str:
    """Return what a code means in the reader's language; an unknown one as it is."""
    if code is None:
        return NOTHING
    plain = str(code)
    found = CODES.get(f"{section}:{plain}") or CODES.get(plain)
    return words.say(found) if found else plain.replace("_", " ")


def reason_of(words: Wording, said: str) -> str:
    """Return why a night did something, in the reader's language; what people typed stays."""
    parts = said.split(":")
    if parts[0] in CODES and all(_CODE.fullmatch(part) for part in parts):
        return ": ".join(word_of(words, part) for part in parts)
    return said


STAGE_TONES = {"terminate": "stop", "migrate": "warn", "reward": "good", "listen": "good"}
"""The colour of a stage's tag; its word says the same."""


def tone_of_stage(stage: object) -> str:
    """Return the colour of a stage's tag."""
    return STAGE_TONES.get(str(stage), "")
