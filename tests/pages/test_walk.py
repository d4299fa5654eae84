"""One offer from the console to the customer and back, with real mail and real pages between."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

from starlette.testclient import TestClient

from retention.clock import travel
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.messages import Message
from retention.delivery.worker import PostOffice
from retention.demo.catcher import MailCatcher
from retention.domain.offers import OfferState
from retention.play.story import newest_page
from retention.web.app import create_app
from tests.factories.consoles import ConsoleWorld, signed_in, token_of
from tests.factories.pages import Customer, PagesWorld, rows


class WalkedWorld(PagesWorld):
    """Nothing was approved yet."""

    def live(self) -> None:
        """Begin where the proposals wait."""
        ConsoleWorld.live(self)
        self.at = self.now


def test_an_offer_goes_all_the_way_and_comes_back(tmp_path: Path) -> None:
    world = WalkedWorld()
    world.live()
    try:
        _walk(world, tmp_path)
    finally:
        world.teardown()


def _walk(world: WalkedWorld, tmp_path: Path) -> None:
    action_id = world.waiting("renegotiation_proposal")
    [action] = rows(world, Action, id=action_id)
    app = create_app(world.shop.settings)
    with travel(world.at):  # an account manager reads it, and approves it
        marta = signed_in(app, "marta")
        item = marta.get(f"/queue/{action_id}")
        assert "offer-link-is-made-when-this-leaves" in marta.get(
            f"/queue/{action_id}/message?as=text").text  # fmt: skip
        seen = item.text.split('name="seen" value="')[1].partition('"')[0]
        form = {"csrf": token_of(marta), "seen": seen}
        assert marta.post(f"/queue/{action_id}/approve", data=form).status_code == 303
    world.at += timedelta(minutes=15)
    with MailCatcher(tmp_path / "mail") as catcher:  # it leaves
        mail = replace(world.shop.mail, host="127.0.0.1", port=catcher.port, security="plain")
        shop, [message] = world.shop, rows(world, Message, action_id=action_id)
        with travel(world.at), PostOffice(
            shop.engine, mail, shop.policies, shop.settings.timezone, shop.settings.stop_file,
            shop.settings.templates_dir,
        ) as office:  # fmt: skip
            assert office.send_all([message.id])["sent"] == 1
    letter = message_from_bytes(next((tmp_path / "mail").glob("*.eml")).read_bytes(),
                                policy=policy.default)  # fmt: skip
    page = newest_page(tmp_path / "mail", "offer")
    assert page is not None
    html = letter.get_body(("html",))
    assert html is not None
    assert f'href="{page}"' in html.get_content()
    path = page.removeprefix("https://answers.example.com")
    world.at += timedelta(hours=2)
    customer = Customer(world, TestClient(app, follow_redirects=False))
    assert "Ha aceptado" in customer.say(path, "accept", name="Ana", sure="yes").text
    world.at += timedelta(minutes=1)
    with travel(world.at):  # the owner sees it, and what waits for the company's own books
        theirs = signed_in(app, "marta").get(f"/customers/{action.customer_id}").text
        assert "Said on their pages" in theirs or "Dicho en sus páginas" in theirs
        systems = signed_in(app, "diana").get("/systems").text
        assert action.customer_id in systems
    world.night(1)  # the night lets it be: what was accepted gets time to show
    [offer] = rows(world, Offer, action_id=action_id)
    assert (offer.state, offer.confirmed_on) == (OfferState.ACCEPTED, None)
    app.state.workshop.application.engine.dispose()
