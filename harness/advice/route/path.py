"""The questions in their order and where each answer leads.

The order is the order of what things cost. A prompt is free, so it is asked first; what the answers lack is known by
reading them; only then do rows and models come in. Facts come before behaviour: a model that is tuned on answers whose
facts it does not know learns to make facts up (Gekhman and others 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from harness.advice.route import choices
from harness.advice.route.choices import Choice
from harness.advice.situation import Situation

Route = Literal["prompt", "retrieve", "long_context", "tune", "distil", "pretrain"]
"""The six ends of the path; ``pretrain`` is continued pretraining."""

ROUTES: tuple[Route, ...] = get_args(Route)


@dataclass(frozen=True, slots=True)
class Way:
    """One way on from a question."""

    key: str
    answer: str
    to: str
    """The name of the next question, or a route."""
    is_guess: bool = False
    """Whether it is taken for want of an answer."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A question with all its answers."""

    question: str
    short: str
    """As the branch before it names it."""
    source: str
    choose: Callable[[Situation], Choice]
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as it was answered."""

    name: str
    fork: Fork
    way: Way
    unknown: tuple[str, ...]
    """Fields that were looked at and are ``None``."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The way from the first question to a route."""

    turns: tuple[Turn, ...]
    route: Route

    @property
    def end(self) -> tuple[str, str]:
        """Name of the last question with the key of its answer."""
        return self.turns[-1].name, self.turns[-1].way.key

    @property
    def unknown(self) -> tuple[str, ...]:
        """All fields that were looked at and are ``None``, in the order of the questions."""
        return tuple(dict.fromkeys(name for turn in self.turns for name in turn.unknown))

    def took(self, name: str, *keys: str) -> bool:
        """Whether a question was asked and answered with one of these."""
        return any(turn.name == name and turn.way.key in keys for turn in self.turns)


def walk(situation: Situation) -> Walk:
    """The path of a situation: pure, and defined for every one."""
    turns = []
    at = "enough"
    while at not in ROUTES:
        turns.append(_turn(at, situation))
        at = turns[-1].way.to
    return Walk(tuple(turns), next(route for route in ROUTES if route == at))


def _turn(name: str, situation: Situation) -> Turn:
    fork = FORKS[name]
    choice = fork.choose(situation)
    way = next(way for way in fork.ways if way.key == choice.key)
    return Turn(name, fork, way, tuple(each for each in choice.asked if getattr(situation, each) is None))


FORKS: Mapping[str, Fork] = {
    "enough": Fork(
        "Is the base model with its best prompt good enough?",
        "is the best prompt enough?",
        "OpenAI's and Google's tuning guides: measure, prompt, and only then tune; the threshold is the team's",
        choices.enough,
        (
            Way("yes", "yes", "cost"),
            Way("barely", "yes, though not for certain", "cost"),
            Way("perhaps", "not for certain, so taken as no", "lack"),
            Way("no", "no", "lack"),
            Way("unknown", "nobody knows", "lack", is_guess=True),
        ),
    ),
    "lack": Fork(
        "What do the answers of the best prompt lack?",
        "what is lacking?",
        "Allard and Jarvis (OpenAI) 2023: what a model must know is context, how it must act is tuning",
        choices.lack,
        (
            Way("knowledge", "facts", "changes"),
            Way("reasoning", "reasoning", "teacher"),
            Way("behaviour", "behaviour, format, style, words", "rows"),
            Way("nothing", "nothing", "cost"),
            Way("unsaid_short", "nobody has said, but it falls short", "rows", is_guess=True),
            Way("unsaid", "nobody has said", "cost", is_guess=True),
        ),
    ),
    "changes": Fork(
        "Do the facts change, or must they be cited, deleted or kept apart by reader?",
        "do the facts change?",
        "Lewis and others 2020 (retrieval); Ovadia and others 2023: retrieval beat training on the text throughout",
        choices.changes,
        (
            Way("yes", "yes", "retrieve"),
            Way("no", "no", "size"),
            Way("unknown", "nobody has said", "retrieve", is_guess=True),
        ),
    ),
    "size": Fork(
        "Does the text that holds the facts fit into every prompt?",
        "do they fit into the prompt?",
        "Anthropic 2024, Contextual Retrieval: below 200,000 tokens put all of it into the prompt; Hsieh and others "
        "2024, RULER: models hold less than they take; half of the window and 100,000 tokens are our choice",
        choices.size,
        (
            Way("fits", "yes", "long_context"),
            Way("pressed", "yes, but reading it is too much", "retrieve"),
            Way("large", "no", "corpus"),
            Way("unwritten", "no text holds them yet", "retrieve"),
            Way("no_window", "nobody knows the window", "retrieve", is_guess=True),
            Way("unknown", "nobody has said how much it is", "retrieve", is_guess=True),
        ),
    ),
    "corpus": Fork(
        "Is there raw text enough to continue pretraining?",
        "is there a corpus?",
        "Gururangan and others 2020: 2 to 8 billion tokens a domain; Yang and others 2024: a small corpus does not "
        "teach; 100 million is our choice",
        choices.corpus,
        (
            Way("yes", "yes", "pretrain"),
            Way("no", "no", "retrieve"),
            Way("unknown", "nobody has counted", "retrieve", is_guess=True),
        ),
    ),
    "cost": Fork(
        "Is it quick and cheap enough as it is?",
        "is it quick and cheap enough?",
        "common practice: prove it with a large model, then train a small one; below 1,000 requests a day cost is no "
        "reason (our choice)",
        choices.cost,
        (
            Way("yes", "yes", "prompt"),
            Way("no", "no", "teacher"),
            Way("unknown", "as far as anybody has said", "prompt", is_guess=True),
        ),
    ),
    "teacher": Fork(
        "Can a larger model that does the job be asked for answers to learn from?",
        "is there a larger model?",
        "Hsieh and others 2023, Distilling step-by-step: a model of 770M that learnt the reasoning of one of 540B "
        "outdid its few-shot prompt on a benchmark",
        choices.teacher,
        (
            Way("yes", "yes", "distil"),
            Way("own", "the one in use, if its terms allow", "distil", is_guess=True),
            Way("no", "no", "rows"),
            Way("unknown", "nobody has said", "rows", is_guess=True),
        ),
    ),
    "rows": Fork(
        "Are there rows enough to tune on?",
        "are there rows to tune on?",
        "common practice: none below 100; OpenAI's guide sees gains from 50 to 100 on, Google's wants 100 to 500; LIMA "
        "(Zhou and others 2023) took 1,000; of these the cautious bound is followed",
        choices.rows,
        (
            Way("few", "below 100: none", "spare"),
            Way("care", "100 to 1,000: with care", "tune"),
            Way("viable", "above 1,000: viable", "tune"),
            Way("effective", "above 10,000: effective", "tune"),
            Way("traffic", "not counted, but daily traffic", "tune", is_guess=True),
            Way("unknown", "nobody has counted", "spare", is_guess=True),
        ),
    ),
    "spare": Fork(
        "What else is there to learn from?",
        "what else is there to learn from?",
        "Hsieh and others 2023 (a larger model's answers); Gururangan and others 2020 (raw text of the domain)",
        choices.spare,
        (
            Way("larger", "a larger model's answers", "distil"),
            Way("own", "those of the model in use", "distil", is_guess=True),
            Way("corpus", "raw text, for words that are new", "pretrain"),
            Way("nothing", "nothing", "prompt"),
            Way("unknown", "nobody has said", "prompt", is_guess=True),
        ),
    ),
}
"""The tree, from ``enough`` down."""
