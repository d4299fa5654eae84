"""Links in wrong hands, in old mails, under scanners, and full of strange letters."""

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from retention.audit.fingerprint import fingerprint
from retention.clock import travel
from retention.db.models.customer_pages import CustomerLink, Submission
from retention.db.models.exemptions import Exclusion
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action, Offer, Rendering
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.delivery.end_links import end_links
from retention.domain.actions import ActionState
from retention.domain.messages import MessageState
from retention.domain.offers import OfferState
from retention.messages import customer_links
from tests.factories.pages import Customer, PagesWorld, form_of, rows

PROPOSAL, NOTICE, BILLS, GUIDE = (
    "renegotiation_proposal", "termination_notice", "payment_help", "education",
)  # fmt: skip
EVERY = [
    (PROPOSAL, "offer"), ("prepaid_migration_offer", "offer"), (NOTICE, "notice"),
    (BILLS, "debt"), (GUIDE, "survey"), (GUIDE, "call"), (GUIDE, "preferences"),
]  # fmt: skip
MOST_BYTES = 60 * 1024


def state_of(world: PagesWorld) -> str:
    with reading(world.shop.engine) as session:
        return fingerprint(session)


def ways(world: PagesWorld) -> Iterator[str]:
    for template, purpose in EVERY:
        path = world.path(template, purpose)
        yield path
        if purpose in ("offer", "notice", "debt", "call"):
            yield f"{path}/times"
        if purpose in ("offer", "notice"):
            yield f"{path}/letter.pdf"
        if purpose == "survey":
            yield f"{path}?score=9"


def test_only_the_hash_of_a_token_is_kept(world: PagesWorld) -> None:
    tokens = [token for links in world.links.values() for token in links.values()]
    assert len(set(tokens)) == len(tokens) > 30
    assert all(re.fullmatch("[a-z2-7]{52}", token) for token in tokens)  # 256 bits
    kept = {row.token_hash for row in rows(world, CustomerLink)}
    assert not kept & set(tokens)
    for row in rows(world, Rendering):
        whole = row.raw + row.html.encode() + row.text.encode()
        assert not any(token.encode() in whole for token in tokens)
        if row.pages and row.raw.startswith(b"Subject"):
            assert customer_links.place_of(row.pages[0]).encode() in row.html.encode()


def test_what_leaves_holds_the_token_wherever_the_place_was(world: PagesWorld) -> None:
    [sent] = rows(world, Rendering, action_id=world.sent(PROPOSAL))
    tokens = world.links[sent.action_id]
    leaving = customer_links.with_tokens(sent.raw, tokens)
    assert len(leaving) == len(sent.raw)
    joined = leaving.replace(b"=\r\n", b"")
    for purpose, token in tokens.items():
        assert token.encode() in joined
        assert customer_links.place_of(purpose).encode() not in joined


def test_opening_scanning_and_fetching_ahead_change_nothing(
    world: PagesWorld, customer: Customer
) -> None:
    paths = list(ways(world))
    before = state_of(world)
    for path in paths:
        page = customer.get(path)
        assert page.status_code == 200, path
        with travel(world.at):
            assert customer.client.head(path).status_code == 200
        if "letter" not in path:
            assert len(page.content) <= MOST_BYTES, path
    assert state_of(world) == before


def test_forms_as_they_stand_decide_nothing_however_often(
    world: PagesWorld, customer: Customer
) -> None:
    paths = list(ways(world))
    before = {o.id: o.state for o in rows(world, Offer)}
    for round_ in range(100):
        world.at += timedelta(minutes=2)
        path = paths[round_ % len(paths)]
        page = customer.get(path)
        for method, action, fields in forms(page.text):
            if method == "get":
                asked = customer.get(action, params=fields)
                for _, further, typed in forms(asked.text):
                    customer.post(further, typed)
            else:
                customer.post(action, fields)
    assert {o.id: o.state for o in rows(world, Offer)} == before
    assert not rows(world, Exclusion)
    assert {r.said for r in rows(world, Submission)} <= {"score"}  # what a link has preselected


def forms(html: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each form of a page, with what it would send as it stands."""
    for method, action, inside in re.findall(
        r'<form method="(post|get)" action="([^"]+)">(.*?)</form>', html, re.DOTALL
    ):
        fields = form_of(inside)
        for tag in re.findall(r"<input [^>]*checked[^>]*>", inside):
            found = dict(re.findall(r'(name|value)="([^"]*)"', tag))
            fields[found["name"]] = found.get("value", "on")
        fields |= dict.fromkeys(re.findall(r'<textarea [^>]*name="([^"]+)"', inside), "")
        yield method, action, fields


OTHER_PATHS = [
    "/c/offer/" + customer_links.place_of("offer"), "/c/offer/" + "a" * 52, "/c/offer/", "/c/",
    "/c/nothing/" + "a" * 52, "/c/offer/%00%ff", "/c/offer/x/../../nothing",
]  # fmt: skip


def test_a_wrong_link_says_the_same_whatever_was_wrong(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(PROPOSAL, "offer")
    token = path.rpartition("/")[2]
    altered = [path[:-1] + ("b" if path[-1] != "b" else "a"), path[:-1], path + "a",
               f"/c/offer/{token.upper()}", f"/c/notice/{token}",
               f"/c/preferences/{token}"]  # fmt: skip
    said = set()
    for wrong in altered + OTHER_PATHS:
        answer = customer.get(wrong)
        assert answer.status_code == 404, wrong
        said.add(answer.text)
    [same] = said
    assert "This link does not work" in same
    assert "Ana" not in same


def test_a_link_that_is_over_or_was_taken_back_is_over(
    world: PagesWorld, customer: Customer
) -> None:
    path, action_id = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    with writing(world.shop.engine) as session:
        ended = end_links(session, action_id, world.actor("marta"), reason="sent to her neighbour")
    assert ended == 2
    gone = customer.get(path)
    assert gone.status_code == 410
    assert "Ana" not in gone.text
    other = world.path(GUIDE, "survey")
    world.at += timedelta(days=61)
    assert customer.get(other).status_code == 410
    assert customer.post(other, {"score": "1"}).status_code == 410


def test_an_offer_that_ran_out_says_something_kind(world: PagesWorld, customer: Customer) -> None:
    path = world.path(PROPOSAL, "offer")
    page = customer.get(path)
    world.at += timedelta(days=40)
    late = customer.get(path)
    assert "terminó el" in late.text
    assert "<form" not in late.text
    assert customer.post(f"{path}/confirm", form_of(page.text) | {
        "said": "accept", "name": "x", "sure": "yes"}).status_code == 200  # fmt: skip
    assert not rows(world, Submission)


def test_guessing_is_slowed_down(world: PagesWorld, customer: Customer) -> None:
    seen = [customer.get("/c/offer/" + "a" * 51 + letter).status_code
            for letter in "abcdefghijklmnopqrstuvwxyz234567"]  # fmt: skip
    assert seen[0] == 404
    assert seen[-1] == 429
    world.at += timedelta(minutes=2)
    assert customer.get(world.path(PROPOSAL, "offer")).status_code == 200


def test_a_double_click_is_one_answer(world: PagesWorld, customer: Customer) -> None:
    path = world.path(PROPOSAL, "offer")
    asked = customer.choose(path, "accept")
    world.at += timedelta(seconds=20)
    form = form_of(asked.text) | {"name": "Ana", "sure": "yes"}
    first, second = customer.post(f"{path}/confirm", form), customer.post(f"{path}/confirm", form)
    assert (first.status_code, second.status_code) == (303, 303)
    assert len(rows(world, Submission)) == 1


def test_of_two_answers_at_once_one_counts_and_the_other_is_told(
    world: PagesWorld, customer: Customer
) -> None:
    path, action_id = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    one = customer.choose(path, "accept")
    other = customer.choose(path, "decline")
    world.at += timedelta(seconds=20)
    posts = [form_of(one.text) | {"name": "Ana", "sure": "yes"},
             form_of(other.text) | {"words": "no", "sure": "yes"}]  # fmt: skip
    with travel(world.at), ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda form: customer.client.post(f"{path}/confirm", data=form), posts)
        )
    assert sorted(a.status_code for a in answers) == [303, 409]
    [said] = rows(world, Submission)
    [offer] = rows(world, Offer, action_id=action_id)
    assert offer.state == {"accept": "accepted", "decline": "declined"}[said.said]
    told = next(a.text for a in answers if a.status_code == 409)
    assert "Mientras tanto alguien ha respondido" in told


def test_going_back_and_sending_an_old_form_changes_nothing(
    world: PagesWorld, customer: Customer
) -> None:
    path, action_id = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    old = customer.choose(path, "accept")
    customer.fill(old, f"{path}/confirm", name="Ana", sure="yes")
    customer.say(path, "decline", sure="yes")
    again = customer.fill(old, f"{path}/confirm", name="Ana", sure="yes")
    assert "Mientras tanto" in again.text
    assert rows(world, Offer, action_id=action_id)[0].state is OfferState.DECLINED


def test_a_form_of_another_link_or_of_yesterday_is_shown_once_more(
    world: PagesWorld, customer: Customer
) -> None:
    path, other = world.path(PROPOSAL, "offer"), world.path(PROPOSAL, "offer", 1)
    theirs = customer.choose(other, "accept")
    answer = customer.post(f"{path}/confirm", form_of(theirs.text) | {"name": "x", "sure": "yes"})
    assert answer.status_code == 422
    mine = customer.choose(path, "accept")
    world.at += timedelta(hours=13)
    late = customer.post(f"{path}/confirm", form_of(mine.text) | {"name": "Ana", "sure": "yes"})
    assert late.status_code == 422
    assert 'value="Ana"' in late.text
    assert not rows(world, Submission)


STRANGE = [
    "<script>alert(1)</script>", '=HYPERLINK("http://evil")', "\u202edrow neddih", "{{ 7*191 }}",
    "' OR 1=1 --", "a\r\nBcc: x@y.example", "\x00\x07nul", "ñ" * 3000, "🙂" * 500,
    "[x](https://evil.example)",
]  # fmt: skip


@pytest.mark.parametrize(("template", "purpose", "said", "more"), [
    (PROPOSAL, "offer", "counter", {"fee": "50", "phone": "TEXT"}),
    (PROPOSAL, "offer", "accept", {"name": "TEXT", "sure": "yes"}),
    (NOTICE, "notice", "contest", {"phone": "TEXT"}),
    (BILLS, "debt", "wrong", {}),
])  # fmt: skip
def test_whatever_is_typed_is_kept_as_words_and_shown_as_such(
    world: PagesWorld, customer: Customer, template: str, purpose: str, said: str,
    more: dict[str, str],
) -> None:  # fmt: skip
    path = world.path(template, purpose)
    for text in STRANGE:
        world.at += timedelta(minutes=3)
        filled = {name: text if value == "TEXT" else value for name, value in more.items()}
        done = customer.say(path, said, words=text, **filled)
        assert done.status_code in (200, 422), text
        shown = done.text.partition("</style>")[2]
        assert "<script>" not in shown
        assert "1337" not in shown
    assert rows(world, Submission)
    for row in rows(world, Incoming):
        assert "\x00" not in (row.text or "")


def test_a_megabyte_is_refused_and_what_fits_is_kept(world: PagesWorld, customer: Customer) -> None:
    path = world.path(NOTICE, "notice")
    asked = customer.choose(path, "contest")
    huge = customer.post(
        f"{path}/confirm", form_of(asked.text) | {"sure": "yes", "words": "x" * 1_000_000}
    )
    assert huge.status_code == 413
    long = customer.post(
        f"{path}/confirm", form_of(asked.text) | {"sure": "yes", "words": "y" * 5000}
    )
    assert long.status_code == 422
    assert "y" * 3000 in long.text
    assert not rows(world, Submission)


def test_another_language_half_way_keeps_what_was_said(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(PROPOSAL, "offer")
    page = customer.get(f"{path}?language=en")
    assert "What would you like to do?" in page.text
    asked = customer.get(f"{path}?chosen=yes&said=decline&language=en")
    assert "I do not accept this." in asked.text
    done = customer.fill(asked, f"{path}/confirm", sure="yes")
    assert "You have declined" in done.text
    [said] = rows(world, Submission)
    assert said.said == "decline"


def test_no_token_and_no_word_is_ever_in_a_log(
    world: PagesWorld, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "retention")
    path = world.path(NOTICE, "notice")
    token = path.rpartition("/")[2]
    customer.say(path, "contest", words="a secret of mine")
    customer.get(path + "x")
    customer.get(f"{path}/nothing")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("retention")]
    assert not any(token in line or "a secret of mine" in line for line in ours)


def test_pages_load_nothing_set_nothing_and_tell_nobody(
    world: PagesWorld, customer: Customer
) -> None:
    for path in ways(world):
        page = customer.get(path)
        assert "set-cookie" not in page.headers
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert "noindex" in page.headers["x-robots-tag"]
        if "letter" in path:
            continue
        policy = page.headers["content-security-policy"]
        assert "script-src" not in policy
        assert "default-src 'none'" in policy
        assert "<script" not in page.text
        assert not re.findall(r'(?:src|href)="https?://', page.text)


def test_the_answer_to_a_message_of_unknown_fate_proves_that_it_arrived(
    world: PagesWorld, customer: Customer
) -> None:
    path, action_id = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    with writing(world.shop.engine) as session:
        message = session.get_one(Message, rows(world, Message, action_id=action_id)[0].id)
        offer = session.get_one(Offer, rows(world, Offer, action_id=action_id)[0].id)
        action = session.get_one(Action, action_id)
        message.state, offer.state = MessageState.UNKNOWN, OfferState.APPROVED
        action.state = ActionState.APPROVED
    done = customer.say(path, "decline", sure="yes")
    assert "Ha dicho que no" in done.text
    assert rows(world, Offer, action_id=action_id)[0].state is OfferState.DECLINED
