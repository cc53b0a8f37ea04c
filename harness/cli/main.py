"""The command ``harness``: its groups, and what an error looks like to a person."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import sys

import click

from harness.cli import advise, cache, control, data, foresee, judge, look, measure, merge, review, show, verdicts
from harness.cli.exits import Exit
from harness.errors import HarnessError, UsageError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors of a disk, or of a quota, that is full."""


class Sections(click.Group):
    """Lists the commands in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands as they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a plugin that leaves the process, as by ``sys.exit(0)``, must not look like a pass."""
        try:
            return super().invoke(ctx)
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):  # rich leaves in this way when nobody reads on
                raise error.__context__ from None
            problem = f"a plugin, or what it stands on, left with sys.exit({error.code!r}) before the command was done"
            raise HarnessError(f"{problem}; what is recorded stays") from error


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="finetune-harness", prog_name="harness")
@click.option(
    "--without",
    "without",
    multiple=True,
    metavar="PLUGIN",
    envvar="HARNESS_WITHOUT",
    help="Leave a plugin out, by the name that 'harness plugins' shows (distribution:name).",
)
@click.pass_context
def cli(context: click.Context, without: tuple[str, ...]) -> None:
    """Is the tuned model better at our job than the base model with a good prompt, and has it forgotten nothing?

    Exit status: 0 done, or every gate passed; 1 broke; 2 wrong suite, data or flags; 3 a gate failed; 4 inconclusive.
    """
    context.obj = without


for command in (
    measure.demo, look.check, advise.advise, data.data, foresee.power, measure.run, measure.train, measure.evaluate,
    verdicts.compare, verdicts.gate, judge.judge, review.review, merge.merge, control.aa, look.runs, show.show,
    cache.cache, look.plugins,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """Run the command line and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="replace")  # a mark that the terminal does not have costs no report
    status = _status()
    gc.freeze()  # the interpreter would look for garbage in all that torch has made once more, for a second
    sys.exit(status)


def _status() -> int:
    try:
        status = cli.main(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where what goes wrong can still be told
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("stopped; what is recorded stays, and the same command goes on from there")
        return 130
    except UsageError as error:
        _say(str(error))
        return Exit.USAGE
    except HarnessError as error:
        _say(str(error))
        return Exit.BROKE
    except BrokenPipeError:
        _drop_output()
        return Exit.BROKE
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _say(f"{error.filename or 'the output'}: {error.strerror}; free some space and run the same command again")
        _drop_output()
        return Exit.BROKE
    return status if isinstance(status, int) else Exit.DONE


def _drop_output() -> None:
    """What is still waiting to be written goes nowhere, rather than failing once more when Python ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    from harness.report.text import inert

    click.echo(f"harness: {inert(text)}", err=True)


if __name__ == "__main__":
    main()
