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

    `value` is what each row is worth, and `cost` what treating it costs, in currency. `rival` are
    the probabilities that a model would replace; it has to be better than they are. `incumbent` are
    those of the model in use, missing where it had seen the row; `days` are the days on which the
    features were known.
    """

    features: pd.DataFrame
    label: np.ndarray
    groups: np.ndarray
    value: np.ndarray | None = None
    cost: np.ndarray | None = None
    duplicate_rows: int = 0
    duplicates_kept: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    suspects: dict[str, str] = field(default_factory=dict)
    data_hash: str = ""
    rival: np.ndarray | None = None
    incumbent: np.ndarray | None = None
    days: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are no features: the label, the id, the money of each row."""

    label: str
    id: str | None = None
    cost: str | None = None
    benefit: str | None = None

    def options(self) -> dict[str, str]:
        """Return the options of the command line that name a column, with the column."""
        every = {"--label": self.label, "--id": self.id, "--cost-column": self.cost,
                 "--benefit-column": self.benefit}  # fmt: skip
        return {option: name for option, name in every.items() if name is not None}


def read_labelled(path: Path, columns: Columns) -> Labelled:
    """Read a CSV or Parquet file. Raises SourceError naming the file, what was found, the remedy.

    Ids stay text (`007` and `7` are two customers). Exact duplicate rows are counted: with an id
    they are one row, and kept once; without one they may be two customers who are alike, and are
    all kept, in one fold.
    """
    raw = _read(path)
    named = columns.options()
    for option, name in named.items():
        if name not in raw.columns:
            known = ", ".join(map(str, raw.columns))
            raise SourceError(path.name, f"there is no column '{name}'; found: {known}",
                              f"Correct {option}.")  # fmt: skip
    alike = raw.duplicated()
    rows = raw[~alike] if columns.id else raw
    if rows.empty:
        raise SourceError(path.name, "there are no rows", "Export it again.")
    rows = rows[rows[columns.label].notna()].reset_index(drop=True)
    features = rows.drop(columns=list(dict.fromkeys(named.values())))
    return Labelled(
        features=features.apply(_typed),
        label=as_label(rows[columns.label], path.name, columns.label),
        groups=_groups(rows, columns.id),
        value=_numbers(rows, path, columns.benefit),
        cost=_numbers(rows, path, columns.cost),
        duplicate_rows=int(alike.sum()),
        duplicates_kept=columns.id is None,
        data_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _groups(rows: pd.DataFrame, id_column: str | None) -> np.ndarray:
    """Return whose each row is: the id, or one name for rows that are alike in everything."""
    if id_column is None:
        alike: np.ndarray = pd.util.hash_pandas_object(rows, index=False).to_numpy().astype(object)
        return alike
    return rows[id_column].astype("string").fillna("").to_numpy(dtype=object)


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


def _numbers(rows: pd.DataFrame, path: Path, name: str | None) -> np.ndarray | None:
    if name is None:
        return None
    numbers = pd.to_numeric(rows[name], errors="coerce").astype("Float64")
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
