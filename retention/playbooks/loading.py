"""Read playbooks from files, and again from the text a case was opened under."""

import hashlib
from functools import lru_cache
from pathlib import Path

import yaml

from retention.domain.errors import ConfigError
from retention.domain.playbook import Playbook
from retention.domain.stages import PlaybookName, Stage
from retention.playbooks.document import PlaybookDoc, to_playbook
from retention.yaml_files import parse_policy, read_text


def load_playbooks(folder: Path) -> dict[PlaybookName, Playbook]:
    """Read every `*.yaml` of a folder. Raises ConfigError with file and line.

    A folder without playbooks is an error; one of the two playbooks may be missing.
    """
    found: dict[PlaybookName, Playbook] = {}
    for path in sorted(folder.glob("*.yaml")):
        playbook = parse_playbook(read_text(path), str(path))
        if playbook.name in found:
            raise ConfigError(str(path), f"'{playbook.name}' is defined twice", "Remove one file.")
        found[playbook.name] = playbook
    if not found:
        raise ConfigError(str(folder), "there is no playbook", "Add restore.yaml or retain.yaml.")
    return found


@lru_cache(maxsize=64)
def parse_playbook(text: str, name: str) -> Playbook:
    """Read one playbook; its version is the SHA-256 of `text`. Raises ConfigError.

    Cases pin the text that they were opened under, so the same few are read over and over.
    """
    version = hashlib.sha256(text.encode()).hexdigest()
    return to_playbook(parse_policy(text, PlaybookDoc, name), text, version)


@lru_cache(maxsize=64)
def parse_pinned(text: str) -> Playbook:
    """Read the text that a case was opened under, also one of an earlier release.

    What the ladder demands of every playbook since then is added; it only protects, and the case
    goes on under its own version. Raises ConfigError for a text that cannot be read all the same.
    """
    version = hashlib.sha256(text.encode()).hexdigest()
    name = f"playbook version {version[:12]}"
    try:
        return parse_playbook(text, name)
    except ConfigError as error:
        document = yaml.safe_load(text)
        for stage in document.get("stages", ()):
            if stage.get("stage") == Stage.TERMINATE:
                stage["requires"] = ["conversation", "alternative"]
        mended = yaml.safe_dump(document, sort_keys=False)
        try:
            return to_playbook(parse_policy(mended, PlaybookDoc, name), text, version)
        except ConfigError:
            raise error from None
