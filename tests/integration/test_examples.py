"""Real input: Chinook and CDNOW, mapped by configuration alone."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.factories.commands import answer, data_folder, retention

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.skipif(
        not data_folder().is_dir(),
        reason="the public data is absent: set RETENTION_DATA to a folder with chinook/ and cdnow/",
    ),
]
INDICES = ("payment_index", "service_index", "dissatisfaction_index", "net_profit_12m")


def environment(example: str, home: Path) -> dict[str, str]:
    return {
        "RETENTION_CONFIG_DIR": str(ROOT / "examples" / example),
        "RETENTION_STATE_DIR": str(home / "state"),
    }


def test_chinook_revenue_is_what_its_own_sql_says(tmp_path: Path) -> None:
    done = retention(
        "run", "--allow-late", "--as-of", "2025-12-31", "--json", cwd=tmp_path,
        env=environment("chinook", tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    night = answer(done)["night"]
    assert night["pull"]["rows"] == {"customers": 59, "invoices": 412}
    assert night["scores"]["revenue_to_date_cents"] == 232860
    assert night["scores"]["fit"] == {"no_data": 59}
    assert set(INDICES) <= set(night["scores"]["no_data"])
    assert night["decisions"]["open_cases"] == 0
    scores = pq.read_table(
        tmp_path / "state" / "snapshots" / "as_of=2025-12-31" / "scores-0000.parquet",
        columns=["customer_id", "revenue_to_date"],
        partitioning=None,
    ).to_pydict()
    found = dict(zip(scores["customer_id"], scores["revenue_to_date"], strict=True))
    database = data_folder() / "chinook" / "Chinook_Sqlite.sqlite"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as chinook:
        rows = chinook.execute("SELECT CustomerId, SUM(Total) FROM Invoice GROUP BY CustomerId")
        expected = {str(i): Decimal(str(total)).quantize(Decimal("0.01")) for i, total in rows}
    chinook.close()
    assert found == expected


def test_cdnow_has_nobody_to_write_to_and_the_plan_says_so(tmp_path: Path) -> None:
    env = environment("cdnow", tmp_path)
    planned = retention("plan", "--as-of", "1998-06-30", cwd=tmp_path, env=env)
    assert planned.returncode == 0, planned.stderr
    assert "23,570 customers, 0 with an e-mail address" in planned.stdout
    assert "Nobody has an e-mail address: nothing can be sent." in planned.stdout
    plan = answer(retention("plan", "--as-of", "1998-06-30", "--json", cwd=tmp_path, env=env))
    assert plan["plan"]["summary"]["pull"]["rows"] == {"customers": 23570, "invoices": 69659}
    assert plan["plan"]["moves"] == []
    assert not (tmp_path / "state").exists()
