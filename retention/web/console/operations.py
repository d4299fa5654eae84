"""The operations team's pages: outbox, switches, data, policies, templates, team, audit."""

import difflib
from typing import Any

from sqlalchemy import func, select
from starlette.responses import HTMLResponse, Response

from retention.audit import verify
from retention.audit.replay_decisions import replay_receipts
from retention.db.models.work.cases import Case, PlaybookVersion
from retention.db.queries import audit as audit_queries
from retention.domain.cases import CaseState
from retention.domain.errors import NotFoundError
from retention.domain.people import Permission
from retention.messages import gallery
from retention.messages.lint import lint
from retention.messages.samples import SAMPLES
from retention.messages.templates import list_templates
from retention.nights import gate_overrides
from retention.people import delegations
from retention.safeguards import kill_switch
from retention.web.console.deciding import day_of
from retention.web.headers import FRAMED
from retention.web.visit import Visit

_MANY = 200


def show_switches(visit: Visit) -> Response:
    """Show what is stopped, and stop or start it."""
    return visit.page("switches.html", scopes=kill_switch.SCOPES,
                      may_stop=visit.person.may(Permission.STOP),
                      may_start=visit.person.may(Permission.START))  # fmt: skip


def turn_switch(visit: Visit) -> Response:
    """Stop something, or start it again."""
    scope, reason = visit.typed("scope"), visit.typed("reason")
    turn = kill_switch.start if visit.typed("to") == "start" else kill_switch.stop
    turn(visit.session, scope, visit.person, reason, visit.now)
    return visit.go("/switches")


def show_data(visit: Visit) -> Response:
    """Show how the company's tables were, night by night, and what people have accepted."""
    from retention.runs.history import list_nights, summary_of

    nights = list_nights(visit.session, "nightly", 14)
    try:
        pull = summary_of(visit.session, "nightly", nights[0].as_of)["pull"] if nights else {}
    except NotFoundError:  # it was held or failed; the list of nights says why
        pull = {}
    return visit.page("data.html", nights=nights, pull=pull,
                      doubt=gate_overrides.doubt_of(visit.session))  # fmt: skip


def show_policies(visit: Visit) -> Response:
    """Show every policy file as it is read, the versions of playbooks, and who runs on which."""
    config = visit.shop.settings.config_dir
    files = sorted(path.relative_to(config) for path in config.rglob("*.yaml"))
    chosen = next((f for f in files if str(f) == visit.asked("file")), None)
    versions = list(visit.session.scalars(
        select(PlaybookVersion).order_by(PlaybookVersion.first_used_on.desc())
    ))  # fmt: skip
    running = visit.session.execute(
        select(Case.version, func.count()).where(Case.state == CaseState.OPEN)
        .group_by(Case.version)
    )  # fmt: skip
    return visit.page(
        "policies.html",
        files=[str(f) for f in files],
        chosen=str(chosen) if chosen else "",
        text=(config / chosen).read_text("utf-8") if chosen else "",
        versions=versions,
        running={version: n for version, n in running},  # noqa: C416 - rows are no pairs to a checker
        diff=_diff(versions, visit.asked("version")),
        in_force={str(book.name): book.version for book in visit.shop.policies.playbooks.values()},
    )


def _diff(versions: list[PlaybookVersion], asked: str) -> list[str]:
    """Return how a version of a playbook differs from the one before it."""
    at = next((v for v in versions if v.version == asked), None)
    if at is None:
        return []
    older = [
        v
        for v in versions
        if v.playbook == at.playbook and v.first_used_on <= at.first_used_on and v is not at
    ]
    before = older[0].document if older else ""
    return list(difflib.unified_diff(before.splitlines(), at.document.splitlines(), "before",
                                     at.version[:8], lineterm=""))  # fmt: skip


def show_templates(visit: Visit) -> Response:
    """Show the gallery: each template with sample customers, and what its reading finds."""
    templates = visit.shop.settings.templates_dir
    names = list_templates(templates)
    purpose, language = visit.asked("purpose"), visit.asked("language")
    if (purpose, language) not in names:
        purpose, language = names[0] if names else ("", "")
    sample = visit.asked("sample", SAMPLES[0].name)
    used = {
        str(step.template): str(book.name)
        for book in visit.shop.policies.playbooks.values()
        for rule in book.stages for step in rule.steps if step.template
    }  # fmt: skip
    made = gallery.show(visit.shop.sender, purpose, language, sample)
    return visit.page("templates.html", names=names, purpose=purpose, language=language,
                      sample=sample, samples=[s.name for s in SAMPLES], used=used, made=made,
                      source=(templates / "email" / purpose / f"{language}.md").read_text("utf-8"),
                      findings=_findings(visit, f"{purpose}/{language}", purpose))  # fmt: skip


def _findings(visit: Visit, *names: str) -> list[str]:
    found = lint(visit.shop.settings.templates_dir, visit.actor.on, visit.shop.sender.own_hosts)
    return [finding.what for finding in found if finding.template in names]


def show_sample(visit: Visit) -> Response:
    """Show a template with a sample customer, in a frame of its own."""
    params = visit.request.path_params
    made = gallery.show(visit.shop.sender, params["purpose"], params["language"],
                        visit.asked("sample"))  # fmt: skip
    return HTMLResponse(made.html, headers={"Content-Security-Policy": FRAMED})


def show_team(visit: Visit) -> Response:
    """Show people, roles, and who acts for whom."""
    return visit.page("team.html", team=visit.shop.policies.team.people,
                      lent=delegations.list_delegations(visit.session, visit.actor.on))  # fmt: skip


def delegate(visit: Visit) -> Response:
    """Let somebody act for one's own accounts between two days."""
    team, instead = visit.shop.policies.team, visit.typed("for")
    first, last = (day_of(visit.typed(name), "the day") for name in ("starts", "ends"))
    delegations.delegate(
        visit.session, visit.actor, team.get(visit.typed("to")), first, last,
        principal=team.get(instead) if instead else None, reason=visit.typed("reason"),
    )  # fmt: skip
    return visit.go("/team")


def revoke(visit: Visit) -> Response:
    """End a delegation before its time."""
    delegations.revoke(visit.session, visit.actor, int(visit.request.path_params["number"]))
    return visit.go("/team")


def show_audit(visit: Visit) -> Response:
    """Show the newest events, of one customer if asked, and whether the chain holds."""
    customer = visit.asked("customer").strip() or None
    verdict = verify.verify(visit.session, []) if visit.asked("verify") else None
    return visit.page("audit.html", events=audit_queries.newest(visit.session, customer, _MANY),
                      most=_MANY, customer=customer or "", verdict=verdict,
                      last_export=verify.last_export(visit.session))  # fmt: skip


def show_replay(visit: Visit) -> Response:
    """Decide a night again from its receipts, and say what differs."""
    from retention.runs.history import list_nights

    nights = list_nights(visit.session, "nightly", 60)
    asked = visit.asked("night")
    day = next((night.as_of for night in nights if night.as_of.isoformat() == asked), None)
    found: Any = None
    if day is not None:
        found = replay_receipts(visit.session, visit.shop.policies.calendars, day)
    return visit.page("replay.html", nights=nights, day=day, found=found)
