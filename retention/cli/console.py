"""`retention console`: start the team's pages; make links to sign in with."""

from typing import TYPE_CHECKING, Annotated

import typer

from retention.terminal import AsJson, emit, make_console

if TYPE_CHECKING:
    from retention.settings import Settings

app = typer.Typer(help="The team's pages: start them, invite people, let them in again.",
                  no_args_is_help=False)  # fmt: skip
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Their id in config/team.yaml.")]


@app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Start the console on this machine. Ctrl-C stops it."""
    if context.invoked_subcommand is not None:
        return
    import uvicorn

    from retention.settings import get_settings
    from retention.web.app import create_app

    settings = get_settings()
    app_ = create_app(settings)
    make_console(stderr=True).print(f"The console: [bold]{address_of(settings)}[/]  (Ctrl-C stops)")
    uvicorn.run(
        app_,
        host=settings.console_host,
        port=settings.console_port,
        log_level="warning",
        access_log=False,  # addresses of pages name customers
        proxy_headers=settings.console_url is not None,
        forwarded_allow_ips=settings.console_proxies,
        server_header=False,
    )


@app.command("link")
def link(person: Person, *, as_json: AsJson = False) -> None:
    """Make a link with which somebody signs in once, within a day."""
    _make(person, "once", as_json=as_json)


@app.command("invite")
def invite(person: Person, *, as_json: AsJson = False) -> None:
    """Make a link with which somebody chooses a password: the first time, or a new one."""
    _make(person, "password", as_json=as_json)


@app.command("sign-out")
def sign_out(person: Person, *, as_json: AsJson = False) -> None:
    """Sign every browser of somebody out."""
    from retention.cli.acting import ready, say
    from retention.clock import utc_now
    from retention.db.session import writing
    from retention.people import web_sessions

    shop = ready()
    with writing(shop.engine) as session:
        ended = web_sessions.end_all(session, person, utc_now())
    say({"ended": ended}, f"{ended} sessions are ended.", as_json=as_json)


def _make(person: str, purpose: str, *, as_json: bool) -> None:
    from retention.people.sign_in_links import VALID, LinkPurpose

    address = make_link(person, purpose)
    if as_json:
        emit({"person": person, "link": address})
        return
    hours = VALID[LinkPurpose(purpose)].total_seconds() / 3600
    make_console().print(f"{address}", soft_wrap=True, markup=False)
    make_console(stderr=True).print(f"It works once, within {hours:.0f} hours.")


def make_link(person_id: str, purpose: str) -> str:
    """Return the address of a new link for a person. Raises NotFoundError for somebody unknown."""
    from retention.bootstrap import get_application
    from retention.clock import utc_now
    from retention.db import schema
    from retention.db.session import writing
    from retention.people import sign_in_links

    shop = get_application()
    schema.make_ready(shop.engine)
    person = shop.policies.team.get(person_id)
    with writing(shop.engine) as session:
        token = sign_in_links.make(session, person.person_id, sign_in_links.LinkPurpose(purpose),
                                   utc_now(), "ops")  # fmt: skip
    return f"{address_of(shop.settings)}/sign-in/{token}"


def address_of(settings: "Settings") -> str:
    """Return where people open the console."""
    return settings.console_url or f"http://{settings.console_host}:{settings.console_port}"
