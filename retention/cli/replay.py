"""`retention replay`: prove that a past night follows from what it was given."""

from typing import TYPE_CHECKING, Annotated

import typer

from retention.terminal import AsJson, emit, make_console, parse_day

if TYPE_CHECKING:
    from datetime import date

    from retention.audit.replay_decisions import Replays
    from retention.bootstrap import Application

Night = Annotated[str, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The night to replay.")]


def replay(as_of: Night, *, as_json: AsJson = False) -> None:
    """Score a past night again, and decide it again; every bit must be the same."""
    from retention.audit.replay_scores import replay as replay_night
    from retention.bootstrap import get_application

    shop, day = get_application(), parse_day(as_of)
    found = replay_night(shop.folders, day)
    decided = _decisions(shop, day)
    if as_json:
        emit(
            {
                "replay": {
                    "as_of": as_of,
                    "customers": found.customers,
                    "different": list(found.different),
                    "receipts": decided.checked,
                    "different_receipts": list(decided.different),
                    "too_old_receipts": decided.too_old,
                }
            }
        )
    else:
        _tell(f"{found.customers:,} customers of {as_of}: every score is the same.",
              found.different)  # fmt: skip
        _tell(f"{decided.checked:,} decisions: every one is the same.", decided.different)
        if decided.too_old:
            make_console().print(f"{decided.too_old} are too old to be decided again.")
    if found.different or decided.different:
        raise typer.Exit(1)


def _decisions(shop: "Application", day: "date") -> "Replays":
    from retention.audit.replay_decisions import Replays, replay_receipts
    from retention.db import schema
    from retention.db.session import reading

    if not schema.prepare(shop.engine):
        return Replays(0, ())
    with reading(shop.engine) as session:
        return replay_receipts(session, shop.policies.calendars, day)


def _tell(good: str, different: tuple[str, ...]) -> None:
    if different:
        make_console().print(f"Different: {', '.join(different)}.", soft_wrap=True)
    else:
        make_console().print(good)
