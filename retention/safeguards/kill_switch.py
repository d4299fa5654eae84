"""The kill switch: stop everything, a playbook, a stage or a kind of action, at once.

`mail` stops by itself when the mail server will not have us, or when too much of it fails.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.switches import Switch
from retention.db.recording import Entry, record
from retention.domain.actions import ActionKind
from retention.domain.errors import NotFoundError
from retention.domain.people import Permission, Person, require, require_reason
from retention.domain.stages import ADVERSE_STAGES, PlaybookName, Stage

EVERYTHING, ADVERSE, MAIL = "all", "adverse", "mail"
SCOPES: tuple[str, ...] = (
    EVERYTHING,
    ADVERSE,
    MAIL,
    *(f"playbook:{name}" for name in PlaybookName),
    *(f"stage:{stage}" for stage in Stage),
    f"action:{ActionKind.EMAIL}",
    f"action:{ActionKind.LETTER}",
    f"action:{ActionKind.SMS}",
)
_CANARY, _PROVIDER = "canary:", "provider:"


def canary_of(mailing: str) -> str:
    """Return the scope of a large mailing whose first messages went ahead."""
    return f"{_CANARY}{mailing}"


def provider(domain: str) -> str:
    """Return the scope of all mail to one provider."""
    return f"{_PROVIDER}{domain}"


_STOPPED = select(Switch.scope, Switch.reason).where(Switch.stopped)


def stopped(session: Session) -> dict[str, str]:
    """Return the scopes that are stopped, and why."""
    rows = session.execute(_STOPPED)
    return {row.scope: row.reason for row in rows}


def scopes_of(playbook: PlaybookName, stage: Stage, kind: ActionKind) -> set[str]:
    """Return the scopes that an action falls under."""
    scopes = {EVERYTHING, f"playbook:{playbook}", f"stage:{stage}", f"action:{kind}"}
    if kind is ActionKind.EMAIL:
        scopes.add(MAIL)
    return scopes | {ADVERSE} if stage in ADVERSE_STAGES else scopes


def stop(session: Session, scope: str, person: Person, reason: str, now: datetime) -> Switch:
    """Stop a scope. Raises NotFoundError, or NotAllowedError for who may not or gives no reason."""
    return _set(session, scope, person, reason, now, Permission.STOP)


def start(session: Session, scope: str, person: Person, reason: str, now: datetime) -> Switch:
    """Start a scope again. Raises NotFoundError or NotAllowedError."""
    return _set(session, scope, person, reason, now, Permission.START)


def stop_by_itself(session: Session, scope: str, reason: str, now: datetime) -> Switch:
    """Stop a scope because a measurement says so; a person has to start it again."""
    return _write(session, scope, "retention", reason, now, stopped_=True)


def _set(
    session: Session,
    scope: str,
    person: Person,
    reason: str,
    now: datetime,
    permission: Permission,
) -> Switch:
    made = scope.startswith((_CANARY, _PROVIDER)) and session.get(Switch, scope) is not None
    if scope not in SCOPES and not made:
        raise NotFoundError(f"scope '{scope}'", "does not exist", f"Use: {', '.join(SCOPES)}.")
    require(person, permission, subject=f"switch {scope}")
    said = require_reason(f"switch {scope}", reason)
    stops = permission is Permission.STOP
    return _write(session, scope, person.person_id, said, now, stopped_=stops)


def _write(
    session: Session, scope: str, by: str, reason: str, now: datetime, *, stopped_: bool
) -> Switch:
    switch = session.get(Switch, scope) or Switch(scope=scope)
    switch.stopped, switch.changed_by = stopped_, by
    switch.reason, switch.changed_at = reason, now
    session.add(switch)
    kind = "switch.stopped" if stopped_ else "switch.started"
    record(session, Entry(now, kind, f"switch {scope}", {"by": by, "reason": reason}))
    return switch
