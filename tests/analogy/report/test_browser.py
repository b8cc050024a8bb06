"""The page of a run in a real browser."""

import itertools
import json

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from analogy.report.page import write_report
from tests.analogy.browser import (
    a_browser,
    contrast,
    emulate,
    find,
    find_all,
    luminance,
    needs_browser,
)
from tests.analogy.runs import small_run

pytestmark = needs_browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Where a run's report lies."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    run = small_run()
    write_report(path, run.a, run.b_prime, run.result, run.pictures, run.record())
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with a_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def browser(chromium, page):
    """The browser with the page open and its script done."""
    open_page(chromium, page)
    yield chromium
    chromium.get("about:blank")
    assert chromium.get_log("browser") == []


def open_page(browser, page):
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(page.as_uri())
    WebDriverWait(browser, 60).until(
        lambda browser: browser.find_elements(By.CSS_SELECTOR, "html[data-ready]")
    )


def box_of(browser, selector):
    """Left, top, width and height in the window, in fractions of its pixels."""
    return np.array(
        browser.execute_script(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [box.left, box.top, box.width, box.height]",
            selector,
        )
    )


def test_nothing_is_asked_of_the_network(browser, page):
    slide(browser, "#level", Keys.HOME)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]

    asked = {
        message["params"]["request"]["url"].partition(",")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert page.as_uri() in asked
    # The blank page that the test before left may be reported late.
    others = asked - {page.as_uri(), "about:blank"}
    assert all(url.startswith("data:image/") for url in others), others


def test_page_is_small(page):
    assert page.stat().st_size < 5_000_000


def test_every_image_has_an_alternative_text_and_content(browser):
    images = browser.find_elements(By.TAG_NAME, "img")

    # Four images, two again to point at and two for points, six of a level, two legends, a plot.
    assert len(images) == 17
    for image in images:
        assert len(image.get_attribute("alt")) > 3
        assert browser.execute_script("return arguments[0].naturalWidth", image) > 0
    assert all(canvas.get_attribute("aria-label") for canvas in find_all(browser, "canvas"))


def test_what_can_be_used_has_a_role_and_a_name(browser):
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = {}
    for node in nodes:
        if not node["ignored"]:
            name = node.get("name", {}).get("value", "")
            names.setdefault(node["role"]["value"], []).append(name)

    assert len(names["slider"]) == 3
    assert names["application"] == ["A: photo.png", "B′: cup.png"]
    buttons = ["Add a point", "Copy", "Copy the command with points", "Load points", "Save points"]
    assert sorted(names["button"]) == buttons
    for role in ("slider", "image", "link", "heading", "table"):
        assert names[role]
        assert all(names[role]), role
    levels = [element.tag_name for element in find_all(browser, "h1, h2, h3")]
    assert levels[0] == "h1"
    assert all(int(after[1]) - int(before[1]) <= 1 for before, after in itertools.pairwise(levels))


def slide(browser, selector, *keys):
    find(browser, selector).send_keys(*keys)


@pytest.mark.parametrize("place", [1, 2])
def test_slider_moves_by_the_keyboard_and_uncovers_the_result(browser, place):
    def split():
        inset = find(browser, f"{box} .after").value_of_css_property("clip-path")
        return float(inset.removesuffix("%)").rpartition(" ")[2])

    box = f".pair > :nth-child({place}) .compare"
    slider = find(browser, f"{box} input")
    assert split() == 50

    slide(browser, f"{box} input", Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert split() == 48
    assert "48 %" in slider.get_attribute("aria-valuetext")

    slide(browser, f"{box} input", Keys.END)
    assert split() == 100

    assert browser.switch_to.active_element == slider
    handle = browser.execute_script(
        "return getComputedStyle(arguments[0], '::after').outlineStyle",
        find(browser, f"{box} .handle"),
    )
    assert handle == "solid"


def test_slider_follows_the_mouse(browser):
    box = ".pair > :nth-child(1) .compare"
    left, _, width, _ = box_of(browser, box)
    slider = find(browser, f"{box} input")

    ActionChains(browser).move_to_element_with_offset(slider, int(width / 4), 0).click().perform()

    handle = box_of(browser, f"{box} .handle")
    assert handle[0] + handle[2] / 2 == pytest.approx(left + 0.75 * width, abs=0.01 * width)


def test_level_slider_swaps_the_pictures(browser):
    def shown():
        images = find_all(browser, ".three img")
        return [(image.get_attribute("src"), image.get_attribute("alt")) for image in images]

    seen = [shown()]
    for level in (2, 3, 4, 5):
        slide(browser, "#level", Keys.ARROW_LEFT)
        seen.append(shown())
        assert all(f"level {level}" in alt for _, alt in seen[-1])
        assert f"Level {level}" in find(browser, "#level-text").text
        assert find(browser, "#level").get_attribute("aria-valuetext") == f"level {level}"

    for one, other in itertools.combinations(seen, 2):
        for (source, _), (other_source, _) in zip(one, other, strict=True):
            assert source != other_source


PICKERS = {
    "a": ("#picker-a", "#picker-b_prime", (72, 64), (48, 70)),
    "b_prime": ("#picker-b_prime", "#picker-a", (48, 70), (72, 64)),
}


def flow_of(key):
    result = small_run().result
    return result.flow_ab if key == "a" else result.flow_ba


def move_to(browser, picker, y, x, shape):
    """The mouse over the middle of a pixel, but for the rounding to a pixel of the window."""
    _, _, width, height = box_of(browser, picker)
    right = (x + 0.5) / shape[1] * width - width / 2
    down = (y + 0.5) / shape[0] * height - height / 2
    # Pixels of the images are several of the window's, so that the rounding stays inside.
    assert width > 4 * shape[1]
    element = find(browser, picker)
    return ActionChains(browser).move_to_element_with_offset(element, round(right), round(down))


def marked(browser, picker, shape):
    """Place, (y, x) in pixels of the image, in the middle of a picker's marker."""
    left, top, width, height = box_of(browser, f"{picker} img")
    marker = box_of(browser, f"{picker} .marker")
    x, y = marker[:2] + marker[2:] / 2 - (left, top)
    return np.array([y / height * shape[0], x / width * shape[1]]) - 0.5


def assert_marked(browser, key, y, x):
    here, there, shape, other_shape = PICKERS[key]
    dx, dy = flow_of(key)[y, x]
    np.testing.assert_allclose(marked(browser, here, shape), (y, x), atol=0.1)
    np.testing.assert_allclose(marked(browser, there, other_shape), (y + dy, x + dx), atol=0.1)
    assert "source" in find(browser, f"{here} .marker").get_attribute("class")
    assert "match" in find(browser, f"{there} .marker").get_attribute("class")
    text = find(browser, "#match").text
    assert f"({x}, {y})" in text
    assert f"({x + dx:.0f}, {y + dy:.0f})" in text


@pytest.mark.parametrize(
    ("key", "y", "x"),
    [("a", 0, 0), ("a", 20, 41), ("a", 71, 63), ("b_prime", 30, 5), ("b_prime", 47, 69)],
)
def test_click_marks_the_match_that_the_flow_has(browser, key, y, x):
    here, _, shape, _ = PICKERS[key]

    move_to(browser, here, y, x, shape).click().perform()

    assert_marked(browser, key, y, x)


def test_pointing_moves_the_match_until_a_click_holds_it(browser):
    here, _, shape, _ = PICKERS["a"]
    move_to(browser, here, 10, 12, shape).perform()
    assert_marked(browser, "a", 10, 12)

    move_to(browser, here, 50, 30, shape).click().perform()
    move_to(browser, here, 10, 12, shape).perform()
    assert_marked(browser, "a", 50, 30)

    slide(browser, here, Keys.ESCAPE)
    move_to(browser, here, 11, 13, shape).perform()
    assert_marked(browser, "a", 11, 13)


def test_arrow_keys_move_the_point(browser):
    here, _, shape, _ = PICKERS["a"]
    move_to(browser, here, 30, 30, shape).click().perform()

    slide(browser, here, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert_marked(browser, "a", 32, 31)
    slide(browser, here, Keys.SHIFT, Keys.ARROW_UP, Keys.ARROW_LEFT, Keys.NULL)
    assert_marked(browser, "a", 22, 21)

    # In the other image the keys go on from the mark that is there.
    y, x = np.rint(marked(browser, "#picker-b_prime", (48, 70))).astype(int)
    slide(browser, "#picker-b_prime", Keys.ARROW_LEFT if x else Keys.ARROW_RIGHT)
    assert_marked(browser, "b_prime", y, x - 1 if x else x + 1)


def test_patches_show_the_point_and_its_match_in_all_four_images(browser):
    run = small_run()
    here, _, shape, _ = PICKERS["a"]
    y, x = 36, 30
    move_to(browser, here, y, x, shape).click().perform()
    dx, dy = run.result.flow_ab[y, x].astype(int)

    images = {"a": run.a, "a_prime": run.result.a_prime, "b": run.result.b, "b_prime": run.b_prime}
    for key, image in images.items():
        place = (y, x) if key in ("a", "a_prime") else (y + dy, x + dx)
        middle = browser.execute_script(
            "const canvas = document.getElementById(arguments[0]);"
            "const context = canvas.getContext('2d');"
            "return [...context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]",
            f"patch-{key}",
        )
        # JPEG changes fine detail of so small an image.
        expected = image[place].astype(int)
        np.testing.assert_allclose(middle, [*expected, 255], atol=40)


def test_command_can_be_copied(browser):
    find(browser, "#copy").click()

    WebDriverWait(browser, 10).until(lambda browser: find(browser, "#copied").text)
    said = find(browser, "#copied").text
    selected = browser.execute_script("return String(getSelection())")
    assert said == "Copied." or selected.strip() == "analogy run photo.png cup.png"


def test_points_are_set_without_a_server(browser, page, tmp_path):
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    for side, key, y, x in (("a", "a", 20, 41), ("b", "b_prime", 30, 5)):
        _, _, shape, _ = PICKERS[key]
        move_to(browser, f".points-image[data-side={side}]", y, x, shape).click().perform()

    assert find(browser, ".points-list li span").text == "A (41, 20) is B′ (5, 30)"
    save = find_all(browser, ".points-actions button")[1]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", save)
    save.click()
    saved = tmp_path / "points.csv"
    WebDriverWait(browser, 30).until(lambda _: saved.exists() and saved.stat().st_size > 20)
    assert saved.read_text() == "ax,ay,bx,by\n41,20,5,30\n"
    command = "analogy run photo.png cup.png --points points.csv"
    assert find(browser, "#points-command").text == command


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_text_is_readable_in_every_scheme_and_width(browser, page, scheme, width):
    emulate(browser, scheme, width)
    open_page(browser, page)

    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    background = luminance(browser, "body", "background-color")
    assert (background < 0.1) == (scheme == "dark")
    card = luminance(browser, ".command", "background-color")
    # WCAG 2 asks for 4.5 of text.
    for selector, ground in (
        ("h1", background),
        (".lead", background),
        (".product", background),
        ("figcaption", card),
        (".note", card),
        ("caption", card),
        ("code", card),
        ("button", luminance(browser, "button", "background-color")),
    ):
        assert contrast(luminance(browser, selector, "color"), ground) >= 4.5, selector
    emulate(browser, "light", 1280)
