"""The service's page in a real browser."""

import base64
import io
import itertools
import zipfile
from pathlib import Path

import pytest
import requests
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from analogy.method.points_file import read_points
from analogy.parameters import APPLICATIONS
from analogy.service.worker import Worker
from tests.analogy.browser import (
    a_browser,
    contrast,
    emulate,
    find,
    find_all,
    luminance,
    needs_browser,
)
from tests.analogy.service.serving import CUP, LARGE, PAIR, PATIENCE, black, served

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
    # Each before its original, and the originals.
    until(browser, lambda: widths(browser, "#pictures img") == [48, 48, 56, 56])
    until(browser, lambda: widths(browser, "#originals img") == [48, 56])
    results = [image.get_attribute("alt") for image in find_all(browser, "#pictures .after img")]
    assert results == [
        "Your picture in the look of the style picture (A′)",
        "Style picture in the look of yours (B)",
    ]
    saved = find_all(browser, "#pictures a[download]")
    assert [link.get_attribute("download") for link in saved] == [
        "photo__cup_a_prime.png",
        "photo__cup_b.png",
    ]

    # What was done is there again when the page is loaded anew.
    open_page(browser, service)
    until(browser, lambda: widths(browser, "#pictures img") == [48, 48, 56, 56])

    browser.get(find(browser, "#report").get_attribute("href"))
    until(browser, lambda: find_all(browser, "html[data-ready]"))
    assert "--preset style2style --max-side 40" in find(browser, "#command").text


def run_pair(browser, folder, preset="default"):
    """Have the small pair transferred, and wait for its results."""
    choose(browser, PAIR, folder)
    find(browser, f"[value={preset}]").send_keys(Keys.SPACE)
    set_longest_side(browser, "40")
    start(browser)
    until(browser, lambda: state(browser).startswith("Done in "))


def test_files_are_explained_and_come_in_one(browser, tmp_path):
    run_pair(browser, tmp_path)

    everything = find(browser, "#all")
    assert everything.get_attribute("download") == "photo__cup_all.zip"
    answer = requests.get(everything.get_attribute("href"))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = [Path(name).name for name in archive.namelist()]
    find(browser, ".each summary").click()
    assert [link.text for link in find_all(browser, "#files a")] == names
    told = [text.text for text in find_all(browser, "#files dd")]
    assert all(told)
    assert (
        "Which place of the style picture each pixel of yours" in told[names.index("flow_ab.npy")]
    )


def test_result_is_dragged_over_its_original_and_enlarged_by_a_click(browser, tmp_path):
    run_pair(browser, tmp_path)
    slider = find(browser, "#pictures .compare input")
    ActionChains(browser).move_to_element(slider).click_and_hold().move_by_offset(
        -slider.size["width"] // 4, 0
    ).release().perform()
    moved = int(slider.get_attribute("value"))
    assert 15 < moved < 35
    assert find(browser, "#pictures .compare").get_attribute("style") == f"--split: {moved}%;"
    assert not find(browser, "#large").is_displayed()

    ActionChains(browser).move_to_element(slider).click().perform()
    assert find(browser, "#large").is_displayed()
    assert slider.get_attribute("value") == str(moved)
    until(browser, lambda: widths(browser, "#large img") == [48, 48])
    enlarged = find(browser, "#large .compare")
    window = browser.execute_script("return innerHeight")
    # As large as the window lets it be, but for a line of words.
    until(browser, lambda: enlarged.size["height"] > 0.8 * window)
    assert enlarged.size["width"] > slider.size["width"]
    shown = browser.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "return box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;",
        enlarged,
    )
    assert shown
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert not find(browser, "#large").is_displayed()

    # The same by the keyboard, and of an original.
    find_all(browser, "#originals button")[1].send_keys(Keys.ENTER)
    until(browser, lambda: widths(browser, "#large img") == [56])
    find(browser, "#large-close").click()
    assert not find(browser, "#large").is_displayed()


def test_refined_photographs_come_first(browser, tmp_path):
    run_pair(browser, tmp_path, "photo2photo")

    names = [
        link.get_attribute("download").removeprefix("photo__cup_")
        for link in find_all(browser, "#pictures a[download]")
    ]
    assert names == ["a_prime_refined.png", "b_refined.png", "a_prime.png", "b.png"]
    browser.get(find(browser, "#report").get_attribute("href"))
    until(browser, lambda: widths(browser, "[data-image=a_prime_refined]") == [48])


def test_sample_pair_is_there_to_start_with(browser):
    emulate(browser, "light", 1280, 800)
    assert is_in_view(browser, "#start")
    find(browser, "#sample").click()
    until(browser, lambda: widths(browser, ".preview img") == [680, 397])
    assert find(browser, "[value=photo2style]").is_selected()
    until(browser, lambda: browser.switch_to.active_element.get_attribute("id") == "start")
    # Still without scrolling, as are all applications with their pictures.
    assert is_in_view(browser, "#start")
    assert all(is_in_view(browser, f"[value={preset}]") for preset in APPLICATIONS)
    assert widths(browser, ".choice img") == [400] * len(APPLICATIONS)

    start(browser)
    until(browser, lambda: state(browser).startswith("Running: "))
    assert find(browser, "#job-title").text == "castle.jpg and church.jpg"
    assert is_in_view(browser, "#progress")
    find(browser, "#cancel").click()
    until(browser, lambda: state(browser) == "Cancelled.")
    emulate(browser, "light", 1280)


def is_in_view(browser, selector):
    return browser.execute_script(
        "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
        "return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;",
        selector,
    )


def test_picture_so_far_is_shown_in_plain_words_with_the_time_left(browser, service, tmp_path):
    choose(browser, LARGE, tmp_path)
    start(browser)
    words = "belongs to", "looks in the style"
    until(browser, lambda: any(each in state(browser) for each in words))
    until(browser, lambda: widths(browser, "#so-far")[0] > 48)
    assert find(browser, "#so-far").is_displayed()
    until(browser, lambda: find(browser, "#left").text.endswith(" left"))
    find(browser, "#cancel").click()
    until(browser, lambda: state(browser) == "Cancelled.")
    assert not find(browser, "#running").is_displayed()


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
    until(browser, lambda: problem(browser) == "Choose two pictures first.")

    choose(browser, PAIR, tmp_path)
    assert problem(browser) == ""


def problem(browser):
    return find(browser, "#problem").text


def wrong(browser, key="a"):
    return find(browser, f"#{key}-wrong").text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("text.png", b"text", "text.png: not an image"),
        ("empty.png", b"", "empty.png is empty"),
        ("small.png", black(31, 40), "small.png: 40 x 31 px is too small"),
        ("large.png", black(1000, 1001), "large.png: 1001 x 1000 px are more than"),
        ("heavy.png", bytes(1_200_000), "heavy.png has 1.2 MB; 1 MB are taken, of both together."),
    ],
)
def test_wrong_file_is_said_when_it_is_chosen(browser, tmp_path, name, content, says):
    choose(browser, PAIR | {"a": (name, content)}, tmp_path)
    until(browser, lambda: wrong(browser).startswith(says))
    assert wrong(browser, "b_prime") == ""
    start(browser)
    until(browser, lambda: problem(browser) == "Choose another picture first.")

    # It goes with the file, and so does what was said of Start.
    choose(browser, {"a": PAIR["a"]}, tmp_path)
    until(browser, lambda: wrong(browser) == problem(browser) == "")
    # The browser reports the answer 422, too.
    assert {entry["level"] for entry in browser.get_log("browser")} <= {"SEVERE"}


def test_files_that_are_too_large_together_are_said_so(browser, tmp_path):
    # Noise behind the picture, which readers pass over.
    heavy = {key: (name, content + bytes(600_000)) for key, (name, content) in PAIR.items()}
    choose(browser, {"a": heavy["a"]}, tmp_path)
    assert problem(browser) == ""
    choose(browser, {"b_prime": heavy["b_prime"]}, tmp_path)
    until(browser, lambda: problem(browser) == "The files have 1.2 MB; 1 MB are taken.")
    choose(browser, {"b_prime": ("light.png", CUP)}, tmp_path)
    until(browser, lambda: problem(browser) == "")


def test_file_that_has_gone_since_it_was_chosen_is_named(browser, tmp_path):
    choose(browser, PAIR, tmp_path)
    until(browser, lambda: widths(browser, ".preview img") == [48, 56])
    (tmp_path / "cup.png").unlink()
    start(browser)
    said = "cup.png cannot be read any more; choose it again."
    until(browser, lambda: problem(browser) == said)


def test_full_queue_is_said_until_there_is_room(browser, service, tmp_path):
    choose(browser, LARGE, tmp_path)
    start(browser)
    until(browser, lambda: state(browser).startswith("Running: "))
    others = [service.submit() for _ in range(2)]
    start(browser)
    until(browser, lambda: problem(browser) == "2 jobs are waiting already; try again later")
    find(browser, "#cancel").click()
    until(browser, lambda: problem(browser) == "")

    for other in others:
        service.cancel(other)
    # The browser reports the answer 503, too.
    assert [entry["level"] for entry in browser.get_log("browser")] == ["SEVERE"]


def listed(browser):
    return len(find_all(browser, "#jobs button"))


def test_two_tabs_see_the_same_jobs_and_lose_none(browser, service, tmp_path):
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    open_page(browser, service)
    second = browser.current_window_handle
    # Either adds one while the other is open, neither knowing of the other's.
    for count, tab in enumerate((first, second, first), 1):
        browser.switch_to.window(tab)
        choose(browser, PAIR, tmp_path)
        find(browser, "#max-side").get_attribute("value") or set_longest_side(browser, "40")
        start(browser)
        until(browser, lambda count=count: listed(browser) == count)
        until(browser, lambda: state(browser).startswith("Done in "))
    for tab in (second, first):
        browser.switch_to.window(tab)
        until(browser, lambda: listed(browser) == 3)
        open_page(browser, service)
        assert listed(browser) == 3
    browser.switch_to.window(second)
    browser.close()
    browser.switch_to.window(first)


def test_service_that_has_gone_is_said_to_be_gone_until_it_is_back(chromium, tmp_path):
    (tmp_path / "jobs").mkdir()
    with served(tmp_path / "jobs", Worker()) as service:
        open_page(chromium, service)
        assert not find(chromium, "#gone").is_displayed()
    port = int(service.url.rpartition(":")[2])
    # It is noticed without anything being done, and what is done says nothing else.
    until(chromium, lambda: find(chromium, "#gone").is_displayed())
    choose(chromium, PAIR, tmp_path)
    start(chromium)
    until(chromium, lambda: find(chromium, "#start").is_enabled())
    assert problem(chromium) == ""

    with served(tmp_path / "jobs", port=port) as service:
        until(chromium, lambda: not find(chromium, "#gone").is_displayed())
        # The page goes on, with the files that were chosen.
        set_longest_side(chromium, "40")
        start(chromium)
        until(chromium, lambda: state(chromium).startswith("Running: "))
    until(chromium, lambda: find(chromium, "#gone").is_displayed())
    with served(tmp_path / "jobs", Worker(), port=port):
        # A service that was started anew knows nothing of what was before.
        until(chromium, lambda: state(chromium).startswith("Removed, "))
        assert not find(chromium, "#gone").is_displayed()
    chromium.get_log("browser")


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
    assert sum("Your picture" in name for name in names["button"]) == 1
    levels = [heading.tag_name for heading in find_all(browser, "h1, h2, h3")]
    assert all(int(after[1]) - int(before[1]) <= 1 for before, after in itertools.pairwise(levels))


def test_images_can_be_chosen_by_the_keyboard(browser):
    reached = []
    for _ in range(8):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.append(browser.switch_to.active_element.get_attribute("name"))
    assert [name for name in reached if name][:3] == ["a", "b_prime", "preset"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 1280])
def test_text_is_readable_in_every_scheme_and_width(browser, service, scheme, width):
    emulate(browser, scheme, width)
    open_page(browser, service)
    start(browser)

    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ground = luminance(browser, "body", "background-color")
    assert (ground < 0.1) == (scheme == "dark")
    card = luminance(browser, ".zone", "background-color")
    for selector, behind in (
        ("h1", ground),
        (".lead", ground),
        ("#problem", ground),
        (".hint", ground),
        (".note", card),
        (".letter", card),
        (".sample strong", card),
        (".choice .note", card),
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
    until(browser, lambda: widths(browser, "#pictures img") == [48, 48, 56, 56])
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
