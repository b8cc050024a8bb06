"""``analogy serve``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from analogy.cli.exit_codes import EXIT_INTERRUPTED
from analogy.errors import AnalogyError
from analogy.options import DeviceOptions, check_share

_PACKAGES = {"starlette": "starlette", "uvicorn": "uvicorn", "python-multipart": "python_multipart"}


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """Where the page is, and how much it takes."""

    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Listen at this address.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Listen at this port; 0 takes any that is free.")
    ] = 8448
    public_host: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Answer browsers that reach a proxy before the page by this name."
        ),
    ] = None
    max_upload_mb: Annotated[
        int,
        typer.Option(
            min=1, metavar="MB", help="Take no more than so many megabytes, two files together."
        ),
    ] = 50
    max_megapixels: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Take images of no more than so many megapixels."),
    ] = 50
    memory_share: Annotated[
        float,
        typer.Option(
            callback=check_share,
            metavar="X",
            help="Let a job take this share of the machine's memory.",
        ),
    ] = 0.8
    queue: Annotated[
        int, typer.Option(min=1, metavar="N", help="Let no more than so many jobs wait.")
    ] = 8
    keep: Annotated[
        int, typer.Option(min=1, metavar="N", help="Keep the results of the last so many jobs.")
    ] = 20


def serve(where: DeviceOptions, service: ServiceOptions):
    """Serve a page where images are dropped and results looked at, until Ctrl-C.

    One job runs at a time; uploads and results lie in a temporary folder that is removed at the
    end. Needs the extra [web].
    """
    _check_packages()
    from analogy.service.server import Options
    from analogy.service.server import serve as serve_page

    options = Options(
        host=service.host,
        port=service.port,
        public_host=service.public_host,
        model=where.model,
        device=where.device,
        upload_megabytes=service.max_upload_mb,
        megapixels=service.max_megapixels,
        memory_share=service.memory_share,
        queue_length=service.queue,
        keep=service.keep,
    )
    try:
        serve_page(options)
    except KeyboardInterrupt:
        print("stopped; uploads and results are removed", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _check_packages():
    missing = [name for name, module in _PACKAGES.items() if not importlib.util.find_spec(module)]
    if missing:
        raise AnalogyError(
            f"serve: needs {', '.join(missing)}; pip install 'deep-image-analogy[web]'"
        )
