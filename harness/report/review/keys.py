"""The keys below a page, and what each does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.text import Text

from harness.report.review.shown import Body, Look, Possible

_ARROWS = {"left": " ←", "right": " →"}


def keys_of(choices: Sequence[Possible], look: Look, body: Body) -> Callable[[int], Sequence[Sequence[Text]]]:
    """The choices in as many words as one line holds, then the tools; by the width of the screen."""

    def form(width: int) -> Sequence[Sequence[Text]]:
        long, short = ([_choice(each, look.given, words) for each in choices] for words in ("label", "name"))
        return [long if len(flow(long, width)) == 1 else short, _tools(look, body)]

    return form


def drawn_key(key: str, label: str) -> Text:
    """A key as it is drawn."""
    return Text().append(f" {key} ", style="reverse").append(f" {label}")


def flow(items: Iterable[Text], width: int) -> list[Text]:
    """As many as fit into each line; none is broken in two."""
    rows: list[Text] = []
    for item in items:
        if rows and rows[-1].cell_len + 2 + item.cell_len <= width:
            rows[-1].append("  ").append_text(item)
        else:
            rows.append(item.copy())
    for row in rows:
        row.no_wrap, row.overflow = True, "ellipsis"
    return rows


def _choice(choice: Possible, given: str | None, words: str) -> Text:
    label = choice.label if words == "label" else choice.name.replace("_", " ")
    key = drawn_key(choice.key + _ARROWS.get(choice.name, ""), label)
    if choice.name == given:
        key.stylize("green")
        key.append(" ✓", style="green bold")
    return key


def _tools(look: Look, body: Body) -> list[Text]:
    tools = [drawn_key("enter", "keep, go on")] if look.given else []
    tools.append(drawn_key("n", "note"))
    if body.has_hidden:
        tools.append(drawn_key("r", "hide reference" if look.with_hidden else "reference"))
    if body.is_folded or look.with_whole_prompt:
        tools.append(drawn_key("p", "fold prompt" if look.with_whole_prompt else "whole prompt"))
    tools += [drawn_key("u", "back"), drawn_key("q", "quit")]
    for tool in tools:
        tool.stylize("dim")
    return tools
