"""`retention ops`: stop and start the programme, or parts of it."""

from typing import Annotated

import typer

from retention.cli.acting import Reason, Who, acting, ready, say
from retention.terminal import AsJson, emit, make_console, print_table

ops_app = typer.Typer(help="Stop and start the programme, or parts of it.", no_args_is_help=True)


Scope = Annotated[str, typer.Argument(help="all, adverse, playbook:restore, stage:terminate ...")]


@ops_app.command("stop")
def stop(scope: Scope, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Stop all sending, a playbook, a stage or a kind of action, at once."""
    from retention.safeguards import kill_switch as switches

    with acting(who) as (_, actor, session):
        switches.stop(session, scope, actor.person, reason, actor.now)
    say({"stopped": scope}, f"'{scope}' is stopped.", as_json=as_json)


@ops_app.command("start")
def start(scope: Scope, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Start again what was stopped."""
    from retention.safeguards import kill_switch as switches

    with acting(who) as (_, actor, session):
        switches.start(session, scope, actor.person, reason, actor.now)
    say({"started": scope}, f"'{scope}' is started.", as_json=as_json)


@ops_app.command("status")
def status(*, as_json: AsJson = False) -> None:
    """Show what is stopped, by a switch or by the file."""
    from retention.db.session import reading
    from retention.safeguards import kill_switch as switches
    from retention.safeguards.stop_file import is_stopped

    shop = ready()
    with reading(shop.engine) as session:
        stopped = switches.stopped(session)
    if is_stopped(shop.settings.stop_file):
        stopped["file"] = f"{shop.settings.stop_file} exists"
    if as_json:
        emit({"stopped": stopped})
        return
    rows = sorted(stopped.items())
    print_table("Stopped" if rows else "Nothing is stopped.", ("what", "why"), rows)


@ops_app.command("deploy")
def deploy(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Also start again what was paused by hand.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a Prefect server differs from prefect.yaml and automations.yaml, ask, bring it over.

    With --json and without --yes it only shows. What was paused by hand stays paused.
    """
    from retention.cli.serve import described
    from retention.environment import environment, keep_prefect_quiet
    from retention.scheduling.deploying import Files, apply, look
    from retention.scheduling.differences import Kind
    from retention.scheduling.server import connected
    from retention.settings import get_settings

    keep_prefect_quiet()
    files = Files.of(get_settings())
    with connected() as api:
        found = look(api, files)
        todo = [d for d in found if resume or d.kind is not Kind.PAUSED]
        if not as_json:
            for line in described(found) or ["The server is as the files say."]:
                make_console().print(line, soft_wrap=True, markup=False)
        doing = bool(todo) and (yes or (not as_json and typer.confirm("Bring the server over?")))
        if doing:
            apply(api, files, todo, environment(), resume=resume)
    shown = [{"kind": str(d.kind), "name": d.name, "detail": d.detail} for d in found]
    if as_json:
        emit({"differences": shown, "applied": doing})
    elif doing:
        make_console().print("Done.")
