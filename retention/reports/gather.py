"""Gather a night's figures for the report and make its page."""

import base64
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from retention.domain.brand import USUAL_BRAND, Brand
from retention.domain.errors import NotFoundError
from retention.domain.stages import PlaybookName
from retention.reports.figures import ReportData, make_charts
from retention.reports.page import render_page
from retention.reports.week_told import Told, week_lines
from retention.reports.words import load_words
from retention.scoring import model_store as model_files
from retention.scoring.model_store import CHURN
from retention.scratch import scratch
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders

_MIN_GROUP = 20
_ENTRY = model_files.entry_kind(PlaybookName.RETAIN.value)
_BUCKETS = ("1_30", "31_60", "61_90", "over_90")
_DIMENSIONS = {
    "acquired_through": "acquired_through",
    "plan": "plan",
    "segment": "kind || ', ' || country",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report: its page, the sentences of its charts, and the whale curve as data URL."""

    as_of: date
    html: str
    titles: tuple[str, ...]
    picture: str


def make_report(
    folders: Folders,
    as_of: date,
    company: str,
    language: str,
    told: Told | None = None,
    brand: Brand = USUAL_BRAND,
) -> Report:
    """Return the report of the newest snapshot up to `as_of`.

    `told` is what the programme did lately; without a database there is none.
    Raises NotFoundError without one, ConfigError for a language without words.
    """
    days = [day for day in snapshots.dates(folders.snapshots) if day <= as_of]
    if not days:
        raise NotFoundError(
            f"snapshot up to {as_of}", "does not exist", "Run 'retention run' first."
        )
    words = load_words(folders.templates, language)
    data = gather(folders, days[-1])
    charts = make_charts(data, words)
    lately = week_lines(told, data.currency, words) if told else None
    page = render_page(folders.templates, data, charts, company, words, lately, brand)
    whale = base64.b64encode(charts[0].png()).decode()
    return Report(
        days[-1], page, tuple(chart.title for chart in charts), f"data:image/png;base64,{whale}"
    )


def gather(folders: Folders, as_of: date) -> ReportData:
    """Return the figures of one night's scores."""
    with scratch() as db:
        scores = snapshots.scan(folders.snapshots, as_of, snapshots.SCORES)
        db.execute(f"CREATE TEMP VIEW s AS SELECT * FROM {scores}")
        profits = db.sql(
            "SELECT CAST(net_profit_12m AS DOUBLE) AS p FROM s WHERE net_profit_12m IS NOT NULL"
        ).fetchnumpy()["p"]
        customers, judged, poor, had, gone, moved = db.execute(
            "SELECT count(*), count(*) FILTER (WHERE fit <> 'no_data'), "
            "count(*) FILTER (WHERE fit = 'poor'), "
            "count(*) FILTER (WHERE active_contracts > 0 OR contracts_ended_12m > 0), "
            "count(*) FILTER (WHERE active_contracts = 0 AND contracts_ended_12m > 0), "
            "count(*) FILTER (WHERE active_contracts > 0 AND contracts_switched_12m > 0) FROM s"
        ).fetchall()[0]
        manifest = snapshots.read_manifest(folders.snapshots, as_of)
        return ReportData(
            as_of=as_of.isoformat(),
            currency=manifest["costs"]["currency"],
            noticed=manifest.get("noticed", ()),
            customers=customers,
            profits=profits,
            tiers=_totals(db, "tier"),
            archetypes=_totals(db, "archetype"),
            fit_by={name: _fit_by(db, sql) for name, sql in _DIMENSIONS.items()},
            ageing=_ageing(db),
            tenths=_tenths(db),
            judged=judged,
            poor=poor,
            had_contract=had,
            gone=gone,
            moved=moved,
            churn=_churn(folders.models, folders.snapshots, as_of),
            entry=model_files.newest(folders.models, _ENTRY, as_of),
        )


def _totals(db: duckdb.DuckDBPyConnection, column: str) -> list[tuple[str, int, float]]:
    return db.execute(
        f"SELECT {column}, count(*), CAST(coalesce(sum(net_profit_12m), 0) AS DOUBLE) FROM s "
        f"WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 3 DESC, 1"
    ).fetchall()


def _fit_by(db: duckdb.DuckDBPyConnection, value: str) -> list[tuple[str, int, int]]:
    """Return customers and poor fits per value; groups too small to say anything are left out."""
    return db.execute(
        f"SELECT {value}, count(*), count(*) FILTER (WHERE fit = 'poor') FROM s "
        f"WHERE fit <> 'no_data' AND ({value}) IS NOT NULL "
        f"GROUP BY 1 HAVING count(*) >= {_MIN_GROUP} ORDER BY 1"
    ).fetchall()


def _ageing(db: duckdb.DuckDBPyConnection) -> dict[str, float]:
    sums = ", ".join(f"CAST(coalesce(sum(overdue_{b}), 0) AS DOUBLE)" for b in _BUCKETS)
    return dict(zip(_BUCKETS, db.execute(f"SELECT {sums} FROM s").fetchall()[0], strict=True))


def _tenths(db: duckdb.DuckDBPyConnection) -> list[tuple[float, float]]:
    """Return each tenth's share of time and of revenue; empty without any time on tickets."""
    rows = db.execute(
        "SELECT sum(minutes) / sum(sum(minutes)) OVER (), "
        "sum(revenue) / nullif(sum(sum(revenue)) OVER (), 0) FROM ("
        "SELECT coalesce(ticket_minutes_12m, 0) AS minutes, "
        "CAST(coalesce(revenue_12m, 0) AS DOUBLE) AS revenue, "
        "ntile(10) OVER (ORDER BY coalesce(ticket_minutes_12m, 0) DESC, customer_id) AS tenth "
        "FROM s) GROUP BY tenth ORDER BY tenth"
    ).fetchall()
    known = [(time, revenue or 0.0) for time, revenue in rows if time is not None]
    return known if any(time > 0 for time, _ in known) else []


def _churn(models: Path, root: Path, as_of: date) -> dict[str, Any]:
    """Return the back-test of the model that the night used, or why there is none."""
    name = snapshots.read_manifest(root, as_of)["models"].get(CHURN)
    if name is not None:
        return model_files.load(models, CHURN, name)
    newest = sorted((models / CHURN).glob("*.json"))
    reason = model_files.load(models, CHURN, newest[-1].stem)["reason"] if newest else "-"
    return {"reason": reason}
