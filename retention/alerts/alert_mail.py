"""The mail that tells ops what is wrong and what is over."""

from datetime import datetime

from retention.alerts.open_alerts import News
from retention.db.models.runs import Alert
from retention.delivery.team_post import TeamMail
from retention.domain.alerts import TroubleKind
from retention.domain.people import Role, Team
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.team_mail import compose_for

PURPOSE = "ops_alert"


def mails(news: News, team: Team, sender: Sender, now: datetime) -> list[TeamMail]:
    """Return one letter for each person with the role ops. Raises TemplateError."""
    values: dict[str, dict[str, Plain] | Plain] = {
        "began": _by_kind(news.began),
        "over": _by_kind(news.over),
    }
    stamp = f"{now:%Y%m%dT%H%M%S}"
    found = []
    for person in team.with_role(Role.OPS):
        name = f"alert-{stamp}-{person.person_id}"
        found.append((person, compose_for(person, PURPOSE, values, sender, now, name)))
    return found


def _by_kind(alerts: tuple[Alert, ...]) -> dict[str, Plain]:
    """Return what is said of each kind of trouble; nothing of a kind that is not there."""
    said: dict[str, Plain] = {
        kind.value: "; ".join(_said(alert) for alert in alerts if alert.kind is kind)
        for kind in TroubleKind
    }
    return said | {"any": len(alerts)}


def _said(alert: Alert) -> str:
    count = f"{alert.count} " if alert.count else ""
    return f"{alert.key}: {count}{alert.why}" if alert.why else alert.key
