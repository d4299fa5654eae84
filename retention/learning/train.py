"""Learn who leaves, from the company's own past or a table. Models are files, never changed."""

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retention.learning import churn
from retention.learning.backtest import Backtest, backtest
from retention.learning.ebm import library_versions
from retention.learning.incumbent import probabilities_in_use
from retention.learning.leaks import leave_out, suspects
from retention.learning.measures import Campaign
from retention.learning.past import Past
from retention.learning.table import Columns, Labelled, read_labelled
from retention.policies.load import Policies
from retention.scoring import model_store as model_files
from retention.scoring.additive import AdditiveModel
from retention.scoring.costs import Costs
from retention.scoring.model_store import CHURN
from retention.snapshots.folders import Folders

_BETA_STRENGTH = 20.0


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of learning: the back-test, the model when it was accepted, and where it is."""

    kind: str
    trained_from: date | None
    trained_through: date
    backtest: Backtest
    model: AdditiveModel | None
    file: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, without the model itself."""
        return {
            "kind": self.kind,
            "trained_from": self.trained_from.isoformat() if self.trained_from else None,
            "trained_through": self.trained_through.isoformat(),
            "file": self.file.name if self.file else None,
            **self.backtest.as_json(),
        }


def campaign_of(costs: Costs, value: np.ndarray | None) -> Campaign | None:
    """Return what retaining costs, as costs.yaml says, and what a customer is worth on average.

    That is what it brought in the last 12 months; losing a loss costs nothing. None where the
    profit is not known.
    """
    if value is None:
        return None
    rules = costs.retaining
    return Campaign(
        value=float(np.clip(value, 0, None).mean()),
        incentive=rules.incentive,
        contact=rules.contact,
        alpha=rules.accepts * _BETA_STRENGTH,
        beta=max((1 - rules.accepts) * _BETA_STRENGTH, 0.5),
    )


def learn_from_table(
    path: Path, columns: Columns, as_of: date, cut: date | None = None
) -> tuple[Learnt, str]:
    """Back-test and fit on a labelled table; return what came of it and the data's hash.

    Profit is measured with the published values of a campaign, which any table can be compared by,
    unless each row has its own. Raises SourceError when the table cannot be used.
    """
    data = read_labelled(path, columns)
    data.features, data.left_out = leave_out(data.features, data.label, cut)
    data.suspects = suspects(data.features, data.label)
    found, model = backtest(data, {}, Campaign())
    return Learnt(f"table-{path.stem}", None, as_of, found, model), data.data_hash


def learn_churn(
    policies: Policies, folders: Folders, as_of: date, past: Past
) -> tuple[Learnt, str]:
    """Learn who leaves within 90 days of each day that was looked back at."""
    pairs = [(then.day, then.before, then.after) for then in past]
    data = churn.training_rows(pairs)
    first = min((day for day, _, _ in pairs), default=None)
    if data is None:
        reason = "there are no two snapshots 90 days apart with customers who could leave"
        return Learnt(CHURN, first, as_of, Backtest(0, 0, accepted=False, reason=reason), None), ""
    data.incumbent = probabilities_in_use(folders.models, CHURN, as_of, data)
    own = set(churn.COLUMNS)
    data.features, data.left_out = leave_out(data.features, data.label, None, own)
    data.suspects = suspects(data.features, data.label, own)
    found, model = backtest(data, churn.MONOTONE, campaign_of(policies.costs, data.value))
    return Learnt(CHURN, first, as_of, found, model), hash_of(data)


def keep(root: Path, learnt: Learnt, data_hash: str) -> Learnt:
    """Write the model with how it was made; a refused one too, so that the refusal is on record."""
    document = {
        **learnt.as_json(),
        "accepted": learnt.backtest.accepted,
        "data_hash": data_hash,
        "versions": library_versions(),
        "model": learnt.model.as_json() if learnt.model else None,
    }
    del document["file"]
    return replace(learnt, file=model_files.save(root, learnt.kind, document))


def hash_of(data: Labelled) -> str:
    """Return a hash of what a model is learnt from."""
    hashed = pd.util.hash_pandas_object(data.features, index=False).to_numpy()
    content = hashed.tobytes() + data.label.tobytes()
    return hashlib.sha256(content).hexdigest()
