import pytest

from analogy.errors import AnalogyError
from analogy.evaluation.pairs import find_image, find_pairs


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def test_pairs_are_found_by_name(tmp_path):
    touch(tmp_path, "two_A.jpg", "two_B.WEBP", "one_A.png", "one_B.png")
    touch(tmp_path, "alone_A.png", "other.png", "_A.png", "_B.png", "text_A.txt", "text_B.png")

    assert list(find_pairs(tmp_path).items()) == [
        ("one", (tmp_path / "one_A.png", tmp_path / "one_B.png")),
        ("two", (tmp_path / "two_A.jpg", tmp_path / "two_B.WEBP")),
    ]


def test_files_that_are_no_images_do_not_count(tmp_path):
    touch(
        tmp_path, "one_A.json", "one_A.png", "one_A.txt", "one_B.png", "one_B.xcf~", "one_A.1.png"
    )

    assert find_pairs(tmp_path)["one"] == (tmp_path / "one_A.png", tmp_path / "one_B.png")
    assert find_image(tmp_path, "one_C") is None


def test_names_may_hold_what_patterns_are_made_of(tmp_path):
    touch(tmp_path, "[12]_A.png", "[12]_B.png", "1_A.png", "*_A.png")

    assert list(find_pairs(tmp_path)) == ["[12]"]


def test_two_images_of_one_name_are_named(tmp_path):
    touch(tmp_path, "one_A.png", "one_B.jpg", "one_B.png")

    with pytest.raises(AnalogyError, match=r"one_B\.jpg and one_B\.png are both the image one_B"):
        find_pairs(tmp_path)


@pytest.mark.parametrize("folder", [".", "absent"])
def test_a_folder_without_pairs_is_named(tmp_path, folder):
    with pytest.raises(AnalogyError, match=r"holds no pairs of images; name them <pair>_A\.png"):
        find_pairs(tmp_path / folder)
