"""A day in the console, in a real browser: by keyboard, by mouse, without scripts, on a phone."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import func, select
from starlette.applications import Starlette

from retention.db.models.work.actions import Action, Approval
from retention.db.models.work.cases import Case
from retention.db.queries import actions as queries
from retention.db.session import reading
from retention.domain.actions import ActionState
from tests.browser.conftest import SignIn
from tests.conftest import ROOT
from tests.factories.consoles import ConsoleWorld

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ["/queue", "/queue?view=all", "/customers", "/customers?q=ana", "/customers/C00",
         "/tonight", "/programme", "/results", "/people", "/outbox", "/switches", "/data",
         "/systems", "/policies?file=guards.yaml", "/templates", "/team", "/audit?verify=yes",
         "/replay", "/me",
         "/queue?view=answered", "/queue/none-such", "/nowhere"]  # fmt: skip
ITEMS = ["renegotiation_proposal", "prepaid_migration_offer", "termination_notice",
         "reassessment", "conversation"]  # fmt: skip


def state_of(world: ConsoleWorld, action_id: str) -> ActionState:
    with reading(world.shop.engine) as session:
        return session.scalars(select(Action.state).where(Action.id == action_id)).one()


def decided(world: ConsoleWorld) -> int:
    with reading(world.shop.engine) as session:
        return session.scalar(select(func.count()).select_from(Approval)) or 0


def opened(page: Page) -> str:
    return page.locator("#item").get_attribute("data-id") or ""


def settle(page: Page, before: str) -> None:
    """Wait until another item is open."""
    page.wait_for_function(
        "before => document.querySelector('#item')?.dataset.id !== before", arg=before
    )


@pytest.mark.gate
def test_ten_items_by_keyboard(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("marta", keys=True)
    page.goto("/queue")
    waiting = int(page.locator(".list .count").inner_text())
    page.keyboard.press("o")
    page.wait_for_selector("#item")
    before, done = decided(world), 0
    while done < 10:
        now = opened(page)
        if page.locator("details.deed[data-key=a]").count():
            page.keyboard.press("a")
            page.keyboard.press("Space")
            expect(page.locator("input[name=deliberate]")).to_be_checked()
            page.keyboard.press("Enter")
        elif page.locator("button[data-key=a]").count():
            page.keyboard.press("a")
        else:
            page.keyboard.press("r")
            page.keyboard.press("ArrowDown")  # no reason is chosen by itself
            page.locator(".deed[open] textarea").fill("We talk to them next week.")
            page.locator(".deed[open] button", has_text="Reject it").press("Enter")
        settle(page, now)
        done += 1
    assert decided(world) == before + 10
    page.goto("/queue")
    assert int(page.locator(".list .count").inner_text()) == waiting - 10


@pytest.mark.gate
def test_keys_do_nothing_while_typing_or_before_they_are_switched_on(
    world: ConsoleWorld, open_as: SignIn
) -> None:
    action_id = world.waiting("renegotiation_proposal")
    page = open_as("marta")
    page.goto(f"/queue/{action_id}")
    page.keyboard.press("a")
    page.keyboard.press("r")
    assert state_of(world, action_id) is ActionState.PENDING_APPROVAL
    page = open_as("marta", keys=True)
    page.goto(f"/queue/{action_id}")
    page.locator("#comment-text").press_sequentially("a rather good area")
    expect(page.locator("#comment-text")).to_have_value("a rather good area")
    assert state_of(world, action_id) is ActionState.PENDING_APPROVAL


def first_mild(page: Page) -> str:
    """Open the first of the messages that one key approves."""
    page.goto("/queue?view=all&stage=renegotiate")
    page.keyboard.press("o")
    page.wait_for_selector("#item")
    expect(page.locator("button[data-key=a]")).to_be_visible()
    return opened(page)


@pytest.mark.gate
def test_a_key_decides_nothing_while_the_next_item_is_on_its_way(
    world: ConsoleWorld, open_as: SignIn
) -> None:
    page = open_as("marta", keys=True)
    first, before = first_mild(page), decided(world)
    waiting: list[Route] = []
    item = re.compile(r"/queue/[^/]+$|/queue/[^/]+\?")
    page.route(item, lambda route: waiting.append(route))  # noqa: PLW0108 - only functions can be wrapped
    with page.expect_request(item):
        page.keyboard.press("j")
    page.keyboard.press("a")
    waiting.pop().continue_()
    settle(page, first)
    page.unroute(item)
    page.goto("/queue")
    assert decided(world) == before
    assert not waiting, "nothing else was asked for"


@pytest.mark.gate
def test_a_key_that_is_held_down_decides_once(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("marta", keys=True)
    first, before = first_mild(page), decided(world)
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
    page.keyboard.down("a")
    settle(page, first)
    expect(page.locator("button[data-key=a]")).to_be_visible()
    page.keyboard.down("a")
    page.keyboard.up("a")
    page.goto("/queue")
    assert [url.split("?")[0].rsplit("/", 2)[1] for url in sent] == [first]
    assert decided(world) == before + 1


@pytest.mark.gate
def test_every_other_key_does_what_the_list_of_keys_says(
    world: ConsoleWorld, open_as: SignIn
) -> None:
    page = open_as("marta", keys=True)
    first = first_mild(page)
    page.keyboard.press("j")
    settle(page, first)
    second = opened(page)
    page.keyboard.press("k")
    settle(page, second)
    assert opened(page) == first
    box = page.locator(".list .current input")
    page.keyboard.press("x")
    expect(box).to_be_checked()
    page.keyboard.press("x")
    expect(box).not_to_be_checked()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    assert state_of(world, first) is ActionState.PENDING_APPROVAL, "the list was open"
    page.keyboard.press("m")
    expect(page.locator("#comment-text")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator(".item h1").focus()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.locator(".item h1").focus()
    page.keyboard.press("e")
    page.wait_for_url("**/edit?*")
    page.go_back()
    page.keyboard.press("s")
    expect(page.locator(".deed[open][data-key=s]")).to_be_visible()
    until = world.today + timedelta(days=2)
    page.locator(".deed[open] input[name=until]").fill(until.isoformat())
    page.locator(".deed[open] button[type=submit]").press("Enter")
    settle(page, first)
    with reading(world.shop.engine) as session:
        assert queries.get(session, first).snoozed_until == until
    page.goto(f"/queue/{second}?view=all")
    page.keyboard.press("a")
    settle(page, second)
    assert state_of(world, second) is ActionState.APPROVED
    page.goto(f"/queue/{second}?view=approved")
    page.keyboard.press("u")
    expect(page.locator("button[data-key=a]")).to_be_visible()
    assert state_of(world, second) is ActionState.PENDING_APPROVAL


@pytest.mark.gate
def test_ten_items_by_mouse(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("marta")
    page.goto("/queue")
    page.click("text=Begin with the first")
    asleep = 0
    for _ in range(10):
        now = opened(page)
        if page.locator(".deeds summary:has-text('Snooze')").count():
            page.click(".deeds summary:has-text('Snooze')")
            due = page.locator(".deed[open] input[name=until]").get_attribute("max") or ""
            page.locator(".deed[open] input[name=until]").fill(due)
            page.click(".deed[open] button:has-text('Let it sleep')")
            asleep += 1
        else:
            page.click(".deeds summary:has-text('Reject')")
            page.select_option(".deed[open] select[name=code]", "wrong_time")
            page.locator(".deed[open] textarea").fill("After the holidays.")
            page.click(".deed[open] button:has-text('Reject it')")
        settle(page, now)
        expect(page.locator(".banner.good")).to_be_visible()
    page.goto("/queue?view=snoozed")
    assert page.locator(".list ol li:has(.pick)").count() == asleep


def test_a_notice_takes_two_deliberate_people_and_can_be_taken_back(
    world: ConsoleWorld, open_as: SignIn
) -> None:
    action_id = world.waiting("termination_notice")
    for who in ("marta", "diana"):
        page = open_as(who)
        page.goto(f"/queue/{action_id}")
        page.click("summary:has-text('Approve')")
        page.click(".panel button.stop")
        assert page.locator("input[name=deliberate]:invalid").count() == 1, "no default says yes"
        page.check("input[name=deliberate]")
        page.click(".panel button.stop")
        page.wait_for_url(re.compile("done="))
    assert state_of(world, action_id) is ActionState.APPROVED
    page.click("text=Look at it, or take it back")
    page.click("text=Take my approval back")
    expect(page.locator(".banner.good")).to_contain_text("It waits for a decision again")
    assert state_of(world, action_id) is ActionState.PENDING_APPROVAL


@pytest.mark.gate
def test_approve_never_stands_where_reject_stood(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("marta")
    places: dict[str, set[int]] = {"Approve": set(), "Reject": set()}
    for template in ("renegotiation_proposal", "termination_notice", "prepaid_migration_offer"):
        page.goto(f"/queue/{world.waiting(template)}")
        for words, found in places.items():
            box = page.locator(f".deeds :is(button, summary):has-text('{words}')").first
            left = box.bounding_box()
            assert left is not None
            found |= set(range(int(left["x"]), int(left["x"] + left["width"])))
    assert not places["Approve"] & places["Reject"]


@pytest.mark.gate
def test_two_people_at_once_lose_nothing(world: ConsoleWorld, open_as: SignIn) -> None:
    action_id = world.waiting("renegotiation_proposal")
    marta, diana = open_as("marta"), open_as("diana")
    marta.goto(f"/queue/{action_id}")
    diana.goto(f"/queue/{action_id}")
    marta.click("button:has-text('Approve')")
    marta.wait_for_url("**done=approved*")
    diana.click(".deeds summary:has-text('Snooze')")
    due = diana.locator(".deed[open] input[name=until]").get_attribute("max") or ""
    diana.locator(".deed[open] input[name=until]").fill(due)
    diana.click("button:has-text('Let it sleep')")
    expect(diana.locator("main")).to_contain_text("Nothing was changed")
    expect(diana.locator("main")).to_contain_text("is approved, it does not wait")
    expect(diana.locator("main")).to_contain_text(due)
    assert state_of(world, action_id) is ActionState.APPROVED


@pytest.mark.gate
def test_what_is_typed_is_still_there_after_the_page_was_left(
    world: ConsoleWorld, open_as: SignIn
) -> None:
    action_id = world.waiting("renegotiation_proposal")
    page = open_as("marta")
    page.goto(f"/queue/{action_id}")
    page.click(".deeds summary:has-text('Reject')")
    with page.expect_response("**/draft"):
        page.locator(".deed[open] textarea").press_sequentially("not yet, ñ")
    page.goto("/tonight")
    page.goto(f"/queue/{action_id}")
    page.click(".deeds summary:has-text('Reject')")
    expect(page.locator(".deed[open] textarea")).to_have_value("not yet, ñ")


@pytest.mark.gate
def test_what_is_typed_stays_with_its_item_though_another_is_opened_at_once(
    world: ConsoleWorld, open_as: SignIn
) -> None:
    page = open_as("marta", keys=True)
    page.goto("/queue")
    page.keyboard.press("o")
    page.wait_for_selector("#item")
    first = opened(page)
    with page.expect_response("**/draft") as kept:
        page.locator("#comment-text").fill("about this one only")
        page.locator("#comment-text").blur()
        page.keyboard.press("j")
        settle(page, first)
    assert kept.value.url.endswith(f"/queue/{first}/draft")
    expect(page.locator("#comment-text")).to_have_value("")
    page.goto(f"/queue/{first}")
    expect(page.locator("#comment-text")).to_have_value("about this one only")


@pytest.mark.gate
def test_a_message_is_edited_and_the_difference_seen(world: ConsoleWorld, open_as: SignIn) -> None:
    action_id = world.waiting("renegotiation_proposal")
    page = open_as("marta")
    page.goto(f"/queue/{action_id}")
    page.click(".deeds a:has-text('Edit')")
    box = page.locator("textarea").first
    box.fill(box.input_value().replace("Queremos", "De verdad queremos"))
    page.click("text=Show the difference")
    expect(page.locator("ins").first).to_contain_text("De verdad queremos")
    page.click("text=Make this the message")
    page.wait_for_selector(".banner.good")
    frame = page.frame_locator("iframe.message")
    expect(frame.locator("body")).to_contain_text("De verdad queremos seguir")
    page.click("button:has-text('Approve')")
    expect(page.locator("main")).to_contain_text("Nothing was changed")


@pytest.mark.gate
def test_a_bag_of_mild_messages(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("marta")
    page.goto("/queue?view=all&stage=renegotiate")
    for box in page.locator(".pick input").all():
        box.check()
    page.click("text=Review what I chose")
    expect(page.locator("h1")).to_contain_text("4 messages in the bag")
    page.click("section:has-text('Samples') a >> nth=0")
    page.goto("/queue?view=all&stage=renegotiate")
    for box in page.locator(".pick input").all():
        box.check()
    page.click("text=Review what I chose")
    page.click("button:has-text('Approve 4 messages')")
    expect(page.locator(".banner.good")).to_contain_text("4 messages are approved")


@pytest.mark.gate
def test_a_review_and_a_talk_are_logged(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("marta")
    for form, outcome in (("reassessment", "does not know"), ("conversation", "we talked")):
        action_id = world.waiting(form)
        page.goto(f"/queue/{action_id}")
        page.check(f"label:has-text('{outcome}') input")
        for box in page.locator(".log textarea[name^=answer]").all():
            box.fill("Norte, T-1")
        for chosen in page.locator(".log select").all():
            chosen.select_option("yes")
        page.click("text=Log it")
        page.wait_for_url("**done=completed*")
        assert state_of(world, action_id) is ActionState.DONE


@pytest.mark.gate
def test_the_dossier_is_a_page_and_a_pdf(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("diana")
    action_id = world.waiting("termination_notice")
    page.goto(f"/queue/{action_id}/dossier")
    expect(page.locator("main")).to_contain_text("What was tried")
    answer = page.request.get(f"/queue/{action_id}/dossier.pdf")
    assert answer.body()[:5] == b"%PDF-"


@pytest.mark.parametrize("width", [320, 1440])
def test_the_main_path_without_scripts(world: ConsoleWorld, open_as: SignIn, width: int) -> None:
    page = open_as("marta", width=width, java_script_enabled=False)
    page.goto("/queue")
    page.click(".list ol a >> nth=0")
    for template in ("renegotiation_proposal", "prepaid_migration_offer"):
        action_id = world.waiting(template)
        page.goto(f"/queue/{action_id}")
        if template == "prepaid_migration_offer":
            page.click("summary:has-text('Approve')")
            page.check("input[name=deliberate]")
            page.click(".panel button.stop")
        else:
            page.click(".deeds button:has-text('Approve')")
        expect(page.locator(".banner.good")).to_be_visible()
    with reading(world.shop.engine) as session:
        by = session.scalars(
            select(Approval.person_id).join(Action).join(Case).order_by(Approval.id.desc()).limit(2)
        ).all()
    assert by == ["marta", "marta"]


@pytest.mark.gate
def test_nothing_sticks_out_on_a_small_phone(world: ConsoleWorld, open_as: SignIn) -> None:
    page = open_as("diana", width=320)
    for path in [*PAGES, *(f"/queue/{world.waiting(what)}" for what in ITEMS)]:
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{path} is {wide} wide"


@pytest.mark.gate
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing(
    world: ConsoleWorld, console: tuple[Starlette, str], open_as: SignIn, scheme: str, language: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci)")
    page = open_as("diana", color_scheme=scheme)
    page.goto("/me")
    page.select_option("select[name=language]", language)
    page.click("form[action='/me'] button")
    source, found = AXE.read_text("utf-8"), {}
    items = [f"/queue/{world.waiting(what)}" for what in ITEMS]
    notice = world.waiting("termination_notice")
    for path in [*PAGES, *items, f"/queue/{notice}/dossier", f"{items[0]}/edit"]:
        page.goto(path)
        if path == items[2]:
            page.click(".deeds summary >> nth=0")
        page.evaluate(source)  # not as a script of the page: its policy forbids that
        broken = page.evaluate(
            "axe.run({iframes: false, resultTypes: ['violations']})"
            ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html)"
            ".slice(0, 2).join(' | ')))"
        )
        if broken:
            found[path] = broken
    assert not found
    assert page.locator("html").get_attribute("lang") == language


@pytest.mark.gate
def test_nothing_but_an_item_scrolls_and_a_link_within_it_leads_there(
    world: ConsoleWorld, open_as: SignIn
) -> None:
    """What is hidden for the eye once made the page as long as its item."""
    page = open_as("marta")
    page.set_viewport_size({"width": 1280, "height": 700})
    with reading(world.shop.engine) as session:
        call = session.scalars(
            select(Action.id).where(
                Action.form == "conversation", Action.state == ActionState.PENDING_APPROVAL
            )
        ).first()
    assert call is not None
    page.goto(f"/queue/{call}")
    heights = page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
    assert heights[0] == heights[1]
    for summary in page.locator("details.deed > summary").all():
        summary.click()
        right = page.evaluate(
            "document.querySelector('.deed[open] .panel').getBoundingClientRect().right"
        )
        assert right <= 1280, summary.inner_text()
    page.locator("a[href='#log']").click()
    expect(page.locator("#log")).to_be_in_viewport()
    page.wait_for_function("document.querySelector('main').scrollTop > 0")
