"""One whole night in a process of its own: prints its seconds and its peak memory as JSON.

python -m benchmarks.night CONFIG STATE
"""

import json
import shutil
import sys
import time
from pathlib import Path

from benchmarks.company import AS_OF
from retention.bootstrap import build_application
from retention.db import schema
from retention.db.session import writing
from retention.ladder.decide_night import decide_night
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.settings import Settings

ROOT = Path(__file__).parent.parent


def main() -> None:
    config, state = (Path(argument) for argument in sys.argv[1:3])
    shop = build_application(
        Settings(
            _env_file=None, config_dir=config, state_dir=state, templates_dir=ROOT / "templates"
        )
    )
    schema.upgrade(shop.engine)
    steps = {}
    start = time.perf_counter()
    pulled = pull(shop.policies, shop.folders, AS_OF)
    steps["pull"] = time.perf_counter()
    scored = score_all(shop.policies.costs, shop.folders, pulled)
    steps["score"] = time.perf_counter()
    with writing(shop.engine) as session:
        decided = decide_night(session, shop.policies, shop.folders, shop.sender, pulled)
    steps["release"] = time.perf_counter()
    marks = [start, *steps.values()]
    took = {name: round(b - a, 2) for name, a, b in zip(steps, marks, marks[1:], strict=False)}
    print(
        json.dumps(
            {
                "seconds": round(marks[-1] - start, 2),
                "steps": took,
                "peak_mib": peak_mib(),
                "customers": scored.customers,
                "shards": pulled.shards,
                "confirming": decided.confirming,
            }
        )
    )
    shop.engine.dispose()
    shutil.rmtree(state)


def peak_mib() -> int:
    """The most memory this program had; `ru_maxrss` would remember its parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    main()
