"""How fast customers' pages answer: 100,000 links of 20,000 customers, one process.

    python -m benchmarks.customer_pages --links 100000 --customers 20000 [--postgresql]

The pages run in a process of their own, as people start them. Beside each page stands what the same
process needs for a page that asks nobody anything (`/healthz`): the bound.
"""

import argparse
import random
import re
import secrets
import tempfile
import time
from base64 import b32encode
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
from sqlalchemy import insert, update

from benchmarks.console import fill, postgresql, running, settle, timed, told
from retention.bootstrap import Application
from retention.clock import utc_now
from retention.db.canonical import sha256
from retention.db.models import every as m
from retention.db.session import writing

_CHUNK = 5000
_VISITORS = 40
_READING = 3.0
"""Seconds; who answers sooner than conversations.yaml says is taken for a program."""
_PURPOSES = {0: "debt", 1: "offer", 2: "offer", 3: "notice"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--asks", type=int, default=200, help="of each page")
    parser.add_argument("--postgresql", action="store_true")
    given = parser.parse_args()
    random.seed(2008)
    with tempfile.TemporaryDirectory() as scratch:
        server = postgresql() if given.postgresql else nullcontext(None)
        with server as url:
            shop = fill(Path(scratch), url, given.links, given.customers)
            tokens = add_links(shop, given.links, given.customers)
            settle(shop)
            with running(shop) as (base, process):
                ask(base, tokens, given.asks)
                peak = re.findall(
                    r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text()
                )
                print(f"\nmemory at its peak: {int(peak[0]) / 1024:.0f} MiB")


def add_links(shop: Application, links: int, customers: int) -> dict[str, list[str]]:
    """Let every message have left, each with a link; return the tokens by purpose."""
    tokens: dict[str, list[str]] = {}
    now = utc_now()
    with writing(shop.engine) as session:
        ends = now.date() + timedelta(days=60)
        done = {"state": "done", "done_on": now.date(), "effective_on": ends}
        session.execute(update(m.Action).values(**done))
        for start in range(0, links, _CHUNK):
            made, offers = [], []
            for number in range(start, min(start + _CHUNK, links)):
                token = b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()
                purpose = _PURPOSES[number % customers % 4]
                action_id = f"{number:08x}-0000-5000-8000-{number:012x}"
                tokens.setdefault(purpose, []).append(token)
                made.append({
                    "token_hash": sha256(token), "purpose": purpose, "action_id": action_id,
                    "customer_id": f"C{number % customers:07}", "made_at": now,
                    "ends_at": now + timedelta(days=400), "revoked_at": None,
                })  # fmt: skip
                if purpose == "offer":
                    offers.append({
                        "id": f"o{number:035}", "action_id": action_id, "stage": "renegotiate",
                        "case_id": f"case-{number % customers:031}", "version": number,
                        "kind": "price", "state": "sent", "current_fee": Decimal("50.00"),
                        "new_fee": Decimal("60.00"), "currency": "EUR",
                        "expires_on": now.date() + timedelta(days=30),
                    })  # fmt: skip
            session.execute(insert(m.CustomerLink), made)
            session.execute(insert(m.Offer), offers)
        session.info.clear()  # settle() takes all of them into the audit's chain at once
    return tokens


def ask(base: str, tokens: dict[str, list[str]], asks: int) -> None:
    """Ask for pages of many customers, one after the other."""
    client = httpx2.Client(base_url=base, timeout=60)
    print("\nmilliseconds, half / 95 % / 99 %")
    told("the bound", [timed(lambda _: client.get("/healthz"), n) for n in range(asks)])
    for purpose in ("offer", "notice", "debt"):
        chosen = random.sample(tokens[purpose], asks)
        told(purpose, [timed(lambda n: client.get(f"/c/{purpose}/{chosen[n]}"), n)  # noqa: B023
                       for n in range(asks)])  # fmt: skip
    chosen = random.sample(tokens["offer"], asks)
    told("choosing", [timed(lambda n: client.get(
        f"/c/offer/{chosen[n]}?chosen=yes&said=accept"), n) for n in range(asks)])  # fmt: skip
    told("times of a call", [timed(lambda n: client.get(f"/c/offer/{chosen[n]}/times"), n)
                             for n in range(asks)])  # fmt: skip
    told(
        "confirming",
        [
            second
            for start in range(0, asks, _VISITORS)
            for second in confirmed(client, chosen[start : start + _VISITORS])
        ],
    )


def confirmed(client: httpx2.Client, tokens: list[str]) -> list[float]:
    """Let some customers open the page, read it, and confirm; return how long confirming took."""
    forms = [form(client, token) for token in tokens]
    time.sleep(_READING)
    return [timed(lambda n: confirm(client, tokens[n], forms[n]), n) for n in range(len(tokens))]


def form(client: httpx2.Client, token: str) -> dict[str, str]:
    """Return what the page of a decline sends."""
    page = client.get(f"/c/offer/{token}?chosen=yes&said=decline").text
    nonce = re.findall(r'name="nonce" value="([^"]+)"', page)[0]
    return {"nonce": nonce, "said": "decline", "sure": "yes"}


def confirm(client: httpx2.Client, token: str, sent: dict[str, str]) -> httpx2.Response:
    return client.post(f"/c/offer/{token}/confirm", data=sent)


if __name__ == "__main__":
    main()
