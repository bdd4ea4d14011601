"""The command line's front door, and its edge: where every error becomes a sentence."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Final

import click
from click.shell_completion import shell_complete

from banksman import __version__
from banksman.cli.here import COMPLETION_VARIABLE, PROGRAM, Here
from banksman.cli.lazy import Entry, LazyGroup, load
from banksman.cli.streams import Output, make_sound
from banksman.cli.text import clean
from banksman.config.environment import environment
from banksman.exceptions import (
    BanksmanException,
    InputException,
    OwnershipException,
    StoreUnusableException,
    TaskDependencyException,
    TaskStateException,
)

REFUSED: Final = (
    InputException,
    OwnershipException,
    StoreUnusableException,
    TaskDependencyException,
    TaskStateException,
)
"""What a person can put right by asking for something else."""

EXIT_BROKEN: Final = 1
EXIT_REFUSED: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_PIPE_CLOSED: Final = 141
"""What a shell reports of a program whose reader has gone, such as `cat` before `head`."""

COMMANDS: Final = {
    "init": Entry("banksman.cli.init", "init", "Write a first plan and configuration."),
    "plan": Entry("banksman.cli.plan", "plan", "Check, show and draw the plan."),
    "run": Entry("banksman.cli.run", "run", "Run the plan, or go on with it."),
    "status": Entry("banksman.cli.status", "status", "Show where the project stands."),
    "watch": Entry("banksman.cli.watch", "watch", "Show the progress of a run as it goes."),
    "report": Entry("banksman.cli.report", "report", "Sum up what a run has done and cost."),
    "log": Entry("banksman.cli.log", "log", "Show what happened."),
    "diff": Entry("banksman.cli.diff", "diff", "Show what an attempt changed."),
    "task": Entry("banksman.cli.task", "task", "Show, add, cancel and retry tasks."),
    "breakpoint": Entry(
        "banksman.cli.breakpoints", "breakpoint_", "Show what waits for a person."
    ),
    "resolve": Entry("banksman.cli.resolve", "resolve", "Answer a breakpoint."),
    "pause": Entry("banksman.cli.pausing", "pause", "Start no further tasks."),
    "resume": Entry("banksman.cli.pausing", "resume", "Start tasks again after a pause."),
    "stop": Entry("banksman.cli.stopping", "stop", "End the run, after what works or now."),
    "land": Entry("banksman.cli.land", "land", "Bring the finished work onto your branch."),
    "clean": Entry("banksman.cli.cleaning", "clean_", "Remove what finished attempts left."),
    "doctor": Entry("banksman.cli.doctor", "doctor", "Check that everything needed is there."),
    "completion": Entry(
        "banksman.cli.completion", "completion", "Print the completion script of a shell."
    ),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    epilog="First steps: `banksman init`, then `banksman run`, then `banksman status`.",
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.option(
    "-C",
    "folder",
    metavar="DIR",
    default=".",
    type=click.Path(path_type=Path),
    help="Work on the repository around this folder.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take this configuration instead of banksman.toml.",
)
@click.option("--no-color", is_flag=True, help="Print without colours; so does NO_COLOR=1.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def banksman(**_options: object) -> None:
    """Run a plan of coding tasks with agents, to merged and tested work."""


def main(*, behind: bool = False) -> None:
    """Run the command line and end the process with its exit code.

    Args:
        behind: This process was started by a command that is to leave it running.
    """
    output = make_sound()
    instruction = environment().get(COMPLETION_VARIABLE)
    code = _completed(instruction) if instruction else exit_code(sys.argv[1:], behind=behind)
    sys.exit(_flushed(code, output))


def exit_code(arguments: list[str], *, behind: bool = False) -> int:
    """Run one command, and return the exit code; every error has been told."""
    try:
        with banksman.make_context(PROGRAM, arguments) as ctx:
            return _carry_out(ctx, behind=behind)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_REFUSED
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_PIPE_CLOSED


def _completed(instruction: str) -> int:
    """Answer how a command line could go on, in the words of a shell's completion."""
    try:
        return shell_complete(banksman, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
    except BrokenPipeError:
        return EXIT_PIPE_CLOSED


def _carry_out(ctx: click.Context, *, behind: bool) -> int:
    # Before the command is looked for: that imports it, and may break.
    ctx.obj = here = _here(ctx, behind=behind)
    try:
        banksman.invoke(ctx)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    # The edge: told in a sentence, and what is not the person's doing is kept in the log.
    except Exception as error:  # noqa: BLE001 - see the line above
        first = _first(error)
        if isinstance(first, BrokenPipeError):
            raise first from None
        return _tell(first, here)
    return 0


def _here(ctx: click.Context, *, behind: bool) -> Here:
    environ = environment()
    if ctx.params["no_color"] or environ.get("NO_COLOR"):
        ctx.color = False
    return Here(
        start=ctx.params["folder"],
        environ=environ,
        config=ctx.params["config"],
        debug=ctx.params["debug"],
        behind=behind,
    )


def _first(error: Exception) -> Exception:
    """Return the error itself, also if task groups have wrapped it."""
    match error:
        case ExceptionGroup(exceptions=[Exception() as first, *_]):
            return _first(first)
        case _:
            return error


def _tell(error: Exception, here: Here) -> int:
    if here.debug:
        traceback.print_exception(error)
    if isinstance(error, BanksmanException):
        told = isinstance(error, InputException) and error.hint
        lines = [str(error)] if told or not error.recovery else [str(error), error.recovery]
    else:
        lines = [f"a defect of Banksman, {type(error).__name__}: {error}"]
    if not isinstance(error, REFUSED):
        lines.append(load("banksman.cli.logs", "keep_traceback")(error, here))
    first, *rest = (clean(line, lines=True) for line in lines)
    _complain(first)
    for line in rest:
        click.echo(line, err=True)
    return EXIT_REFUSED if isinstance(error, REFUSED) else EXIT_BROKEN


def _complain(sentence: str) -> None:
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {sentence}", err=True)


def _flushed(code: int, output: Output) -> int:
    """Return the code after the last of the output is out, or the one of a broken output."""
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    match output.broken:
        case None:
            return code
        case BrokenPipeError():
            return code or EXIT_PIPE_CLOSED
        case problem:
            _complain(f"the output cannot be written ({problem.strerror}).")
            return EXIT_REFUSED if code in {0, EXIT_PIPE_CLOSED} else code
