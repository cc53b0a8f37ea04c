"""A person goes through a sheet, in the terminal or in the browser: who it is, and what may be asked for together."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.review.sheet import Sheet

rater = options.flag("--rater", metavar="NAME", help="Who judges.  [default: the login name]")
web = click.option("--web", is_flag=True, help="Judge in the browser rather than in the terminal.")
port = click.option("--port", type=click.IntRange(1, 65535), help="The port of --web.  [default: any that is free]")


def rater_name(given: str | None) -> str:
    """The name that stands beside each verdict."""
    import getpass

    if given is None:
        try:
            given = getpass.getuser()
        except (KeyError, OSError):
            raise UsageError("nobody knows who judges: there is no login name", remedy="--rater NAME says it") from None
    name = given.strip()
    if not name or not name.isprintable():
        raise UsageError(f"{given!r} is no name of a rater", remedy="--rater NAME is a word or two")
    return name


def refuse_idle_flags(*, as_json: bool, web: bool, port: int | None) -> None:
    """Flags that do nothing beside the others are refused, not ignored."""
    if as_json and web:
        raise UsageError("--json only tells what is there, and --web asks", remedy="leave one of them out")
    if port is not None and not web:
        raise UsageError("--port is where --web serves its page", remedy="add --web")


def rater_to_ask(given: str | None, *, web: bool) -> str:
    """Who is asked; raises ``UsageError`` before anything is written where nobody can be asked here."""
    from rich.console import Console

    name = rater_name(given)
    if not web and (not (sys.stdin.isatty() and sys.stdout.isatty()) or Console().is_dumb_terminal):
        raise UsageError("this is no terminal that shows pages and reads keys", remedy="--web asks in the browser")
    return name


def ask(sheet: Sheet, *, web: bool, port: int | None) -> None:
    """Put the sheet to its rater, in the terminal or in the browser, until the rater ends it."""
    if not len(sheet):
        return
    if web:
        from harness.review.web import serve

        serve(sheet, port=port or 0, announce=_announce)
        return
    from harness.cli.rating_pages import Rating
    from harness.cli.terminal import own_screen

    with own_screen() as console:
        Rating(sheet, console).run()


def agreement_words(alpha: float | None, raters: int) -> str:
    """Krippendorff's alpha in words; nothing where there is none."""
    if alpha is None:
        return ""
    return f"{alpha:.2f} among {raters} raters (Krippendorff's alpha: 1 is full agreement, 0 what chance gives)"


def _announce(address: str) -> None:
    click.echo(f"{address}\nCtrl-C ends it; every choice is saved at once")
