"""`retention measure`: what the programme has done, against the holdout and to everybody else."""

from typing import Any

from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table


def measure(as_of: AsOf = None, *, as_json: AsJson = False) -> None:
    """Compare treated with untreated customers, with intervals; look at the others too."""
    from retention.cli.acting import ready
    from retention.db.session import reading
    from retention.reports.programme_effect import measure_programme

    shop = ready()
    day = parse_day(as_of) or shop.folders.newest()
    with reading(shop.engine) as session:
        found = measure_programme(session, shop.folders.snapshots, day)
    if as_json:
        emit({"measured": found})
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    console = make_console()
    for name, playbook in found["playbooks"].items():
        rows = [("everybody", playbook["treated"], *_cells(playbook["effect"]))]
        rows += [(f"as far as {s['stage']}", s["customers"], *_cells(s))
                 for s in playbook["stages"]]  # fmt: skip
        rows += [(f"case {o['outcome']}", o["customers"], *_cells(o)) for o in playbook["outcomes"]]
        print_table(
            f"{name}: {playbook['treated']} treated, {playbook['held_out']} left untreated",
            ("customers", "number", "profit of 12 months", "contacts per month"),
            rows,
            right=(1, 2, 3),
        )
    console.print("Changes since the draw, less those of the untreated, with 95 % intervals. "
                  "Only the first line is an effect: who came further, or ended otherwise, was "
                  "another customer.",
                  soft_wrap=True)  # fmt: skip
    others = found["others"]
    if others is None:
        console.print("There is no earlier night to compare the other customers with.")
        return
    exits, spill, kept = others["exits"], others["spillover"], others["good_kept"]
    print_table(f"Everybody else, since {others['since']}", ("what", "figure"), [
        ("tied customers who left", f"{spill['tied_left']} of {spill['tied']}"),
        ("expected, from others like them", spill["expected_left"]),
        ("more than expected", _share(spill["difference"])),
        ("good customers kept", f"{_share(kept)} of {kept['customers']:,}"),
        ("planned exits", exits["planned"]),
        ("unplanned exits", exits["unplanned"]),
        ("lost (migrated is not lost)", exits["lost"]),
    ], right=(1,))  # fmt: skip


def _cells(compared: dict[str, Any]) -> tuple[str, str]:
    profit, contacts = (compared[name]["difference"] for name in ("profit", "contacts"))
    return _figure(profit, ",.0f"), _figure(contacts, ".2f")


def _figure(figures: dict[str, float | None], form: str) -> str:
    if figures["value"] is None:
        return "too few"
    return f"{figures['value']:{form}} ({figures['low']:{form}} to {figures['high']:{form}})"


def _share(figures: dict[str, Any]) -> str:
    return _figure(figures, ".1%")
