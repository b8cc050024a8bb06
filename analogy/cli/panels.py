"""Help that shows the options of a command by what they are about."""

from __future__ import annotations

from typer.core import TyperCommand

_REST = "Options"


class PanelledCommand(TyperCommand):
    """A command whose ``--help`` parts its options by their `rich_help_panel`, in plain text."""

    def format_options(self, ctx, formatter):
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                panels.setdefault(_panel(parameter), []).append(record)
        for name, records in panels.items():
            with formatter.section(name):
                formatter.write_dl(records)


def _panel(parameter):
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or _REST
