import json
import math

import pytest
from rich.console import Console

from benchmarks.table import Figure, at_least, at_most, table, write_json


@pytest.mark.parametrize(
    ("value", "bar", "verdict"),
    [
        (1.7, at_least(1.7), "holds"),
        (1.69, at_least(1.7), "falls short"),
        (60.0, at_most(60), "holds"),
        (60.1, at_most(60), "falls short"),
        (math.nan, at_least(0), "falls short"),
        (math.nan, at_most(1), "falls short"),
        (-0.1, at_least(0), "falls short"),
        (5.0, None, ""),
    ],
)
def test_verdict(value, bar, verdict):
    assert Figure("part", "what", value, "", bar).verdict == verdict


def test_ratio_is_a_share_of_the_bar_where_there_is_one():
    assert Figure("part", "what", 30.0, "s", at_most(60)).ratio == 0.5
    assert Figure("part", "what", 30.0, "s").ratio is None
    assert Figure("part", "what", 30.0, "dB", at_least(0)).ratio is None


def test_shortfalls_are_marked_in_their_own_row():
    figures = [
        Figure("first", "quick enough", 30.0, "s", at_most(60)),
        Figure("second", "too slow", 90.0, "s", at_most(60)),
        Figure("second", "explains it", 12.0, "GB/s"),
    ]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(table(figures))
    lines = [line.split() for line in captured.get().splitlines()]

    assert ["quick", "enough", "30", "s", "≤", "60", "0.50", "holds"] in lines
    assert ["too", "slow", "90", "s", "≤", "60", "1.50", "falls", "short"] in lines
    assert ["explains", "it", "12", "GB/s"] in lines


def test_json_holds_every_figure(tmp_path):
    path = tmp_path / "results" / "here.json"

    write_json(
        path, {"cores": 2}, [Figure("part", "what", 3.5, "s", at_most(7)), Figure("p", "w", 1)]
    )

    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["machine"] == {"cores": 2}
    assert written["figures"][0] == {
        "part": "part",
        "what": "what",
        "value": 3.5,
        "unit": "s",
        "bar": "≤ 7",
        "ratio": 0.5,
        "verdict": "holds",
    }
    assert written["figures"][1]["verdict"] is None
