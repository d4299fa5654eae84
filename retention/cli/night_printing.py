"""A night, printed for people or as JSON."""

from typing import Any

from retention.terminal import emit, make_console, print_table


def emit_night(summary: dict[str, Any], *, as_json: bool) -> None:
    """Print a night as JSON or for people."""
    if as_json:
        emit({"night": summary})
    else:
        show_night(summary)


def show_night(summary: dict[str, Any]) -> None:
    """Print a night for people."""
    from retention.domain.scores import TOTALS

    pull, scores, decided = summary["pull"], summary["scores"], summary["decisions"]
    console = make_console()
    console.print(
        f"[bold]Night of {pull['as_of']}[/]: {pull['customers']:,} customers, "
        f"{pull['with_email']:,} with an e-mail address."
    )
    if scores["revenue_to_date_cents"] is not None:
        console.print(f"Revenue to date: {scores['revenue_to_date_cents'] / 100:,.2f}.")
    if pull["not_mapped"]:
        console.print(f"No source for: {', '.join(pull['not_mapped'])}.")
    for name, found in pull["tripped"].items():
        console.print(f"[bold]{name} is left out tonight[/]: {found}.", soft_wrap=True)
    for said in pull.get("noticed", ()):
        console.print(f"Noticed in {said}.", soft_wrap=True, markup=False)
    if pull["held_playbooks"]:
        console.print(f"Waiting for it: {', '.join(pull['held_playbooks'])}.")
    if not pull["with_email"]:
        console.print("[bold]Nobody has an e-mail address: nothing can be sent.[/]")
    unknown = [name for name in (*TOTALS, "churn_probability") if name in scores["no_data"]]
    if unknown:
        console.print(f"no_data for everybody: {', '.join(unknown)}.", soft_wrap=True)
    print_table("Fit", ("fit", "customers"), scores["fit"].items(), right=(1,))
    _show_decisions(decided)


def _show_decisions(decided: dict[str, Any]) -> None:
    console = make_console()
    for title, key, columns in (
        ("Decisions", "decisions", ("decision", "cases")),
        ("Proposed", "proposed", ("stage and step", "actions")),
    ):
        if decided[key]:
            print_table(title, columns, decided[key].items(), right=(1,))
    if decided["confirming"]:
        console.print(
            f"{decided['confirming']:,} customers meet an entry condition that must hold for more "
            "nights in a row.",
            soft_wrap=True,
        )
    for name, found in (decided.get("doubt") or {}).items():
        console.print(
            f"[bold]{name} takes nobody tonight[/]: {found}. Look at the data; if they are right, "
            "'retention gate accept entry'.",
            soft_wrap=True,
        )
    if decided["held_out"]:
        console.print(f"{decided['held_out']:,} customers are left untreated, to compare with.")
    for effect, wanted in decided["over_cap"].items():
        console.print(
            f"[bold]{effect}: {wanted} are too many for one night; all of them are held.[/] "
            "See 'retention batch list'.",
            soft_wrap=True,
        )
    console.print(f"{decided['open_cases']:,} cases are open.")
