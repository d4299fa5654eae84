"""The programme: who earns and who costs, what it has achieved, and how people decide."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import case, func, select
from starlette.responses import Response

from retention.actions.approval_statistics import how_people_decide
from retention.db.models.work.cases import Case
from retention.domain.cases import CaseState
from retention.domain.people import Role
from retention.domain.stages import LADDERS
from retention.reports.programme_effect import measure_programme
from retention.snapshots.folders import Folders
from retention.web.console.csv import table_as_csv
from retention.web.visit import Visit

_POINTS = 120
_TIERS = ("platinum", "gold", "iron", "lead", "unknown")
_KEPT: dict[tuple[Path, date], dict[str, Any]] = {}
SEES_ALL = (Role.FINANCE, Role.DIRECTOR, Role.OPS, Role.AUDITOR)


def show_programme(visit: Visit) -> Response:
    """Show the whale curve, tiers and patterns, and where the cases stand."""
    day = visit.people.as_of
    data = _figures(visit.shop.folders, day) if day else None
    return visit.page("programme.html", data=data, day=day, funnel=_funnel(visit),
                      ladders=LADDERS)  # fmt: skip


def programme_csv(visit: Visit) -> Response:
    """Return what the page shows as CSV: tiers, patterns, the curve's points, where cases stand."""
    day = visit.people.as_of
    data = _figures(visit.shop.folders, day) if day else {}
    rows: list[list[object]] = [["tier", *row] for row in data.get("tiers", ())]
    rows += [["pattern", *row] for row in data.get("archetypes", ())]
    rows += [["curve", "", "", "", *point] for point in data.get("points", ())]
    rows += [
        [f"cases of {playbook}", name, place.cases, "", "", "", place.days]
        for playbook, found in _funnel(visit).items()
        for name, place in found.items()
    ]
    heads = ("what", "name", "customers", "net_profit_12m", "percent_of_customers",
             "percent_of_profit", "median_days")  # fmt: skip
    return table_as_csv("programme.csv", heads, rows)


def _figures(folders: Folders, day: date) -> dict[str, Any]:
    """Return a night's figures; they are the same until there is a newer night."""
    key = (folders.snapshots, day)
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = _gathered(folders, day)
    return _KEPT[key]


def _gathered(folders: Folders, day: date) -> dict[str, Any]:
    from retention.reports.gather import gather  # its pictures take a quarter of a second to load
    from retention.reports.whale import whale_curve

    data = gather(folders, day)
    curve = whale_curve(data.profits)
    points: list[tuple[float, float]] = []
    peak = (0.0, 0.0)
    if curve is not None:
        step = max(len(curve.customers) // _POINTS, 1)
        points = list(zip(curve.customers[::step].tolist(), curve.profit[::step].tolist(),
                          strict=True))  # fmt: skip
        peak = curve.peak
    return {
        "customers": data.customers,
        "poor": data.poor,
        "points": points,
        "peak": peak,
        "total": float(np.sum(data.profits)) if len(data.profits) else 0.0,
        "tiers": sorted(data.tiers, key=lambda row: _TIERS.index(row[0])),
        "archetypes": data.archetypes,
        "ageing": data.ageing,
    }


class Place(NamedTuple):
    """Cases that stand at one stage, or ended in one way; `days` are the median's.

    Of open cases since they came to the stage, of ended ones from their first day to their last.
    """

    cases: int
    days: int


def _funnel(visit: Visit) -> dict[str, dict[str, Place]]:
    """Return where cases stand or how they ended, by playbook, and how long it takes."""
    since = case((Case.closed_on.is_(None), Case.stage_entered_on), else_=Case.opened_on)
    which = (Case.playbook, Case.state, Case.stage, since, Case.closed_on)
    places: dict[str, dict[str, Counter[int]]] = {}
    today = visit.people.as_of or visit.actor.on
    for playbook, state, stage, first, last, count in visit.session.execute(
        select(*which, func.count()).group_by(*which)
    ):
        key = str(stage) if state is CaseState.OPEN else str(state)
        days = max(((last or today) - first).days, 0)
        places.setdefault(str(playbook), {}).setdefault(key, Counter())[days] += count
    return {
        playbook: {name: Place(found.total(), _median(found)) for name, found in of.items()}
        for playbook, of in places.items()
    }


def _median(found: Counter[int]) -> int:
    """Return the middle of counted days; the lower one of two."""
    half, seen = (found.total() + 1) // 2, 0
    for days in sorted(found):
        seen += found[days]
        if seen >= half:
            return days
    return 0


def show_results(visit: Visit) -> Response:
    """Show what the programme has achieved against those who were left untreated."""
    day = visit.people.as_of
    found = measure_programme(visit.session, visit.shop.folders.snapshots, day) if day else None
    return visit.page("results.html", found=found)


def results_csv(visit: Visit) -> Response:
    """Return the results as CSV."""
    day = visit.people.as_of
    rows: list[list[object]] = []
    if day is not None:
        found = measure_programme(visit.session, visit.shop.folders.snapshots, day)
        for name, playbook in found["playbooks"].items():
            for what, figures in playbook["effect"].items():
                one = figures["difference"]
                rows.append([name, what, playbook["treated"], playbook["held_out"], one["value"],
                             one["low"], one["high"]])  # fmt: skip
    heads = ("playbook", "what", "treated", "untreated", "difference", "low", "high")
    return table_as_csv("results.csv", heads, rows)


def show_people(visit: Visit) -> Response:
    """Show how people decide: everybody their own pace, who steers the programme all of them."""
    rows = how_people_decide(visit.session, visit.shop.settings.timezone)
    own = [row for row in rows if row["person"] == visit.person.person_id]
    shown = rows if visit.is_one_of(*SEES_ALL) else own
    return visit.page("people.html", rows=shown, team=visit.shop.policies.team.people)
