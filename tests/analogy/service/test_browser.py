"""The service's page in a real browser."""

import base64
import itertools

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from analogy.method.points_file import read_points
from tests.analogy.browser import (
    a_browser,
    contrast,
    emulate,
    find,
    find_all,
    luminance,
    needs_browser,
)
from tests.analogy.service.serving import LARGE, PAIR, PATIENCE

pytestmark = needs_browser


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with a_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def browser(chromium, service):
    """The browser with the page open, no jobs of its own remembered."""
    # Its page would write to the storage that is to be emptied.
    chromium.get("about:blank")
    storage = {"origin": service.url, "storageTypes": "local_storage"}
    chromium.execute_cdp_cmd("Storage.clearDataForOrigin", storage)
    open_page(chromium, service)
    yield chromium
    assert chromium.get_log("browser") == []


def open_page(browser, service):
    browser.get(service.url)
    until(browser, lambda: find_all(browser, "html[data-ready]"))


def until(browser, holds):
    WebDriverWait(browser, PATIENCE, 0.1).until(lambda browser: holds())


def choose(browser, files, folder):
    for key, (name, content) in files.items():
        (folder / name).write_bytes(content)
        find(browser, f"input[name={key}]").send_keys(str(folder / name))


def drop(browser, key, name, content):
    """Drop a file on a zone as a browser does; the system's pointer cannot be had here."""
    browser.execute_script(
        "const [zone, name, content] = arguments;"
        "const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));"
        "const dataTransfer = new DataTransfer();"
        "dataTransfer.items.add(new File([bytes], name, { type: 'image/png' }));"
        "const how = { bubbles: true, cancelable: true, dataTransfer };"
        "zone.dispatchEvent(new DragEvent('dragover', how));"
        "zone.dispatchEvent(new DragEvent('drop', how));",
        find(browser, f".drop[data-key={key}]"),
        name,
        base64.b64encode(content).decode(),
    )


def set_longest_side(browser, side):
    find(browser, "summary").click()
    find(browser, "#max-side").send_keys(side)


def start(browser):
    find(browser, "#start").send_keys(Keys.ENTER)


def state(browser):
    return find(browser, "#state").text


def widths(browser, selector):
    return [
        browser.execute_script("return arguments[0].naturalWidth", image)
        for image in find_all(browser, selector)
    ]


def test_two_images_are_dropped_and_their_results_seen(browser, service):
    for key, (name, content) in PAIR.items():
        drop(browser, key, name, content)
    until(browser, lambda: widths(browser, ".preview img") == [48, 56])
    assert find(browser, "#a-chosen").text == "photo.png, 48 × 48 px"
    find(browser, "[value=style2style]").send_keys(Keys.SPACE)
    set_longest_side(browser, "40")
    start(browser)
    until(browser, lambda: state(browser).startswith(("Running", "Done")))
    until(browser, lambda: state(browser).startswith("Done in "))

    assert find(browser, "#job-title").text == "photo.png and cup.png"
    assert not find(browser, "#running").is_displayed()
    until(browser, lambda: widths(browser, "#pictures img") == [48, 56, 48, 56])
    alternatives = [image.get_attribute("alt") for image in find_all(browser, "#pictures img")]
    assert alternatives[:2] == ["A′: A in the look of B′", "B: B′ in the look of A"]
    saved = find_all(browser, "#pictures a[download]")
    assert [link.get_attribute("download") for link in saved] == [
        "photo__cup_a_prime.png",
        "photo__cup_b.png",
    ]
    assert [link.text for link in find_all(browser, "#files a")][-1] == "report.json"

    # What was done is there again when the page is loaded anew.
    open_page(browser, service)
    until(browser, lambda: widths(browser, "#pictures img") == [48, 56, 48, 56])

    browser.get(find(browser, "#report").get_attribute("href"))
    until(browser, lambda: find_all(browser, "html[data-ready]"))
    assert "--preset style2style --max-side 40" in find(browser, "#command").text


def test_running_and_waiting_jobs_are_cancelled(browser, tmp_path):
    choose(browser, LARGE, tmp_path)
    start(browser)
    until(browser, lambda: state(browser).startswith("Running: ") and percent(browser) > 0)
    start(browser)
    until(browser, lambda: state(browser) == "Waiting; 1 before it.")
    find(browser, "#cancel").click()
    until(browser, lambda: state(browser) == "Cancelled.")

    find_all(browser, "#jobs button")[1].click()
    assert state(browser).startswith("Running: ")
    find(browser, "#cancel").click()
    until(browser, lambda: state(browser) == "Cancelled.")
    assert [entry.text.split()[-1] for entry in find_all(browser, "#jobs button")] == [
        "cancelled",
        "cancelled",
    ]


def percent(browser):
    return int(find(browser, "#percent").text.partition(" ")[0])


def test_what_is_wrong_is_said(browser, tmp_path):
    start(browser)
    assert find(browser, "#problem").text == "Choose two images first."

    choose(browser, PAIR | {"a": ("large.png", bytes(10**6))}, tmp_path)
    start(browser)
    assert find(browser, "#problem").text == "The files have 1.0 MB; 1 MB are taken."

    choose(browser, {"a": ("text.png", b"text")}, tmp_path)
    assert find(browser, "[data-key=a] .invitation").text == "No preview of this kind of file"
    start(browser)
    until(browser, lambda: find(browser, "#problem").text.startswith("text.png: not an image"))
    # The browser reports the answer 422, too.
    assert [entry["level"] for entry in browser.get_log("browser")] == ["SEVERE"]


def test_what_can_be_used_has_a_role_and_a_name(browser):
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = {}
    for node in nodes:
        if not node["ignored"]:
            name = node.get("name", {}).get("value", "")
            names.setdefault(node["role"]["value"], []).append(name)

    assert len(names["radio"]) == 5
    for role in ("radio", "combobox", "spinbutton", "button", "heading", "DisclosureTriangle"):
        assert all(names.get(role, [True])), role
    assert sum("Becomes A′" in name for name in names["button"]) == 1
    levels = [heading.tag_name for heading in find_all(browser, "h1, h2, h3")]
    assert all(int(after[1]) - int(before[1]) <= 1 for before, after in itertools.pairwise(levels))


def test_images_can_be_chosen_by_the_keyboard(browser):
    reached = []
    for _ in range(8):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.append(browser.switch_to.active_element.get_attribute("name"))
    assert [name for name in reached if name][:3] == ["a", "b_prime", "preset"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_text_is_readable_in_every_scheme_and_width(browser, service, scheme, width):
    emulate(browser, scheme, width)
    open_page(browser, service)
    start(browser)

    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ground = luminance(browser, "body", "background-color")
    assert (ground < 0.1) == (scheme == "dark")
    card = luminance(browser, ".drop", "background-color")
    for selector, behind in (
        ("h1", ground),
        (".lead", ground),
        ("#problem", ground),
        (".note", card),
        (".invitation", card),
        ("summary", card),
        ("#start", luminance(browser, "#start", "background-color")),
    ):
        # WCAG 2 asks for 4.5 of text.
        assert contrast(luminance(browser, selector, "color"), behind) >= 4.5, selector
    emulate(browser, "light", 1280)


@pytest.fixture
def done(browser, service, tmp_path):
    """The browser with the results of a job, and points to be set in them."""
    choose(browser, PAIR, tmp_path)
    set_longest_side(browser, "40")
    start(browser)
    until(browser, lambda: state(browser).startswith("Done in "))
    until(browser, lambda: len(find_all(browser, ".points-image")) == 2)
    return browser


def click_pixel(browser, side, x, y, size):
    """Click the middle of a pixel of an image of a size, (width, height)."""
    image = find(browser, f".points-image[data-side={side}]")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
    right, down = (
        round((place + 0.5) / extent * length - length / 2)
        for place, extent, length in zip(
            (x, y), size, (image.rect["width"], image.rect["height"]), strict=True
        )
    )
    ActionChains(browser).move_to_element_with_offset(image, right, down).click().perform()


def points(browser):
    return [item.text.partition("\n")[0] for item in find_all(browser, ".points-list li span")]


def test_points_are_clicked_dragged_deleted_and_run_again(done):
    browser, a, b = done, (48, 48), (56, 48)
    assert not find(browser, "#again").is_enabled()
    click_pixel(browser, "a", 10, 12, a)
    assert find(browser, "#points [role=status]").text.startswith("Now click where it belongs in B")
    assert points(browser) == []
    click_pixel(browser, "b", 40, 20, b)
    click_pixel(browser, "a", 30, 30, a)
    click_pixel(browser, "b", 5, 6, b)
    assert points(browser) == ["A (10, 12) is B′ (40, 20)", "A (30, 30) is B′ (5, 6)"]
    markers = find_all(browser, ".points-image[data-side=a] .points-marker")
    assert [marker.text for marker in markers] == ["1", "2"]

    step = find(browser, ".points-image[data-side=a]").rect["width"] / 48
    ActionChains(browser).drag_and_drop_by_offset(markers[1], round(6 * step), 0).perform()
    assert points(browser)[1] == "A (36, 30) is B′ (5, 6)"
    markers[1].send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP)
    assert points(browser)[1] == "A (35, 29) is B′ (5, 6)"
    markers[0].send_keys(Keys.DELETE)
    assert points(browser) == ["A (35, 29) is B′ (5, 6)"]
    assert browser.switch_to.active_element == markers[1]

    find(browser, "#again").click()
    until(browser, lambda: find(browser, "#job-title").text.endswith(", with 1 point"))
    until(browser, lambda: state(browser).startswith("Done in "))
    until(browser, lambda: points(browser) == ["A (35, 29) is B′ (5, 6)"])
    until(browser, lambda: widths(browser, "#pictures img") == [48, 56, 48, 56])
    browser.get(find(browser, "#report").get_attribute("href"))
    until(browser, lambda: find_all(browser, "html[data-ready]"))
    assert points(browser) == ["A (35, 29) is B′ (5, 6)"]
    command = "analogy run photo.png cup.png --max-side 40 --report --points points.csv"
    assert find(browser, "#points-command").text == command


def test_points_are_saved_and_loaded(done, tmp_path):
    browser = done
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    (tmp_path / "mine.csv").write_text("# mine\nax, ay, bx, by\n1,2,3,4  # one\n\n5.5,6,7,8\n")
    load = find(browser, ".points-load input")
    load.send_keys(str(tmp_path / "mine.csv"))
    until(browser, lambda: points(browser) == ["A (1, 2) is B′ (3, 4)", "A (5.5, 6) is B′ (7, 8)"])

    button(browser, "Save points").click()
    saved = tmp_path / "points.csv"
    until(browser, saved.exists)
    expected = [[1, 2, 3, 4], [5.5, 6, 7, 8]]
    until(browser, lambda: saved.stat().st_size > 20)
    assert read_points(saved).positions.tolist() == expected

    (tmp_path / "mine.csv").write_text("1,2,3,4\n1,2,56,4\n")
    load.send_keys(str(tmp_path / "mine.csv"))
    problem = "mine.csv: line 2: (56, 4) is outside B′, which has 56 × 48 px"
    until(browser, lambda: find(browser, ".points-problem").text == problem)
    assert len(points(browser)) == 2


def button(browser, text):
    return next(one for one in find_all(browser, "#points button") if one.text == text)


def test_points_are_set_by_the_keyboard_alone(done):
    browser = done
    button(browser, "Add a point").send_keys(Keys.ENTER)
    marker = browser.switch_to.active_element
    assert marker.get_attribute("aria-label") == "Point 1 in A: (24, 24)"
    marker.send_keys(Keys.SHIFT, Keys.ARROW_LEFT, Keys.NULL)
    marker.send_keys(Keys.ARROW_DOWN)
    assert marker.get_attribute("aria-label") == "Point 1 in A: (14, 25)"
    assert find(browser, "#again").is_enabled()

    marker.send_keys(Keys.BACKSPACE)
    assert points(browser) == []
    assert not find(browser, "#again").is_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_points_fit_a_telephone_and_can_be_read(done, scheme):
    browser = done
    emulate(browser, scheme, 360)
    button(browser, "Add a point").click()

    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    card, ground = (
        luminance(browser, selector, "background-color") for selector in (".points-load", "body")
    )
    assert contrast(luminance(browser, ".points-load", "color"), card) >= 4.5
    assert contrast(luminance(browser, "#points .note", "color"), ground) >= 4.5
    number = luminance(browser, ".points-marker span", "color")
    assert contrast(number, luminance(browser, ".points-marker span", "background-color")) >= 4.5
    emulate(browser, "light", 1280)
