"""A labelled table: features, a label of 0 and 1, and an id that is text."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from retention.domain.errors import SourceError

_YES = {"yes", "true", "1", "1.0", "y", "t"}
_NOTHING = {"nan", "null", "none", "na", "n/a"}
_NO = {"no", "false", "0", "0.0", "n", "f"}


@dataclass(slots=True)
class Labelled:
    """Rows to learn from. `groups` names each row's customer, who is kept in one fold.

    `rival` are the probabilities that a model would replace; it has to be better than they are.
    """

    features: pd.DataFrame
    label: np.ndarray
    groups: np.ndarray
    value: np.ndarray | None = None
    duplicate_rows: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    data_hash: str = ""
    rival: np.ndarray | None = None


def read_labelled(
    path: Path, label: str, id_column: str | None = None, cost_column: str | None = None
) -> Labelled:
    """Read a CSV or Parquet file. Raises SourceError naming the file, what was found, the remedy.

    Ids stay text (`007` and `7` are two customers). Exact duplicate rows are counted and kept once.
    """
    raw = _read(path)
    for name, option in ((label, "--label"), (id_column, "--id"), (cost_column, "--cost-column")):
        if name is not None and name not in raw.columns:
            known = ", ".join(map(str, raw.columns))
            raise SourceError(path.name, f"there is no column '{name}'; found: {known}",
                              f"Correct {option}.")  # fmt: skip
    unique = raw.drop_duplicates().reset_index(drop=True)
    if unique.empty:
        raise SourceError(path.name, "there are no rows", "Export it again.")
    known_labels = unique[unique[label].notna()].reset_index(drop=True)
    ids = known_labels[id_column] if id_column else pd.Series(known_labels.index)
    value = _numbers(known_labels[cost_column], path, cost_column) if cost_column else None
    features = known_labels.drop(columns=[label, *([id_column] if id_column else [])])
    return Labelled(
        features=features.apply(_typed),
        label=as_label(known_labels[label], path.name, label),
        groups=ids.astype("string").fillna("").to_numpy(dtype=object),
        value=value,
        duplicate_rows=len(raw) - len(unique),
        data_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise SourceError(str(path), "there is no such file", "Correct --data.")
    if path.stat().st_size == 0:
        raise SourceError(path.name, "the file is empty", "Export it again.")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        texts: pd.DataFrame = pd.read_csv(path, dtype="string", keep_default_na=False)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        reason = str(error).strip().splitlines()[0]
        raise SourceError(path.name, f"it cannot be read: {reason}", "Mend the file.") from error
    stripped: pd.DataFrame = texts.apply(lambda column: column.str.strip().replace("", None))
    return stripped


def _typed(column: pd.Series) -> pd.Series:
    """Read texts as numbers when every one of them is a number; infinite is missing."""
    if pd.api.types.is_numeric_dtype(column) or not len(column.dropna()):
        return column
    texts = column.astype("string")
    texts = texts.mask(texts.str.lower().isin(_NOTHING))
    numbers = pd.to_numeric(texts, errors="coerce")
    if numbers.notna().sum() < texts.notna().sum():
        return texts
    return numbers.where(np.isfinite(numbers.astype("float64"))).astype("Float64")


def _numbers(column: pd.Series, path: Path, name: str | None) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce").astype("Float64")
    values = numbers.to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise SourceError(f"{path.name}, row {row}", f"column '{name}' is not a number", "Fill it.")
    return values


def as_label(column: pd.Series, where: str, name: str) -> np.ndarray:
    """Return 0 and 1. Raises SourceError when the column is anything but two classes."""
    texts = column.astype("string").str.strip().str.lower()
    found = sorted(set(texts.dropna()))
    if not set(found) <= _YES | _NO or len(found) < 2:  # noqa: PLR2004 - two classes
        shown = ", ".join(found[:5]) or "nothing"
        raise SourceError(
            where, f"the label '{name}' holds {shown}", "It needs both yes and no, or 1 and 0."
        )
    return texts.isin(_YES).to_numpy(dtype=np.int64)
