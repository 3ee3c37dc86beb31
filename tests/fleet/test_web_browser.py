"""The pages in Chromium: signing in, a room that changes, the keyboard, accessibility, ten thousand rooms."""

import csv

import pytest
from axe_playwright_python.async_playwright import Axe
from browser import chromium
from every_page import FOR_STRANGERS, furnish, pages_of
from playwright.async_api import expect
from seed import fill
from web_parts import PASSWORD, add_person, console_app, serving

from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date
from fleet.web.app import now_ms

pytestmark = [pytest.mark.alone, pytest.mark.timeout(120)]
SERIOUS = frozenset({"serious", "critical"})


async def fleet_of(tmp_path, rooms: int):
    database = await open_database(f"sqlite:{tmp_path}/fleet.db")
    await bring_up_to_date(database)
    await fill(database, rooms=rooms, now=now_ms())
    await add_person(database, "ada")
    return database


@pytest.fixture
async def database(tmp_path):
    opened = await fleet_of(tmp_path, 40)
    yield opened
    await opened.close()


async def change(database, room: str, status: str, worst: str) -> None:
    """Do what the ingest does when a room says that something changed."""
    async with database.transaction() as tx:
        rows = await tx.fetch("UPDATE counters SET value = value + 1 WHERE name = 'rooms' RETURNING value")
        await tx.execute(
            "UPDATE rooms SET status = $1, worst = $2, version = $3 WHERE id = $4",
            status,
            worst,
            rows[0]["value"],
            room,
        )


async def new_page(browser, **options):
    context = await browser.new_context(**options)
    page = await context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    return page


async def signed_in_page(browser, url: str, **options):
    page = await new_page(browser, **options)
    await page.goto(f"{url}/rooms")
    await page.get_by_label("Name").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{url}/rooms")
    return page


async def test_a_room_that_breaks_is_seen_within_two_seconds_and_found_by_keyboard(database):
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url)
        ada = page.locator(".tile", has_text="Ada")
        await expect(ada).to_contain_text("Ready")
        await change(database, "room-00001", "broken", "The camera <b>vanished</b>")
        await expect(ada).to_contain_text("Broken The camera <b>vanished</b>", timeout=2000)
        await page.keyboard.press("/")
        await page.keyboard.type("vanished")
        await expect(page.locator(".tile")).to_have_count(1)
        await expect(page).to_have_url(f"{url}/rooms?search=vanished")
        await page.get_by_role("button", name="Ready").click()
        await expect(page.get_by_text("No room fits.")).to_be_visible()
        await page.get_by_role("button", name="Show all").click()
        first, second = page.locator(".tile").nth(0), page.locator(".tile").nth(1)
        await first.focus()
        await page.keyboard.press("ArrowRight")
        await expect(second).to_be_focused()
        await page.keyboard.press("Home")
        await expect(first).to_be_focused()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/rooms/room-00001")
        assert page.complaints == []


async def test_rooms_that_run_an_older_version_are_found(database):
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url)
        await page.get_by_label("Version").select_option("Older than 0.2.0")
        await expect(page).to_have_url(f"{url}/rooms?version=older")
        await expect(page.locator(".tile")).to_have_count(5)
        await expect(page.locator(".tile", has_text="0.1.9")).to_have_count(5)
        # the table has what the page shows, also of two words in any order
        await page.get_by_label("Site").select_option("Lisbon")
        await page.get_by_placeholder("Search rooms").fill("0.1.9 lis")
        shown = await page.locator(".tile b").all_inner_texts()
        async with page.expect_download() as download:
            await page.get_by_role("link", name="CSV").click()
        table = csv.DictReader((await (await download.value).path()).read_text().splitlines())
        assert sorted(row["name"] for row in table) == sorted(shown) != []
        await page.goto(f"{url}/rooms?version=older")
        await page.reload()
        await expect(page.locator("#count")).to_have_text("5 of 40")
        async with database.transaction() as tx:
            await tx.execute("UPDATE rooms SET sw = '0.2.0' WHERE sw = '0.1.9'")
        await change(database, "room-00006", "ready", "")
        await expect(page.locator("#count")).to_have_text("4 of 40")
        assert page.complaints == []


async def test_a_phone_shows_rooms_first_and_its_filters_when_asked(database):
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url, viewport={"width": 390, "height": 844})
        first = page.locator(".tile").first
        await expect(first).to_be_visible()
        assert (await first.bounding_box())["y"] < 844 / 3
        await expect(page.get_by_label("Order")).to_be_hidden()
        await page.get_by_role("button", name="Filter").click()
        await page.get_by_label("Order").select_option("worst")
        await expect(first).to_contain_text("Broken")


async def test_a_wall_screen_has_large_letters_and_the_whole_fleet(database):
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url, viewport={"width": 3840, "height": 2160})
        await expect(page.locator(".tile")).to_have_count(40)
        assert await page.evaluate("document.documentElement.scrollHeight") <= 2160
        # on 1.4 m of width capital letters are 8 mm tall: seen from four metres with normal eyes
        name = page.locator(".tile b").first
        assert await name.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") >= 29
        clipped = "(tiles) => tiles.filter((one) => one.scrollHeight > one.clientHeight + 1).length"
        assert await page.locator(".tile").evaluate_all(clipped) == 0


async def test_a_rooms_page_follows_the_room(database):
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url)
        async with page.expect_response("**/live"):
            await page.goto(f"{url}/rooms/room-00001")
        await expect(page.locator(".verdict")).to_contain_text("Ready")
        await expect(page.locator(".plots")).to_contain_text("Nothing was measured")
        await change(database, "room-00001", "warning", "hot")
        await expect(page.locator(".verdict")).to_contain_text("Warning", timeout=2000)
        await page.goto(f"{url}/rooms/room-00002")
        await expect(page.locator(".plot")).to_have_count(6)
        await page.get_by_role("button", name="30 d").click()
        await expect(page.get_by_role("button", name="30 d")).to_have_attribute("aria-pressed", "true")
        await expect(page.locator(".plot")).to_have_count(6)
        # the console's own font, under the policy and with no internet
        loaded = "document.fonts.ready.then((fonts) => [...fonts].filter((one) => one.status === 'loaded').length)"
        assert await page.evaluate(loaded) > 0
        assert page.complaints == []


async def test_a_console_that_went_away_is_said_and_comes_back(database):
    app = console_app(database)
    async with chromium() as browser:
        async with serving(app) as url:
            page = await signed_in_page(browser, url)
            await expect(page.locator(".tile").first).to_be_visible()
        await expect(page.locator("#lost")).to_be_visible(timeout=15_000)
        assert "ERR_" in "".join(page.complaints)


async def faults_on(page, path: str) -> list[str]:
    """Return what axe, its width and the browser hold against the page that is open."""
    # axe is put into the page by the debugger, past the policy that keeps scripts out
    found = (await Axe().run(page)).response["violations"]
    faults = [f"{fault['id']} at {fault['nodes'][0]['html'][:200]}" for fault in found if fault["impact"] in SERIOUS]
    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append(f"scrolls sideways at {page.viewport_size}")
    # the browser itself says so when a page answers 404, as some here do
    faults += [words for words in page.complaints if "404" not in words]
    page.complaints.clear()
    return [f"{path}: {fault}" for fault in faults]


async def look_at_all(browser, url: str, secret: str, **options) -> list[str]:
    """Look at each page, as a stranger where it is for strangers."""
    faults, paths = [], list(pages_of(secret))
    strange = [path for path in paths if path.startswith(FOR_STRANGERS)]
    stranger, page = await new_page(browser, **options), await signed_in_page(browser, url, **options)
    for path in [*strange, "/welcome/used"]:
        await stranger.goto(url + path)
        faults += await faults_on(stranger, path)
    for path in [path for path in paths if path not in strange]:
        await page.goto(url + path)
        await page.locator("h1, .tile").first.wait_for()
        faults += await faults_on(page, path)
    await page.goto(f"{url}/settings?scope=org")
    await page.get_by_role("button", name="See which rooms change").click()
    faults += await faults_on(page, "the preview")
    for one in (stranger, page):
        await one.context.close()
    return faults


@pytest.mark.timeout(300)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1920, 1080), (390, 844)])
async def test_no_page_has_a_serious_accessibility_fault(database, theme, size):
    await furnish(database)
    app = console_app(database)
    link = await app.state.console.accounts.first_admin_link("", by="test")
    options = {"color_scheme": theme, "viewport": dict(zip(("width", "height"), size, strict=True))}
    async with serving(app) as url, chromium() as browser:
        assert await look_at_all(browser, url, link.rpartition("/")[2], **options) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_of_an_empty_console_has_one_either(tmp_path, theme):
    database = await open_database(f"sqlite:{tmp_path}/fleet.db")
    await bring_up_to_date(database)
    await add_person(database, "ada")
    async with serving(console_app(database)) as url, chromium() as browser:
        page, faults = await signed_in_page(browser, url, color_scheme=theme), []
        for path in ("/rooms", "/alerts", "/alerts?state=resolved", "/alerts/rules", "/jobs", "/settings", "/use"):
            await page.goto(url + path)
            await expect(page.locator(".nothing:visible, .empty:visible").first).to_be_visible()
            faults += await faults_on(page, path)
    assert faults == []
    await database.close()


async def test_ten_thousand_rooms_are_there_to_be_filtered(tmp_path):
    database = await fleet_of(tmp_path, 10_000)
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url, viewport={"width": 1920, "height": 1080})
        await expect(page.locator("#count")).to_have_text("10000")
        broken = page.get_by_role("button", name="Broken")
        number = int(await broken.locator("b").inner_text())
        await broken.click()
        await expect(page.locator("#count")).to_have_text(f"{number} of 10000")
        assert await page.locator(".tile").count() < 400
        await page.locator(".tile").first.focus()
        await page.keyboard.press("End")
        last = page.locator(".tile:focus")
        await expect(last).to_be_in_viewport()
        await expect(last).to_contain_text("Broken")
        await change(database, "room-00001", "broken", "x")
        await expect(page.locator("#count")).to_have_text(f"{number + 1} of 10000")
        assert page.complaints == []
    await database.close()


async def test_a_job_asks_only_for_what_its_kind_needs(database):
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url)
        await page.goto(f"{url}/jobs/new?scopes=room-00001")
        await expect(page.get_by_label("Version")).to_be_hidden()
        await page.get_by_label("What").select_option("Update Salon")
        await expect(page.get_by_label("Key of the meeting")).to_be_hidden()
        await page.get_by_label("Version").fill("0.3.0")
        await page.get_by_label("Where it is got").fill("https://example.org/salon")
        await page.get_by_role("button", name="Run").click()
        await expect(page.locator("h1")).to_have_text("Update Salon")
        await expect(page.locator("main")).to_contain_text('{"version": "0.3.0", "url": "https://example.org/salon"}')
        assert page.complaints == []


async def test_the_keyboard_skips_the_navigation_and_sees_where_it_is(database):
    async with serving(console_app(database)) as url, chromium() as browser:
        page = await signed_in_page(browser, url)
        await page.goto(f"{url}/jobs")
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        first = page.get_by_role("link", name="New job")
        await expect(first).to_be_focused()
        assert await first.evaluate("(one) => getComputedStyle(one).outlineWidth") == "3px"
        # Escape closes a menu, and the keyboard is where it was
        await page.goto(f"{url}/rooms")
        views = page.get_by_text("Views", exact=True)
        await views.press("Enter")
        await page.get_by_label("Save this view as").press("Escape")
        await expect(views).to_be_focused()
        await expect(page.get_by_label("Save this view as")).to_be_hidden()
