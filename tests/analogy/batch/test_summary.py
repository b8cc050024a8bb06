import json
from pathlib import Path

from rich.console import Console

from analogy.batch.jobs import Outcome
from analogy.batch.summary import summary_line, summary_table, write_summary
from analogy.parameters import Parameters
from analogy.request import Inputs, Request

OUTCOMES = [
    Outcome("one", "done", 12.345),
    Outcome("two", "failed", 0.1, "b.png: [no] image"),
    Outcome("three", "not run"),
]


def shown(outcomes):
    console = Console(width=100)
    with console.capture() as captured:
        console.print(summary_table(outcomes))
    return captured.get()


def test_the_table_tells_of_each_pair():
    lines = [line.split() for line in shown(OUTCOMES).splitlines()]

    assert ["one", "done", "12.3"] in lines
    assert ["two", "failed", "0.1", "b.png:", "[no]", "image"] in lines
    assert ["three", "not", "run"] in lines
    assert summary_line(OUTCOMES) == "3 pairs: 1 done, 1 failed, 1 not run"


def test_of_many_pairs_those_are_listed_that_failed():
    many = [Outcome(f"pair{index}", "done", 1.0) for index in range(100)]
    text = shown([*many, OUTCOMES[1]])

    assert "two" in text
    assert "pair7" not in text


def test_the_file_holds_all(tmp_path):
    inputs = Inputs(Path("a.png"), [Path("b.png")])
    jobs = [Request(inputs, tmp_path / each.name, Parameters()) for each in OUTCOMES]
    write_summary(tmp_path, jobs, OUTCOMES)

    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["counts"] == {"done": 1, "failed": 1, "not run": 1}
    assert told["pairs"][1] == {
        "a": "a.png",
        "b": "b.png",
        "name": "two",
        "status": "failed",
        "seconds": 0.1,
        "reason": "b.png: [no] image",
    }
