"""What the model in use says of the rows that a new one is tried on."""

from datetime import date
from pathlib import Path

import numpy as np

from retention.learning.table import Labelled
from retention.scoring.additive import AdditiveModel
from retention.scoring.model_store import newest_accepted


def probabilities_in_use(root: Path, kind: str, as_of: date, data: Labelled) -> np.ndarray | None:
    """Return the probabilities of the newest accepted model; NaN for rows that it may have seen.

    None when there is no such model, it looks at other columns, or the rows have no dates.
    """
    found = newest_accepted(root, kind, as_of)
    if found is None or data.days is None:
        return None
    _, document = found
    model = AdditiveModel.from_json(document["model"])
    if any(name not in data.features for name in model.columns):
        return None
    unseen = data.days >= np.datetime64(document["trained_through"])
    return np.where(unseen, model.predict(data.features), np.nan)
