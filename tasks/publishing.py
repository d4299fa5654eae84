"""Artifacts for the people who watch the runs: counts and codes, never personal data."""

from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from retention.domain.summaries import DeliverySummary, DigestSummary, InboxSummary
from tasks.steps import step


@step()
def publish_night(summary: dict[str, Any]) -> None:
    """Leave the night's summary and its counts as artifacts."""
    pull, scores, decided = summary["pull"], summary["scores"], summary["decisions"]
    rows = [
        {"what": group, "which": name, "count": count}
        for group, counts in (
            ("rows read", pull["rows"]),
            ("fit", scores["fit"]),
            ("archetype", scores["archetype"]),
            ("decision", decided["decisions"]),
            ("proposed", decided["proposed"]),
            ("waiting for", decided["waiting"]),
        )
        for name, count in counts.items()
    ]
    create_table_artifact(key="nightly-counts", table=rows)
    create_markdown_artifact(key="nightly-summary", markdown=night_markdown(summary))


def night_markdown(summary: dict[str, Any]) -> str:
    """Return a night in a few sentences."""
    pull, scores, decided = summary["pull"], summary["scores"], summary["decisions"]
    proposed = sum(decided["proposed"].values())
    return "\n".join(
        [
            f"# Night of {pull['as_of']}",
            "",
            f"- {pull['customers']} customers were scored; {pull['with_email']} have an e-mail.",
            f"- Fit: {_listed(scores['fit'])}.",
            f"- {decided['open_cases']} cases are open; {proposed} actions were proposed.",
            f"- {decided['superseded']} actions were given up, {decided['expired']} expired.",
            f"- Not mapped: {', '.join(pull['not_mapped']) or 'nothing'}.",
            *(f"- **{name} is left out**: {found}." for name, found in pull["tripped"].items()),
            *(f"- **{name} waits** for that." for name in pull["held_playbooks"]),
            *(f"- {name}: {who} accepted a change." for name, who in pull["accepted"].items()),
        ]
    )


@step()
def publish_delivery(summary: DeliverySummary, recovered: int) -> None:
    """Leave the result of one delivery round as an artifact."""
    create_markdown_artifact(
        key="delivery-summary",
        markdown=f"{summary.total} messages: {_listed(summary.states)}. "
        f"Waiting: {_listed(summary.waiting)}. {recovered} were settled after their sender died.",
    )


@step()
def publish_inbox(summary: InboxSummary) -> None:
    """Leave what came in as an artifact."""
    create_markdown_artifact(
        key="inbox-summary",
        markdown=f"New: {_listed(summary.kinds)}. {summary.known} were known before, "
        f"{summary.unmatched} answer no message of ours.",
    )


@step()
def publish_digest(summary: DigestSummary) -> None:
    """Leave how many digests were sent as an artifact."""
    create_markdown_artifact(
        key="digest-summary",
        markdown=f"{summary.sent} digests were sent, {summary.failed} could not be; for "
        f"{summary.nothing_to_say} people there was nothing to say."
        + (f" The team's chat was {summary.chat}." if summary.chat else ""),
    )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


@step()
def publish_models(learnt: dict[str, Any]) -> None:
    """Leave what the back-tests found as a table."""
    rows = [
        {
            "model": kind,
            "accepted": found["accepted"],
            "reason": found["reason"],
            "rows": found["rows"],
            "AUC": found["auc"],
            "Brier": found["brier"],
        }
        for kind, found in learnt.items()
    ]
    create_table_artifact(key="models", table=rows)
