"""The part of `retention doctor` that asks Prefect: does what is scheduled run?"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from retention.bootstrap import Application
    from retention.scheduling.health import Health

OK, WARN, FAIL = "OK", "WARN", "FAIL"
_START = "Start 'retention serve', or set PREFECT_API_URL to your server."


class Check(NamedTuple):
    """What was found of one part; `figures` are for machines."""

    part: str
    verdict: str
    detail: str
    figures: dict[str, Any] = {}  # noqa: RUF012 - never changed


def check_schedules(shop: "Application") -> list[Check]:
    """Are there future runs, does a worker poll, did the last runs go well?"""
    from retention.clock import utc_now
    from retention.domain.errors import RetentionError
    from retention.environment import keep_prefect_quiet, knows_a_server, point_at_prefect
    from retention.scheduling.declared import read_deployments
    from retention.scheduling.health import ask
    from retention.scheduling.server import connected

    point_at_prefect()
    if not knows_a_server():
        return [
            Check(
                "schedules", FAIL, f"no Prefect server is known: nothing runs by itself. {_START}"
            )
        ]
    keep_prefect_quiet()
    try:
        wanted = read_deployments(shop.settings.deployments_file)
        with connected() as api:
            health = ask(api, wanted, utc_now())
    except RetentionError as error:
        return [Check("schedules", FAIL, f"{error.where}: {error.found}. {error.remedy}")]
    return [_schedules(health), _worker(health), _flows(health)]


def _schedules(health: "Health") -> Check:
    figures = {
        "url": health.url,
        "missing": list(health.missing),
        "next_run_at": {f.name: f.next_run_at for f in health.flows},
        "active": {f.name: f.active for f in health.flows},
    }
    dead = [f.name for f in health.flows if f.active and f.next_run_at is None]
    if health.missing or dead:
        said = [f"{name} is not deployed: 'retention ops deploy'" for name in health.missing]
        said += [
            f"{name} is active and has no future run: look at the server's log" for name in dead
        ]
        return Check("schedules", FAIL, f"{health.url}: {'; '.join(said)}", figures)
    active = [f for f in health.flows if f.active]
    paused = len(health.flows) - len(active)
    first = min((f.next_run_at for f in active if f.next_run_at), default=None)
    soon = f", the next at {first:%Y-%m-%d %H:%M} UTC" if first else ""
    return Check(
        "schedules", OK, f"{health.url}: {len(active)} active, {paused} paused{soon}", figures
    )


def _worker(health: "Health") -> Check:
    from retention.clock import utc_now

    figures = {"last_poll_at": health.last_poll_at}
    if health.worker_is_gone(utc_now()):
        last = (
            f"the last at {health.last_poll_at:%Y-%m-%d %H:%M} UTC"
            if health.last_poll_at
            else "none"
        )
        return Check("worker", FAIL, f"no worker polls now ({last}). {_START}", figures)
    return Check("worker", OK, f"polled at {health.last_poll_at:%H:%M:%S} UTC", figures)


def _flows(health: "Health") -> Check:
    figures = {f.name: f.last_run._asdict() if f.last_run else None for f in health.flows}
    alive = [f for f in health.flows if f.next_run_at or f.stuck]
    wrong = [f"{f.name}: {f.wrong}" for f in alive if f.wrong]
    if wrong:
        return Check("flows", FAIL, f"{'; '.join(wrong)}: see it on {health.url}", figures)
    ran = sum(f.last_run is not None for f in health.flows)
    return Check("flows", OK, f"{ran} have run, the last runs went well", figures)
