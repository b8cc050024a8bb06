"""``analogy batch``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from analogy.cli.exit_codes import EXIT_INTERRUPTED, EXIT_SOME_FAILED
from analogy.errors import AnalogyError
from analogy.options import check_share
from analogy.system.result_names import folder_name


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Where and how the pairs of a batch are carried out."""

    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a folder of results for each pair into this folder.  [default: "
            "out/<PAIRS>]",
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Carry out so many pairs at once, on as many processes of this machine.  "
            "[default: 1]",
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Use the workers of this Dask scheduler instead."),
    ] = None
    memory_share: Annotated[
        float,
        typer.Option(
            metavar="X",
            callback=check_share,
            help="Let all workers together take this share of the memory that is free, in (0, 1].",
        ),
    ] = 0.8


def batch(
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="A table with the columns a and b, and name and options of `run` if wanted; a "
            "folder with pairs of images whose names end with _A and _B; or a folder of images "
            "that all take the look of LOOK.",
        ),
    ],
    options: BatchOptions,
    look: Annotated[
        Path | None,
        typer.Argument(metavar="[LOOK]", help="Image that gives the look of a folder of images."),
    ] = None,
):
    """Transfer looks between many pairs, each into a folder of its own.

    Pairs that were finished before are left as they are, unless a file, an option or the program
    has changed since. A pair that fails does not keep the others from being done. Writes
    summary.json. Exits with 1 if a pair failed, with 130 if interrupted.
    """
    from analogy.batch.jobs import Outcome
    from analogy.batch.pairs import read_jobs
    from analogy.batch.summary import write_summary
    from analogy.system.outputs import staged

    default = Path("out", folder_name(pairs.absolute().stem))
    out = default if options.out is None else options.out
    todo = read_jobs(pairs, out, look)
    outcomes = {job.name: Outcome(job.name, "not run") for job in todo}
    ended_by = None
    with staged(out) as staging:
        try:
            _carry_out(todo, outcomes, options)
        except (KeyboardInterrupt, AnalogyError) as error:
            # What cannot even begin leaves nothing to tell of.
            if isinstance(error, AnalogyError) and _is_untouched(outcomes):
                raise
            ended_by = error
            _discard_unfinished(todo, outcomes)
        write_summary(staging, todo, list(outcomes.values()))
    _end(list(outcomes.values()), ended_by)


def _end(outcomes, ended_by):
    """Print what became of the jobs, and exit by it."""
    from rich.console import Console

    from analogy.batch.summary import summary_line, summary_table

    Console().print(summary_table(outcomes))
    print(summary_line(outcomes))
    if isinstance(ended_by, AnalogyError):
        raise ended_by
    if ended_by:
        print("interrupted; what is done stays, the same command goes on", file=sys.stderr)
        # By Typer's exit it would count as a run that has written nothing.
        raise SystemExit(EXIT_INTERRUPTED)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(EXIT_SOME_FAILED)


def _carry_out(todo, outcomes, options):
    """Carry out jobs, and put into `outcomes` what becomes of each."""
    from rich.console import Console
    from rich.progress import track

    with contextlib.closing(_outcomes(todo, options)) as found:
        for outcome in track(
            found,
            "pairs",
            total=len(todo),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        ):
            outcomes[outcome.name] = outcome


def _outcomes(todo, options):
    """Outcomes as the jobs end, wherever they are carried out."""
    from analogy.system.memory import available_memory

    jobs, memory = options.jobs, int(options.memory_share * available_memory())
    if options.scheduler is not None:
        _check_dask("--scheduler")
        from analogy.batch.cluster import run_on_scheduler

        return run_on_scheduler(todo, options.scheduler, jobs, options.memory_share)
    if jobs is not None and jobs > 1:
        _check_dask(f"--jobs {jobs}")
        from analogy.batch.cluster import run_on_workers

        return run_on_workers(todo, min(jobs, len(todo)), memory, _gpus(todo))
    return _one_by_one(todo, memory)


def _one_by_one(todo, memory):
    """In this process, by one session."""
    from analogy.batch.jobs import Runner

    yield from map(Runner(memory), todo)


def _check_dask(option):
    if not find_spec("distributed"):
        raise AnalogyError(f"{option}: needs Dask; install it by: pip install '.[batch]'")


def _gpus(todo):
    """Names of the GPUs that the jobs' workers are to share, where any job may use one."""
    if all(job.device == "cpu" for job in todo):
        return []
    from analogy.system.device import gpu_names

    return gpu_names()


def _is_untouched(outcomes):
    return all(outcome.status == "not run" for outcome in outcomes.values())


def _discard_unfinished(todo, outcomes):
    """Remove what killed workers had staged."""
    from analogy.system.outputs import discard_abandoned

    for job in todo:
        if outcomes[job.name].status == "not run":
            discard_abandoned(job.folder)
