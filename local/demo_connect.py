"""The demo's way in: from Huma's menu, over the set-up, to a connected company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.demo_browser import Browser
from local.demo_scene import HOME, SESSION_COOKIE

if TYPE_CHECKING:
    from local.demo_page import Page
    from local.demo_scene import Json, Scene

PERMISSION = "organization-settings"
NO_LICENCE, ADMINISTRATOR = "no-licence", "admin"
PASSWORD = "demo"
"""Of every account of the simulated Fortnox."""


def open_from_huma(scene: Scene) -> None:
    """Open the integration from Huma's settings menu: without the permission, and with it."""
    screen = scene.screen
    screen.chapter("From Huma: System settings > Integrations > Fortnox")
    able = [each for each in scene.organization["administrators"] if PERMISSION in each["permissions"]]
    unable = [each for each in scene.organization["administrators"] if PERMISSION not in each["permissions"]]

    screen.say(f"{unable[0]['name']} has no role with Organization-wide settings:")
    refused = _open_integration(scene, Browser(), unable[0])
    scene.show_refusal(refused)
    screen.expect_equal(refused.status, 403, "Without the permission nobody gets in, and the page names the role.")

    screen.say(f"{able[0]['name']} has it:")
    page = _open_integration(scene, scene.browser, able[0])
    lead = page.main.first("p", class_="lead")
    scene.show_page(page, lead.text() if lead else "")
    screen.expect(page.status == 200 and page.path == HOME, "The page opens.", otherwise=f"{page.status} {page.path}")
    cookie = scene.browser.cookies.get(SESSION_COOKIE)
    flags = cookie is not None and cookie["httponly"] and cookie["secure"] and cookie["samesite"] == "Lax"
    screen.expect(flags, "The session is a cookie: HttpOnly, Secure, SameSite=Lax.")
    screen.expect("launch=" not in page.url, "The launch token has left the address bar.")
    again = Browser().open(next(url for url in page.trail if "launch=" in url))
    screen.expect_equal(again.status, 401, f"The same link a second time is refused: {again.heading}")
    scene.remember_csrf(page)


def _open_integration(scene: Scene, browser: Browser, administrator: Json) -> Page:
    """Sign in to Huma as somebody and click through its menu."""
    menu = f"{scene.huma.url}/{scene.organization['slug']}/settings/integrations/fortnox"
    sign_in = browser.open(menu)
    form = sign_in.form(f"/{scene.organization['slug']}/sign-in")
    page = browser.submit(form, {"administrator": administrator["id"]})
    return browser.open(page.link("Open the Fortnox integration"))


def enter_huma_key(scene: Scene) -> None:
    """Enter Huma's API key on the set-up page: one that does not work first."""
    screen, browser = scene.screen, scene.browser
    screen.chapter("Set up: the key to Huma")
    page = browser.open(browser.open(scene.address(HOME)).link("Set up"))
    key = scene.organization["apiKeys"][0]
    webhook_secret = scene.huma.control("GET", "people")["organizations"][0]["webhook"]["secret"]
    given = {"client_id": key["clientId"], "webhook_secret": webhook_secret}

    wrong = browser.submit(
        page.form(f"{HOME}/huma-key"), {**given, "client_secret": scene.organization["administrators"][0]["id"]}
    )
    error = wrong.main.first("p", class_="error")
    scene.show_page(wrong, f"Client ID: {error.text() if error else ''}")
    screen.expect(wrong.status >= 400 and error, "A key that Huma does not take is refused at once.")

    page = browser.submit(wrong.form(f"{HOME}/huma-key"), {**given, "client_secret": key["clientSecret"]})
    notice = page.main.first("div", class_="notice")
    scene.show_page(page, notice.text() if notice else "")
    connection = scene.call("GET", "/connection")
    screen.expect(
        page.status == 200 and connection["hasHumaKey"], "The right key is kept; nothing is out of its reach."
    )
    screen.expect(
        page.main.first("div", class_="warn") is None, "Employment ID and bank account can be seen and edited."
    )


def connect_fortnox(scene: Scene) -> None:
    """Accept the terms and approve in Fortnox: without the integration licence first, then with it."""
    screen = scene.screen
    screen.chapter("Set up: the approval in Fortnox")
    login = _to_fortnox(scene)
    scene.show_page(login, *(each.text() for each in login.main.all("li")))
    screen.expect(login.url.startswith(scene.fortnox.url), "Accepting the terms leads on to Fortnox.")

    screen.say("The first try, with a company that has no integration licence:")
    refused = _approve(scene, login, NO_LICENCE)
    scene.show_refusal(refused)
    said = refused.main.text()
    screen.expect(
        "licence" in refused.heading and "Add licences" in said, "The page says what is missing and what to do."
    )
    screen.expect(400 <= refused.status < 500, "It is a page, not a stack trace.", otherwise=str(refused.status))
    state = scene.call("GET", "/connection")["state"]
    screen.expect_equal(state, "awaiting_authorization", "Nothing is connected.")

    screen.say("The licence is bought; the second try:")
    page = _approve(scene, _to_fortnox(scene, refused), ADMINISTRATOR)
    lead = page.main.first("p", class_="lead")
    scene.show_page(page, lead.text() if lead else "")
    company = scene.fortnox.control("GET", "people")["company"]
    shown = page.main.text()
    screen.expect(
        page.status == 200 and company["name"] in shown and company["organizationNumber"] in shown,
        f"Connected; the page names the company: {company['name']}, {company['organizationNumber']}.",
        otherwise=f"{page.status} {page.heading}",
    )
    screen.expect("code=" not in page.url, "The authorization code has left the address bar.")
    token = scene.huma.control("POST", "bearer", {"organization": scene.organization["id"]})["token"]
    connection = scene.call("GET", "/connection", token=token)
    screen.expect(
        connection["state"] == "awaiting_first_sync" and connection["company"]["name"] == company["name"],
        "The JSON API says the same to a bearer token from Huma.",
        otherwise=connection["state"],
    )


def _to_fortnox(scene: Scene, refused: Page | None = None) -> Page:
    """Go to the set-up page (from a refusal by its own link), tick the terms, continue to Fortnox."""
    browser = scene.browser
    address = refused.link("Try again") if refused else scene.address(f"{HOME}/set-up")
    form = browser.open(address).form(f"{HOME}/set-up")
    return browser.submit(form, {"terms": form.value("terms")})


def _approve(scene: Scene, login: Page, account: str) -> Page:
    form = login.form("/oauth-v1/auth")
    return scene.browser.submit(form, {"account": account, "password": PASSWORD}, button="decision=approve")
