"""The command line: options in, one call, files out; no mathematics.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import atexit
import gc
import io
import sys
from typing import Annotated

import typer

from analogy import __version__
from analogy.cli.batch import batch
from analogy.cli.doctor import doctor
from analogy.cli.evaluate import eval_app
from analogy.cli.exit_codes import EXIT_ERROR, EXIT_INTERRUPTED
from analogy.cli.model import model_app
from analogy.cli.panels import PanelledCommand
from analogy.cli.run import run
from analogy.cli.serve import serve
from analogy.cli.video import video
from analogy.errors import AnalogyError, explained, has_no_cache
from analogy.option_reading import UsageError, with_options

app = typer.Typer(
    name="analogy",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (run, batch, video, serve, doctor):
    app.command(cls=PanelledCommand)(with_options(_command))
app.add_typer(model_app, name="model")
app.add_typer(eval_app, name="eval")


def main(arguments=None):
    """Run the command line and exit: 0 done, 2 bad input or no room, 130 interrupted.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process when absent.
    """
    # What is left goes with the process; Python would look through it for half a second.
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        _replace_what_cannot_be_written(stream)
    sys.exit(_exit_code(arguments))


def _replace_what_cannot_be_written(stream):
    """Have a name that the terminal has no letters for shown by its escapes, and end nothing."""
    # There may be no stream, or one of another program's.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _exit_code(arguments):
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        # Typer turns Ctrl-C into the exit code 130, which it returns; older ones raise Abort.
        code = app(arguments or ["--help"], prog_name="analogy", standalone_mode=False)
    except typer.Abort:
        code = EXIT_INTERRUPTED
    except UsageError as error:
        return _fail(error.format_message())
    except (AnalogyError, MemoryError, OSError) as error:
        return _fail(explained(error))
    except RuntimeError as error:
        if not has_no_cache(error):
            raise
        return _fail(explained(error))
    if code == EXIT_INTERRUPTED:
        print("interrupted; nothing was written", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _fail(message):
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return EXIT_ERROR


def _print_version(is_asked: bool):
    if is_asked:
        print(f"deep-image-analogy {__version__}")
        raise typer.Exit


@app.callback()
def _analogy(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version of the program, and nothing else.",
        ),
    ] = False,
):
    """Deep Image Analogy: give each of two images the look of the other."""
