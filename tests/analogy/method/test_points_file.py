import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.method.points_file import read_points


def write(folder, text, encoding="utf-8"):
    path = folder / "points.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "1, 2, 3, 4\n5,6.5,7,8\n",
        "ax,ay,bx,by\n1,2,3,4\n5,6.5,7,8",
        "# what is what\nAX, AY, BX, BY\r\n\r\n1,2,3,4 # the nose\r\n5,6.5,7,8\r\n",
        '\ufeff"1","2","3","4"\n5,6.5,7,8\n',
    ],
)
def test_points_are_read(tmp_path, text):
    found = read_points(write(tmp_path, text))

    np.testing.assert_array_equal(found.positions, [[1, 2, 3, 4], [5, 6.5, 7, 8]])


def test_points_are_named_by_their_lines(tmp_path):
    path = write(tmp_path, "ax,ay,bx,by\n\n1,2,3,4\n# none\n5,6,7,8\n")

    assert read_points(path).names == (f"{path}: line 3", f"{path}: line 5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4\n5,6,7\n", "line 2: has 3 columns"),
        ("1,2,3,4,5\n", "line 1: has 5 columns"),
        ("1;2;3;4\n", "line 1: has 1 columns"),
        ("x,y,u,v\n1,2,3,4\n", "line 1: ax is 'x', no number"),
        ("bx,by,ax,ay\n1,2,3,4\n", "line 1: ax is 'bx', no number"),
        ("1,2,3,4\nax,ay,bx,by\n", "line 2: ax is 'ax', no number"),
        ("1,2,,4\n", "line 1: bx is empty, no number"),
        ("1,2,nan,4\n", "line 1: bx is 'nan', no number"),
        ("1,2,3,inf\n", "line 1: by is 'inf', no number"),
        ('1,2,3,"4\n', "line 1: no CSV"),
        ("ax,ay,bx,by\n# none\n", "holds no points"),
        ("", "holds no points"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(tmp_path, text, message):
    path = write(tmp_path, text)

    with pytest.raises(AnalogyError) as raised:
        read_points(path)

    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(AnalogyError, match="No such file"):
        read_points(tmp_path / "none.csv")
    with pytest.raises(AnalogyError, match="no text in UTF-8"):
        read_points(write(tmp_path, "1,2,3,4 # é", "latin-1"))
    with pytest.raises(AnalogyError, match="directory"):
        read_points(tmp_path)
