"""Look back: customers as they were on past days, what was said of them, and who had gone later."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd

from retention.learning.churn import EXTRA, HORIZON_DAYS
from retention.nights.pull import open_sources
from retention.nights.score_shards import reference_of, tied_profits
from retention.policies.load import Policies
from retention.scoring.model_store import load_models, models_in_use
from retention.scoring.score import measure_customers, score_customers, to_frame
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders
from retention.snapshots.store import table_of
from retention.sources.extract import extract_features, find_ties
from retention.sources.tables import Company
from retention.sources.winsorise import find_caps

_CUTS = 5
_SLACK_DAYS = 10


@dataclass(frozen=True, slots=True)
class Then:
    """A past day: the measured customers of that day and of 90 days later.

    `scores` is SQL that reads what was said of them on that day, or would have been.
    """

    day: date
    before: pd.DataFrame
    after: pd.DataFrame
    scores: str


Past = Sequence[Then]


@contextmanager
def looking_back(
    policies: Policies, folders: Folders, as_of: date, *, from_sources: bool
) -> Iterator[Past]:
    """Yield up to four past days, 90 days apart: from our own snapshots, or the sources' past."""
    if not from_sources:
        yield _from_snapshots(folders, as_of)
        return
    with tempfile.TemporaryDirectory(prefix="retention-past-") as aside:
        yield _from_sources(policies, folders, as_of, Path(aside))


def _from_snapshots(folders: Folders, as_of: date) -> list[Then]:
    root = folders.snapshots
    days = [day for day in snapshots.dates(root) if day <= as_of]
    found: list[Then] = []
    later = days[-1] if days else None
    while later is not None and len(found) < _CUTS:
        wanted = later - timedelta(days=HORIZON_DAYS)
        near = [day for day in days if abs((day - wanted).days) <= _SLACK_DAYS]
        if not near:
            break
        before = min(near, key=lambda day: abs((day - wanted).days))
        if not _same_tables(root, before, later):
            break
        then, now = (to_frame(table_of(root, d, snapshots.FEATURES)) for d in (before, later))
        found.append(Then(before, then, now, snapshots.scan(root, before, snapshots.SCORES)))
        later = before
    return found


def _same_tables(root: Path, one: date, other: date) -> bool:
    """A table that one of two nights did without would look like customers who left."""
    mapped = [snapshots.read_manifest(root, day)["mapped"] for day in (one, other)]
    return bool(mapped[0].keys() == mapped[1].keys())


def _from_sources(policies: Policies, folders: Folders, as_of: date, aside: Path) -> list[Then]:
    company = open_sources(policies, folders, as_of)
    try:
        days = [as_of - timedelta(days=HORIZON_DAYS * n) for n in range(_CUTS)]
        frames = [_as_of(company, policies, folders, day, aside) for day in days]
    finally:
        company.close()
    known = zip(days, frames, strict=True)
    return [
        Then(day, before, after, snapshots.scan(aside, day, snapshots.SCORES))
        for (_, after), (day, before) in pairwise(known)
        if len(before)
    ]


def _as_of(
    company: Company, policies: Policies, folders: Folders, day: date, aside: Path
) -> pd.DataFrame:
    """Measure the customers of a day, and write aside what a night would have said of them."""
    costs = policies.costs
    find_caps(company, costs.winsorise, day)
    made = extract_features(company, day)
    measured = measure_customers(
        made.wide, made.activities, made.bills, made.contracts, costs, company.mapped
    )
    models = load_models(folders.models, models_in_use(folders.models, day))
    tied = tied_profits(measured.customers, find_ties(company, day))
    scores = score_customers(
        measured.customers, tied, costs, reference_of(measured.customers, costs, day), models
    )
    snapshots.begin(aside, day, {})
    snapshots.write_scores(aside, day, 0, scores)
    # The company's own columns have no dates: they would tell the past what is known today.
    frame = to_frame(measured.customers)
    return frame.drop(columns=[c for c in frame if str(c).startswith(EXTRA)])
