"""Every page and deed of the console: its address, who may open it, and what makes it.

A test makes the matrix of who may do what from this table, and fails for a route that is not in it.
"""

from starlette.responses import Response

from retention.domain.people import Role
from retention.web.answering import EVERYBODY, Page
from retention.web.console import (
    bulk,
    customer,
    customer_tables,
    customer_work,
    deciding,
    dossier,
    editing,
    gates,
    item,
    me,
    message_frame,
    nights,
    operations,
    outbox,
    programme,
    queue,
    systems,
    testing,
)
from retention.web.visit import Visit

DECIDE = EVERYBODY - {Role.AUDITOR, Role.VIEWER}
STEER = frozenset({Role.FINANCE, Role.DIRECTOR, Role.OPS, Role.AUDITOR})
RUN = frozenset({Role.DIRECTOR, Role.OPS})
ANSWER_FOR_DATA = RUN | {Role.FINANCE}


def _home(visit: Visit) -> Response:
    """Begin with one's own work; who decides nothing begins with last night."""
    return visit.go("/queue" if visit.person.roles & DECIDE else "/tonight")


def _get(path: str, handler: object, roles: frozenset[Role] = EVERYBODY) -> Page:
    return Page(path, handler, roles=roles)  # type: ignore[arg-type]


def _post(path: str, handler: object, roles: frozenset[Role] = DECIDE) -> Page:
    return Page(path, handler, "POST", roles)  # type: ignore[arg-type]


PAGES: tuple[Page, ...] = (
    _get("/", _home),
    _get("/queue", queue.show_queue),
    _get("/queue/{id}", item.show_item),
    _get("/queue/{id}/message", message_frame.show_message),
    _get("/queue/{id}/message.eml", message_frame.show_eml),
    _get("/queue/{id}/letter.pdf", message_frame.show_pdf),
    _get("/queue/{id}/call.ics", message_frame.show_calendar),
    _get("/queue/{id}/why", customer.show_why),
    _get("/queue/{id}/edit", editing.show_edit, DECIDE),
    _get("/queue/{id}/dossier", dossier.show_dossier),
    _get("/queue/{id}/dossier.pdf", dossier.dossier_pdf),
    _post("/queue/{id}/approve", deciding.approve),
    _post("/queue/{id}/reject", deciding.reject),
    _post("/queue/{id}/take-back", deciding.take_back),
    _post("/queue/{id}/snooze", deciding.snooze),
    _post("/queue/{id}/comment", deciding.comment, EVERYBODY),
    _post("/queue/{id}/reassign", deciding.reassign),
    _post("/queue/{id}/complete", deciding.complete),
    _post("/queue/{id}/edit", deciding.edit),
    _post("/queue/{id}/preview", editing.preview_edit),
    _post("/queue/{id}/answer", deciding.answer_offer),
    _post("/queue/{id}/revise", deciding.revise_offer),
    _post("/queue/{id}/agree", deciding.agree_call),
    _post("/queue/{id}/claim", deciding.claim),
    _post("/queue/{id}/draft", deciding.save_draft),
    Page("/queue/{id}/test", testing.send_test, "POST", DECIDE, waits=True),
    _post("/bulk", bulk.show_bulk),
    _post("/bulk/approve", bulk.approve_bulk),
    _post("/views", me.save_view, EVERYBODY),
    _post("/views/{id:int}/remove", me.remove_view, EVERYBODY),
    _get("/customers", customer.show_customers),
    _get("/customers/{id:path}/months.csv", customer_tables.months_csv),
    _get("/customers/{id:path}/nights.csv", customer_tables.nights_csv),
    _get("/customers/{id:path}/parts.csv", customer_tables.parts_csv),
    _post("/customers/{id:path}/hold", customer.place_hold),
    _post("/customers/{id:path}/log-call", customer_work.log_call),
    _post("/customers/{id:path}/waiver", customer_work.ask_waiver),
    _post("/customers/{id:path}/handover", customer_work.offer_handover),
    _post("/customers/{id:path}/export", customer.export, RUN),
    _post("/customers/{id:path}/erase", customer.erase, frozenset({Role.DIRECTOR, Role.OPS})),
    _post("/holds/{number:int}/release", customer.release_hold),
    _get("/customers/{id:path}", customer.show_customer),
    _get("/tonight", nights.show_tonight),
    _post("/batches/{id}", nights.decide_batch, RUN),
    _post("/waivers/{id}", nights.decide_waiver),
    _post("/handovers/{id}", nights.move_handover),
    _get("/programme", programme.show_programme),
    _get("/programme.csv", programme.programme_csv),
    _get("/results", programme.show_results),
    _get("/results.csv", programme.results_csv),
    _get("/people", programme.show_people),
    _get("/outbox", outbox.show_outbox),
    _post("/outbox/{id}", outbox.move_message),
    _get("/switches", operations.show_switches),
    _post("/switches", operations.turn_switch),
    _get("/data", operations.show_data, STEER),
    _get("/data/gates", gates.show_gates, STEER),
    Page("/data/gates/{table}", gates.accept_gate, "POST", ANSWER_FOR_DATA, waits=True),
    _get("/policies", operations.show_policies),
    _get("/templates", operations.show_templates),
    _get("/templates/{purpose}/{language}", operations.show_sample),
    _get("/systems", systems.show_systems, STEER),
    _post("/systems/{id}/{receiver}", systems.replay, RUN),
    _get("/team", operations.show_team),
    _post("/delegations", operations.delegate),
    _post("/delegations/{number:int}/revoke", operations.revoke),
    _get("/audit", operations.show_audit, STEER),
    _get("/replay", operations.show_replay, STEER),
    _get("/me", me.show_me),
    _post("/me", me.save_me, EVERYBODY),
    _post("/me/password", me.change_password, EVERYBODY),
    _post("/me/sessions", me.end_session, EVERYBODY),
    _post("/sign-out", me.sign_out, EVERYBODY),
)
