"""The command line: commands parse, call one function of the library and print; results to standard output.

A command's module is imported when it is called, so that help needs nothing but click.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module

import click

from qsim import versions
from qsim.errors import QsimError, one_line
from qsim.startup import leave_out_pandas, make_streams_safe

COMMANDS = {
    "demo": "Generate a market, run a simulated day, answer the four questions.",
    "generate": "Generate a market: catalog, opening prices, discounts, campaigns, stock.",
    "run": "Run a market on by so many ticks.",
    "ask": "Ask one of the four questions: cheapest, deals, compare, basket.",
    "sql": "Query a market in SQL (DuckDB).",
    "events": "Show the newest events of a market, and those that come.",
    "health": "Tell whether a market is well, and what to do where it is not.",
    "metrics": "Show what ticks did, by platform and category, and what runs cost.",
    "top": "Watch a market live in the terminal.",
    "report": "Write a report of a market: JSON, Markdown, or one HTML page.",
    "status": "Tell what a market holds and where it stands.",
    "validate": "Check a market: six categories of numbered checks.",
    "verify": "Hold every commit and file of a market against its log, or against its seed.",
    "compact": "Merge a market's small files into large ones.",
    "vacuum": "Remove files that compact or a live run has replaced.",
    "serve": "Serve a market over HTTP: its questions, history, changes as they come, and a page.",
    "fit": "Fit parameters to your own prices, and write them as a preset.",
    "config": "Show the parameters of a market or a preset, a scenario, the calendar.",
}


# What DuckDB makes of the KeyboardInterrupt that Ctrl-C raises while a query runs.
_INTERRUPTED = "Query interrupted"


class Group(click.Group):
    """A group that answers a word which is none of its commands with the nearest, or with those there are."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; UsageError where there is none."""
        commands = self.list_commands(ctx)
        if args and args[0] not in commands and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], commands, n=1) if args[0] != "help" else ["--help"]
            hint = f"nearest is {close[0]!r}" if close else f"allowed are {', '.join(commands)}"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


class _Lazy(Group):
    """A group whose commands are imported when called; their one-line helps are at hand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"qsim.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _tell_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"qsim, version {versions.own()}")
        context.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Simulate quick-commerce grocery markets in India and query them.

    Example: qsim demo
    """


def tell(lines: Iterable[str]) -> None:
    """Tell lines on standard error; where it cannot be written, as on a full disk, a command does all the same what it is for."""
    try:
        click.echo("\n".join(map(one_line, lines)), err=True)
    except OSError:
        drop_output(2)


def _fail(message: str, code: int, rest: Sequence[str] = ()) -> int:
    tell((f"qsim: {message}", *rest))
    return code


def drop_output(descriptor: int = 1) -> None:
    """Let what is still printed go nowhere, where nobody reads any more; standard output's descriptor is 1, standard error's 2."""
    # What the interpreter still holds for it would fail again when it ends.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and give the exit code: 0 done, 1 failed, 2 usage, 3 bad input, 4 lock or exists, 5 corrupt, 6 disk."""
    code: object = 0
    try:
        code = cli.main(args=arguments, prog_name="qsim", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except QsimError as fault:
        # The notes of an error are the lines of a list of which its message is the head.
        return _fail(str(fault), fault.exit_code, getattr(fault, "__notes__", ()))
    except click.exceptions.NoArgsIsHelpError as fault:
        # A command is needed and none was given; the message is the whole help.
        click.echo(fault.format_message(), err=True)
        return fault.exit_code
    except click.UsageError as fault:
        where = f"{fault.ctx.command_path}: " if fault.ctx and fault.ctx.command_path != "qsim" else ""
        said = fault.format_message().rstrip(".")
        return _fail(f"{where}{said}; see: {fault.ctx.command_path if fault.ctx else 'qsim'} --help", 2)
    except click.ClickException as fault:
        return _fail(fault.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        return _fail("stopped", 130)
    except RuntimeError as fault:
        if str(fault) != _INTERRUPTED:
            raise
        return _fail("stopped", 130)
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe has what it wanted (click makes an exit of that); nothing more can be written.
        drop_output()
    except OSError as fault:
        if fault.filename is not None:
            reason = f"cannot be used: {fault.strerror}; allowed is a place that you may read and write; name another"
            return _fail(f"{fault.filename}: {reason}", 6)
        drop_output()
        return _fail(f"standard output: cannot write: {fault.strerror}; free space or send it elsewhere", 6)
    return code if isinstance(code, int) else 0


def entry() -> None:
    """Run as a program."""
    leave_out_pandas()
    make_streams_safe()
    sys.exit(main())
