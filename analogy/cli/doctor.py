"""``analogy doctor``. Nothing heavy is imported before it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from analogy.cli.exit_codes import EXIT_ERROR
from analogy.options import DeviceOptions


def doctor(
    where: DeviceOptions,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
):
    """Check this machine: what is installed, what loads, and how long a transfer will take.

    Exits with 2 where something is broken, and says what to do.
    """
    from analogy.doctor import examine, is_healthy

    findings = examine(where.device, where.model)
    if json:
        from analogy.system.outputs import json_text

        record = {"healthy": is_healthy(findings), "findings": list(map(vars, findings))}
        print(json_text(record))
    else:
        _print_findings(findings)
    if not is_healthy(findings):
        raise typer.Exit(EXIT_ERROR)


def _print_findings(findings):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "note": "yellow", "broken": "bold red"}
    table = Table("check", "", "found", box=None, pad_edge=False)
    for finding in findings:
        found = Text(finding.found)
        if finding.remedy:
            found.append(f"\n{finding.remedy}", style=colours[finding.status])
        table.add_row(finding.check, Text(finding.status, style=colours[finding.status]), found)
    Console().print(table)
