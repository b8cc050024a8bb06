import pytest

from analogy.report.command import with_points


@pytest.mark.parametrize(
    "command",
    [
        "analogy run a.png b.png --seed 3",
        "analogy run a.png b.png --points old.csv --seed 3",
        "analogy run a.png b.png --seed 3 --points 'of mine.csv'",
    ],
)
def test_points_are_those_that_are_saved(command):
    assert with_points(command) == "analogy run a.png b.png --seed 3 --points points.csv"


def test_names_stay_quoted():
    quoted = "analogy run 'my photo.png' '$b.png'"

    assert with_points(quoted) == f"{quoted} --points points.csv"
