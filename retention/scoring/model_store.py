"""Models as files: one JSON document each, never changed, under `models/<kind>/`."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

from retention.scoring.additive import AdditiveModel
from retention.scoring.score import Models


def save(root: Path, kind: str, document: dict[str, Any]) -> Path:
    """Write a model document.

    Its name is the date it was trained through, a number that counts up, and its hash: of two
    models of one date the later one is the newer.
    """
    text = json.dumps(document, indent=1, sort_keys=True)
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    number = len(list((root / kind).glob("*.json"))) + 1
    target = root / kind / f"{document['trained_through']}-{number:05d}-{version}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target


def newest_accepted(root: Path, kind: str, as_of: date) -> tuple[str, dict[str, Any]] | None:
    """Return name and document of the newest accepted model that knew nothing after `as_of`."""
    for path in sorted((root / kind).glob("*.json"), reverse=True):
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if document["accepted"] and document["trained_through"] <= as_of.isoformat():
            return path.stem, document
    return None


def entry_kind(playbook: str) -> str:
    """Return the kind under which the back-tests of a playbook's entry rule are kept."""
    return f"entry_{playbook}"


def newest(root: Path, kind: str, as_of: date) -> dict[str, Any] | None:
    """Return the newest document of a kind, accepted or not, that knew nothing after `as_of`."""
    for path in sorted((root / kind).glob("*.json"), reverse=True):
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if document["trained_through"] <= as_of.isoformat():
            return document
    return None


def load(root: Path, kind: str, name: str) -> dict[str, Any]:
    """Return one model document."""
    document: dict[str, Any] = json.loads((root / kind / f"{name}.json").read_text("utf-8"))
    return document


CHURN, LATE_PAYMENT, DISPUTE = KINDS = ("churn", "late_payment", "dispute")


def models_in_use(root: Path, as_of: date) -> dict[str, str]:
    """Return the newest accepted model of each kind, by name."""
    found = {kind: newest_accepted(root, kind, as_of) for kind in KINDS}
    return {kind: model[0] for kind, model in found.items() if model is not None}


def load_models(root: Path, names: dict[str, str]) -> Models:
    """Return the models to score with, by kind and name."""
    loaded = {
        kind: AdditiveModel.from_json(load(root, kind, name)["model"])
        for kind, name in names.items()
    }
    return Models(**loaded)
