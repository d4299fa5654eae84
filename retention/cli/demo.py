"""`retention demo`: a simulated company, from its data to delivered messages."""

from pathlib import Path
from typing import Annotated

import typer

from retention.terminal import AsJson, emit, parse_day

Home = Annotated[Path, typer.Option(help="Folder that the demo fills; it is replaced.")]
Size = Annotated[int, typer.Option(min=50, max=2_000_000, help="How many customers.")]
Kind = Annotated[str, typer.Option(help="With --only-data: parquet, csv or sql.")]
Target = Annotated[str | None, typer.Option(help="With --only-data: a folder or a database URL.")]


def demo(
    size: Size = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same company.")] = 7,
    until: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Play to this date.  [yesterday]")
    ] = None,
    home: Home = Path("demo-company"),
    kind: Kind = "parquet",
    target: Target = None,
    *,
    only_data: Annotated[bool, typer.Option("--only-data", help="Only write the data.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a company, play it to a date, run a night, approve, deliver, and show it all."""
    from retention.clock import business_date
    from retention.settings import get_settings

    day = parse_day(until) or business_date(get_settings().timezone)
    if only_data:
        from retention.demo.data import write_company

        if kind not in ("parquet", "csv", "sql"):
            raise typer.BadParameter(f"'{kind}' is none of parquet, csv, sql")
        written = write_company(size, seed, day, target or str(home / "data"), kind)
        if as_json:
            emit({"rows": written})
        else:
            typer.echo(f"Wrote {', '.join(f'{n} {c:,}' for n, c in written.items())}.")
        return
    from retention.play.story import tell

    outcome = tell(home, size=size, seed=seed, until=day)
    if as_json:
        emit({"demo": outcome})
