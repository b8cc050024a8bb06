"""``analogy run``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
import sys
import time

import typer

from analogy.cli.messages import MessageOptions
from analogy.option_reading import make_request
from analogy.options import A, BPrimes, DeviceOptions, GuideOptions, MethodOptions, ResultOptions
from analogy.system.logs import logged


def run(
    context: typer.Context,
    a: A,
    b_primes: BPrimes,
    results: ResultOptions,
    method: MethodOptions,
    guides: GuideOptions,
    where: DeviceOptions,
    messages: MessageOptions,
):
    """Transfer looks between two images, or from several to one.

    Writes a_prime.png (A with the look of B), b.png (B with the look of A), flow_ab.npy,
    flow_ba.npy (float32, dx dy in pixels of the other image), confidence_a.png, confidence_b.png
    (white where a match leads back), report.json and, with --refine, a_prime_refined.png and
    b_refined.png. With several B, every pixel of a_prime.png is that of the one that suits it best,
    as choice.png shows; what each gives by itself is in reference_1, reference_2 ...

    For example: analogy run photo.png painting.png --preset photo2style
    """
    with logged(messages.log, messages.log_level):
        request = make_request(context, a, b_primes, method, guides, results, where)
        _carry_out(request, messages)


def _carry_out(request, messages):
    from analogy.run_files import transfer_files
    from analogy.system.outputs import json_text

    started = time.perf_counter()
    with _progress_bar(messages.quiet) as progress:
        record, outputs = transfer_files(request, progress=progress)
    if messages.json:
        # Escaped: a file's name may hold bytes that standard output has no letters for.
        print(json_text(record | {"outputs": outputs}))
    elif not messages.quiet:
        _print_summary(record, time.perf_counter() - started, request.folder)


@contextlib.contextmanager
def _progress_bar(quiet):
    """Yield what `transfer` calls with (fraction done, text); None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("starting", total=1.0)
        yield lambda fraction, text: bars.update(bar, completed=fraction, description=text)


def _print_summary(record, seconds, folder):
    providers = ", ".join(record["providers"])
    print(f"device:  {record['device']} (network on {providers})")
    print(f"weights: {record['model']['name']} ({record['model']['path']})")
    print(f"took:    {seconds:.1f} s")
    print(f"results: {folder}")
