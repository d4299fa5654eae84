"""What a Prefect server has otherwise than the files say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from retention.scheduling.declared import Clock, Deployment


class Kind(StrEnum):
    """How a server differs. `paused` is what a person has done there, and is left alone."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"
    PAUSED = "paused by hand"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a server has otherwise; `name` is a deployment or an automation."""

    kind: Kind
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Found:
    """A deployment as a server has it: its id there, whether it is paused, where it works."""

    id: str
    deployment: Deployment
    paused: bool
    home: str | None


def compare(
    wanted: Mapping[str, Deployment], found: Mapping[str, Found], home: str
) -> list[Difference]:
    """Return how the deployments of a server differ from the wanted ones, by name."""
    made = [Difference(Kind.NEW, name, "") for name in wanted if name not in found]
    gone = [Difference(Kind.GONE, name, "not in the file") for name in found if name not in wanted]
    for name, one in wanted.items():
        if name in found:
            made += _of(one, found[name], home)
    return sorted(made + gone, key=lambda difference: (difference.name, difference.kind))


def _of(wanted: Deployment, found: Found, home: str) -> Iterator[Difference]:
    if found.paused:
        yield Difference(Kind.PAUSED, wanted.name, "the whole deployment")
    for slug in sorted(wanted.schedules.keys() | found.deployment.schedules.keys()):
        there, here = found.deployment.schedules.get(slug), wanted.schedules.get(slug)
        yield from _of_schedule(wanted.name, slug, there, here)
    if found.home != home:
        detail = f"works in {found.home}, now it would in {home}"
        yield Difference(Kind.CHANGED, wanted.name, detail)
    for what in ("entrypoint", "parameters", "limit", "strategy", "tags", "variables"):
        is_there, is_here = getattr(found.deployment, what), getattr(wanted, what)
        if is_there != is_here:
            detail = f"{what}: {_plain(is_there)} on the server, {_plain(is_here)} in the file"
            yield Difference(Kind.CHANGED, wanted.name, detail)


def _of_schedule(
    name: str, slug: str, there: Clock | None, here: Clock | None
) -> Iterator[Difference]:
    if there is None or here is None:
        where = "on the server" if here is None else "in the file"
        yield Difference(Kind.CHANGED, name, f"{slug}: only {where}")
        return
    if there[:2] != here[:2]:
        detail = f"{slug}: {_said(there)} on the server, {_said(here)} in the file"
        yield Difference(Kind.CHANGED, name, detail)
    if here.active and not there.active:
        yield Difference(Kind.PAUSED, name, slug)
    if there.active and not here.active:
        yield Difference(Kind.CHANGED, name, f"{slug}: active on the server, not in the file")


def _said(clock: Clock) -> str:
    return f"'{clock.cron}' {clock.timezone}"


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


def compare_automations(
    wanted: Mapping[str, str], found: Mapping[str, tuple[str, bool]]
) -> list[Difference]:
    """Return how a server's automations differ: by name the marks of what they say.

    `found` also says whether each is enabled.
    """
    made = []
    for name, mark in wanted.items():
        there, enabled = found.get(name, ("", True))
        if name not in found:
            made.append(Difference(Kind.NEW, name, "automation"))
        elif there != mark:
            made.append(Difference(Kind.CHANGED, name, "automation"))
        if not enabled:
            made.append(Difference(Kind.PAUSED, name, "automation"))
    return made
