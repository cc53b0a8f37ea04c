"""What a reader of a verdict must know besides its rulings."""

from __future__ import annotations

from collections.abc import Iterator

from harness.comparison.control import told
from harness.judgement.material import Material


def caveats(of: Material) -> Iterator[str]:
    """A sentence each: on how the candidate was chosen, on its items, its judges, its plugins, and the last control."""
    yield from _about_the_choice(of)
    yield from _about_the_checkpoint(of)
    yield from _seen_in_training(of)
    yield from _judges_own_words(of)
    yield from _often_used(of)
    yield from _other_versions(of)
    yield from _last_control(of)


def _about_the_choice(of: Material) -> Iterator[str]:
    if of.choice and of.choice.on_fresh_items:
        yield (
            f"the candidate is the best of {of.choice.among} on one half of {of.choice.task}'s items, and the "
            "gates of the suite's own tasks rest on the other half"
        )


def _about_the_checkpoint(of: Material) -> Iterator[str]:
    """A candidate that was chosen among the checkpoints of its training, by items that judge nothing here."""
    for training in of.reader.trainings(of.candidate.experiment):
        chosen = training.checkpoint
        if training.judged and chosen and str(chosen.path) in _folders(of):
            yield f"the candidate is step {chosen.step}, one of {len(training.judged)} checkpoints: {training.rule}"


def _folders(of: Material) -> tuple[str | None, ...]:
    """What the candidate stands on: its adapter, or the whole model where it has none."""
    model = of.candidate.model
    return (of.candidate.adapter, model.folder if model and not of.candidate.adapter else None)


def _seen_in_training(of: Material) -> Iterator[str]:
    for task in of.tasks():
        asked = set(of.reader.order(of.candidate.id, task.name)) if of.seen(task) else set()
        if seen := len(asked & set(of.seen(task))):
            yield (
                f"{task.name}: {seen:,} of {len(asked):,} items stand in the training data, and measure memory; "
                "the gates rest on the others"
            )


def _judges_own_words(of: Material) -> Iterator[str]:
    """What the judges say of their scores, as how often the order of two answers turned their word."""
    for arm, task, label, baseline in of.compared():
        for note in of.opinions.notes(task, label, baseline):
            yield f"{task.name} {label} against {arm}: {note}"


def _often_used(of: Material) -> Iterator[str]:
    """A test set that has judged many candidates has begun to choose them."""
    for task in of.tasks():
        if task.benchmark is None and (others := of.reader.judged_before(of.candidate.id, task.name)):
            times = "one other candidate" if others == 1 else f"{others} other candidates"
            yield f"{task.name}: these items have judged {times}; the best of many looks better than it is"


def _other_versions(of: Material) -> Iterator[str]:
    """Plugins that scored the baseline and the candidate in different versions."""
    for baseline in of.baselines.values():
        for plugin, origin in baseline.origins.items():
            ours = of.candidate.origins.get(plugin)
            if ours is not None and ours != origin:
                yield f"{plugin}: {baseline.id} was measured with {origin}, the candidate with {ours}"


def _last_control(of: Material) -> Iterator[str]:
    control = of.reader.control(of.candidate.suite)
    if control is not None:
        yield from told(control, of.candidate.suite_digest)
