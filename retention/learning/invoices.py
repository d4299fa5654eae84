"""Learn from the company's own invoices: which are paid very late, which are disputed."""

from datetime import date

import numpy as np
import pandas as pd

from retention.learning.backtest import backtest
from retention.learning.incumbent import probabilities_in_use
from retention.learning.table import Labelled
from retention.learning.train import Learnt, hash_of
from retention.nights.pull import open_sources
from retention.policies.load import Policies
from retention.scoring.model_store import DISPUTE, LATE_PAYMENT
from retention.scoring.risks import shrunken_share
from retention.scoring.score import to_frame
from retention.snapshots.folders import Folders
from retention.sources.extract import extract_invoices

_MOST_INVOICES = 12_000
_MONOTONE = {
    LATE_PAYMENT: {"late_before": 1, "days_late_before": 1},
    DISPUTE: {"disputed_before": 1},
}
_NO_FEATURES = ["customer_id", "issued_on", "late", "disputed"]


def learn_invoices(
    policies: Policies, folders: Folders, as_of: date
) -> dict[str, tuple[Learnt, str]]:
    """Learn which invoices are paid more than 30 days late, and which are disputed.

    Each from what was known when it was issued; what was disputed says nothing of paying late. At
    most 12,000 invoices are used, drawn from a fixed seed. A model is kept only when it is better
    than the customer's own share, drawn towards the company's.
    """
    company = open_sources(policies, folders, as_of)
    try:
        frame = to_frame(extract_invoices(company, as_of))
    finally:
        company.close()
    first = None if frame.empty else pd.to_datetime(frame["issued_on"]).min().date()
    if len(frame) > _MOST_INVOICES:
        frame = frame.sample(_MOST_INVOICES, random_state=7).sort_index()
    undisputed = frame[frame["late"].notna()]
    rows = {
        LATE_PAYMENT: _labelled(
            undisputed,
            "late",
            "late_before",
            undisputed["known_before"] - undisputed["disputed_before"],
        ),
        DISPUTE: _labelled(frame, "disputed", "disputed_before", frame["known_before"]),
    }
    return {kind: _learn(kind, data, folders, first, as_of) for kind, data in rows.items()}


def _labelled(frame: pd.DataFrame, label: str, before: str, known: pd.Series) -> Labelled:
    said = frame[label].to_numpy(dtype=np.int64)
    share = float(said.mean()) if len(said) else 0.0
    return Labelled(
        features=frame.drop(columns=_NO_FEATURES),
        label=said,
        groups=frame["customer_id"].to_numpy(dtype=object),
        rival=shrunken_share(frame[before], known, share),
        days=pd.to_datetime(frame["issued_on"]).to_numpy(dtype="datetime64[D]"),
    )


def _learn(
    kind: str, data: Labelled, folders: Folders, first: date | None, as_of: date
) -> tuple[Learnt, str]:
    data.incumbent = probabilities_in_use(folders.models, kind, as_of, data)
    found, model = backtest(data, _MONOTONE[kind], None)
    return Learnt(kind, first, as_of, found, model), hash_of(data)
