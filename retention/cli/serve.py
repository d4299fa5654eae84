"""`retention serve`: a Prefect server, its worker and the console, on this machine."""

import signal
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retention.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from retention.scheduling.deploying import Files
    from retention.scheduling.differences import Difference
    from retention.scheduling.processes import Watched
    from retention.settings import Settings

Port = Annotated[int, typer.Option(min=1024, max=65535, help="Port of the Prefect server.")]
_SCHEDULED_SECONDS = 60
_LOOK_SECONDS = 1.0


def serve(port: Port = 4200) -> None:
    """Start a Prefect server on loopback and work on what is scheduled there, until Ctrl-C.

    Deployments that are missing are added. What people have paused or moved there stays so.
    """
    from retention.environment import prefect_environment, serving, set_environment
    from retention.scheduling.deploying import Files
    from retention.scheduling.processes import Watched, require_free
    from retention.scheduling.server import POOL
    from retention.settings import get_settings

    settings = get_settings()
    api = f"http://127.0.0.1:{port}/api"
    require_free(port)
    settings.prefect_dir.mkdir(parents=True, exist_ok=True)
    variables = prefect_environment(api, settings.prefect_dir)
    files = Files.of(settings)
    set_environment(variables)
    with ExitStack() as stack:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        start = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        server = stack.enter_context(Watched("server", *start, env=variables, chatty=False))
        server.wait_for(f"{api}/health")
        _free_the_queue()
        _add_missing(files, variables)
        _require_future_runs(files)
        stack.enter_context(serving(settings.prefect_dir, api))
        _catch_mail_of_the_demo(stack, settings.mail_port)
        working = ("worker", "start", "--pool", POOL, "--name", f"retention-{port}")
        worker = stack.enter_context(Watched("worker", *working, env=variables))
        console = _start_console(stack, settings, variables)
        make_console(stderr=True).print(f"Prefect: http://127.0.0.1:{port}   Stop with Ctrl-C.")
        _watch_over(worker, server, *console)


def _start_console(
    stack: ExitStack, settings: "Settings", variables: "Mapping[str, str]"
) -> list["Watched"]:
    """Start the team's pages; where their port is taken, say so and go on without them."""
    from retention.cli.console import address_of
    from retention.scheduling.processes import Watched, is_free

    told = make_console(stderr=True)
    if not is_free(settings.console_port):
        told.print(
            f"Port {settings.console_port} is taken: no console. RETENTION_CONSOLE_PORT is another."
        )
        return []
    started = Watched("console", "console", env=variables, chatty=False, module="retention")
    stack.enter_context(started)
    told.print(
        f"The console: {address_of(settings)}   A link to sign in: retention console link PERSON",
        soft_wrap=True,
    )
    return [started]


def _catch_mail_of_the_demo(stack: ExitStack, port: int) -> None:
    """In the demo's folder there is no mail server; its mail is caught, as while it was played."""
    from retention.demo.catcher import MARK, MailCatcher

    if not Path(MARK).exists():
        return
    stack.enter_context(MailCatcher(Path("mail"), port))
    make_console(stderr=True).print("This is the demo: its mail is caught in ./mail.")


def _free_the_queue() -> None:
    """No worker is at work yet: what an earlier one had taken, and not begun, holds up the rest."""
    from retention.clock import utc_now
    from retention.scheduling.dead_starts import clear
    from retention.scheduling.server import connected

    with connected() as api:
        stopped = clear(api, utc_now())
    console = make_console(stderr=True)
    for again, done in ((False, "given up"), (True, "ordered again")):
        names = ", ".join(run.name for run in stopped if run.again is again)
        if names:
            console.print(f"Stopped before they began, and {done}: {names}.", soft_wrap=True)


def _free_the_queue_again() -> None:
    """The worker has died, alone or with the server; then the watch frees it in some minutes."""
    from httpx import HTTPError

    from retention.domain.errors import ConfigError

    with suppress(ConfigError, HTTPError):
        _free_the_queue()


def _add_missing(files: "Files", variables: "Mapping[str, str]") -> None:
    """Add what the server lacks; say what else is otherwise, and leave it so."""
    from retention.scheduling.deploying import apply, look
    from retention.scheduling.differences import Kind
    from retention.scheduling.server import connected

    with connected() as api:
        found = look(api, files)
        apply(api, files, [d for d in found if d.kind is Kind.NEW], variables)
    others = [d for d in found if d.kind is not Kind.NEW]
    if others:
        console = make_console(stderr=True)
        console.print("The server has these otherwise than the files; 'retention ops deploy' asks:")
        for line in described(others):
            console.print(f"  {line}", soft_wrap=True, markup=False)


def _require_future_runs(files: "Files") -> None:
    """Wait until all that is active has a future run; say what has none."""
    from retention.clock import utc_now
    from retention.scheduling.health import ask
    from retention.scheduling.server import connected

    deadline = time.monotonic() + _SCHEDULED_SECONDS
    with connected() as api:
        while True:
            flows = ask(api, files.deployments, utc_now()).flows
            idle = [flow.name for flow in flows if flow.active and flow.next_run_at is None]
            if not idle or time.monotonic() > deadline:
                break
            time.sleep(_LOOK_SECONDS)
    if idle:
        console = make_console(stderr=True)
        console.print(f"[bold red]No future run[/] of {', '.join(idle)}: look at the server's log.")


def described(found: "Iterable[Difference]") -> list[str]:
    """Return a line for each difference."""
    return [f"{d.kind}: {d.name} {d.detail}".rstrip() for d in found]


def _watch_over(worker: "Watched", *others: "Watched") -> None:
    """Start what dies again, until Ctrl-C."""
    console = make_console(stderr=True)
    try:
        while True:
            if worker.has_ended:
                _free_the_queue_again()
            for process in (*others, worker):
                code = process.revive()
                if code is not None:
                    console.print(f"The {process.name} has died ({code}); it is started again.")
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        console.print("Stopping.")
