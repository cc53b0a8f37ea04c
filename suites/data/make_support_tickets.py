"""Makes the support tickets of the demo: ``python suites/data/make_support_tickets.py``.

Each row is one short ticket with the JSON that a clerk would file it under: ``product`` and ``issue`` from a fixed
list, ``priority`` (``high``, ``medium``, ``low``) and ``order``; a product or an order that the ticket does not name
is ``null``. The filed value is a fixed word, the ticket says it in many ways; some tickets hold a number or a product
that is not meant.

The three splits share the products' names, for these must be learnt, and nothing else: every sentence frame and every
way to tell a problem, an order or a haste belongs to one split. The same seed gives the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SEED = 20
SYSTEM = "Turn the ticket into JSON."
"""Told in every row, so that a tuned model learns when to answer so, and not to answer everything so."""
SIZES: Mapping[str, int] = {"train": 640, "validation": 100, "test": 200}

PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "kettle": ("kettle", "water kettle"),
    "toaster": ("toaster", "bread toaster"),
    "blender": ("blender", "smoothie maker"),
    "fridge": ("fridge", "refrigerator"),
    "washer": ("washing machine", "washer"),
    "vacuum": ("vacuum cleaner", "hoover"),
    "lamp": ("desk lamp", "reading light"),
    "heater": ("heater", "electric radiator"),
}
HOLDS_WATER = ("kettle", "blender", "fridge", "washer")


@dataclass(frozen=True)
class Wording:
    """How one split says things; no two splits share an entry."""

    greetings: tuple[str, ...]
    subjects: tuple[str, ...]
    """With ``{product}``: what the ticket is about."""
    nameless: tuple[str, ...]
    """The same where the product is not named."""
    issues: Mapping[str, tuple[str, ...]]
    orders: tuple[str, ...]
    priorities: Mapping[str, tuple[str, ...]]
    other_products: tuple[str, ...]
    other_numbers: tuple[str, ...]
    """With ``{small}`` (two or three digits) or ``{large}`` (five digits): numbers that are no order."""
    small_talk: tuple[str, ...]
    """What has nothing to do with any field."""


TRAIN = Wording(
    greetings=("", "Hi.", "Hello!", "Hi there."),
    subjects=(
        "my {product}",
        "the {product}",
        "our new {product}",
        "my wife's {product}",
        "the {product} you sent us",
        "the {product} from the last parcel",
    ),
    nameless=(
        "my purchase",
        "the thing I bought",
        "it",
        "the item you sent",
        "the article I got from you",
        "the item from your website",
        "this item",
        "that thing from your shop",
        "my last purchase",
        "something I bought from you",
        "my latest purchase",
    ),
    issues={
        "broken": (
            "does not turn on any more",
            "stopped working yesterday",
            "is completely dead",
            "is broken after two days",
            "will not start at all",
            "no longer works",
            "shut down and won't switch on",
        ),
        "leak": (
            "leaks all over the place",
            "is leaking water",
            "drips on the floor",
            "leaves a puddle every night",
            "has water coming out of the bottom",
            "lets water run out at the side",
            "has a leak",
        ),
        "noise": (
            "makes a terrible noise",
            "is far too loud",
            "rattles all the time",
            "squeals and hums when it runs",
            "is so noisy that we cannot sleep",
            "started buzzing loudly",
            "makes a grinding sound",
        ),
        "late": (
            "has not arrived yet",
            "was due last week and never came",
            "is still not delivered",
            "should have been here on Monday",
            "is ten days late",
            "is stuck somewhere in the post",
            "was never delivered to us",
        ),
        "refund": (
            "is going back and I want my money back",
            "disappoints me, please refund me",
            "is not for me, I would like a refund",
            "is not worth it, give me my money back",
            "should be refunded",
            "went back to you but the refund is missing",
        ),
        "wrong item": (
            "is not the one I picked",
            "came in the wrong colour",
            "is a different model than I chose",
            "is the wrong size",
            "is not what I asked for",
            "turned out to be the wrong one",
            "was mixed up, you sent something else",
        ),
        "missing part": (
            "came without its lid",
            "has no power cable in the box",
            "arrived with a part missing",
            "is missing its handle",
            "has no manual in the box",
            "came without the screws",
            "was packed without the plug",
        ),
    },
    orders=(
        "My order number is {order}.",
        "Order {order}.",
        "It was order #{order}.",
        "This is about order {order}.",
        "See my order {order}.",
    ),
    priorities={
        "high": (
            "This is urgent!",
            "It is very urgent.",
            "I need help today.",
            "I must have a solution today.",
            "Please fix this as soon as possible.",
            "I need an answer as soon as possible.",
            "Please act immediately.",
            "I want this solved immediately.",
        ),
        "medium": (
            "Please answer this week.",
            "Some time this week would do.",
            "It would be good to have an answer this week.",
            "I hope to hear from you within the week.",
            "Any day this week is fine.",
            "Please reply before the end of the week.",
        ),
        "low": (
            "There is no rush.",
            "No rush with this.",
            "Take your time.",
            "Please take all the time you need.",
            "Answer whenever you have time.",
            "Do it whenever you like.",
            "This can wait.",
            "My question can wait a little.",
        ),
    },
    other_products=(
        "This is not about the {product}.",
        "I do not write about the {product}.",
        "It is not about my {product}, which works.",
        "My question is not about the {product}.",
        "Not about the {product}, that one is fine.",
        "I have nothing to say about the {product}.",
        "My letter is not about your {product}.",
        "I am not asking about the old {product}.",
    ),
    other_numbers=(
        "I paid {small} euros.",
        "My postcode is {large}.",
        "The serial number is {large}.",
        "Call me on {large}.",
        "It was {small} euros in the sale.",
    ),
    small_talk=(
        "It was a present.",
        "I have been a customer for years.",
        "My neighbour recommended your shop.",
        "I like your website.",
        "I wrote to you before.",
        "My husband is annoyed.",
        "We are quite sad about it.",
        "I expected more from you.",
        "I have attached a photo.",
        "I kept the receipt.",
        "It is for my daughter.",
        "We live on the third floor.",
        "Thank you for your help.",
        "I am writing from Berlin.",
        "What can we do?",
        "Kind regards, Anna.",
        "I paid by card.",
        "Your shop has a good name.",
        "I wonder what to do.",
        "You surely understand.",
    ),
)

VALIDATION = Wording(
    greetings=("", "Good day.", "Hey."),
    subjects=("this {product}", "our {product}", "the {product} you sold me"),
    nameless=("this product", "what I bought"),
    issues={
        "broken": ("refuses to turn on", "has stopped working", "is dead since Sunday"),
        "leak": ("started to leak", "drips water everywhere", "stands in a puddle of water"),
        "noise": ("is very noisy", "makes a loud rattling noise", "hums loudly"),
        "late": ("still has not come", "is late by a week", "has not been delivered"),
        "refund": ("is bad and I ask for a refund", "must be refunded", "is useless, I want the money back"),
        "wrong item": ("is the wrong model", "is not the colour I picked", "is a different one than I asked for"),
        "missing part": ("came without a plug", "has a part missing", "is missing its lid"),
    },
    orders=("The order was {order}.", "Order number: {order}.", "I mean order #{order}."),
    priorities={
        "high": ("Very urgent!", "Please help me today.", "I need it solved as soon as you can."),
        "medium": ("A reply this week, please.", "Within this week is good."),
        "low": ("I have no rush.", "Take as much time as you need.", "Reply whenever you can."),
    },
    other_products=("It is not about the {product}.", "I am not asking about my {product}."),
    other_numbers=("It cost {small} euros.", "Postcode {large}.", "Its serial is {large}."),
    small_talk=("It was a birthday present.", "Thank you very much.", "I am a regular customer.", "What should I do?"),
)

TEST = Wording(
    greetings=("", "Good morning.", "Dear team!", "Hello again."),
    subjects=("the {product} I got from you", "that {product} of mine", "my brand new {product}", "your {product}"),
    nameless=("the item from your shop", "this thing", "my new purchase"),
    issues={
        "broken": (
            "just won't turn on",
            "suddenly stopped working",
            "broke on the first day",
            "is dead and does not start",
            "is not working any longer",
        ),
        "leak": (
            "leaks from below",
            "keeps dripping",
            "is leaking onto the carpet",
            "makes puddles of water",
            "loses water at the back",
        ),
        "noise": (
            "has become really loud",
            "makes strange noises",
            "is rattling and humming",
            "is too noisy for our flat",
            "makes a loud buzzing sound",
        ),
        "late": (
            "has still not been delivered",
            "never arrived",
            "is two weeks late",
            "did not come on Friday as promised",
            "should have arrived days ago",
        ),
        "refund": (
            "does not please me, please give me a refund",
            "was returned, where is my refund",
            "is poor and I want a full refund for it",
            "does not suit me and I want to be refunded",
        ),
        "wrong item": (
            "is the wrong colour",
            "is not the model I chose",
            "is a different size than I picked",
            "seems to be the wrong one",
            "is not at all what I asked you for",
        ),
        "missing part": (
            "arrived without its cable",
            "lacks a part",
            "was missing the handle",
            "has no screws in the package",
            "came without any manual",
        ),
    },
    orders=(
        "The number of my order is {order}.",
        "You find it under order {order}.",
        "My order: {order}.",
        "I ordered it as order no. {order}.",
    ),
    priorities={
        "high": (
            "It is really urgent.",
            "I must have help today!",
            "Please reply as soon as you possibly can.",
            "You have to solve this immediately.",
        ),
        "medium": (
            "It would be nice to hear from you this week.",
            "It is enough to answer this week.",
            "Can you get back to me this week?",
        ),
        "low": (
            "I am in no rush.",
            "You can take your time.",
            "Write back whenever it suits you.",
            "All this can wait.",
        ),
    },
    other_products=(
        "I am not writing about the {product}.",
        "This is not about my old {product}.",
        "My complaint is not about the {product}.",
    ),
    other_numbers=(
        "It cost me {small} dollars.",
        "I live in postcode {large}.",
        "Its serial number reads {large}.",
        "You can call {large}.",
    ),
    small_talk=(
        "I got it as a gift.",
        "I have the receipt.",
        "Thanks in advance.",
        "My sister told me about your shop.",
        "I have bought from you before.",
        "What do you suggest?",
        "I am sorry to trouble you.",
        "Best wishes from Hamburg.",
    ),
)

WORDINGS: Mapping[str, Wording] = {"train": TRAIN, "validation": VALIDATION, "test": TEST}

Row = dict[str, list[dict[str, str]]]


def ticket(wording: Wording, rng: random.Random) -> Row:
    """One ticket and its filing."""
    issue = rng.choice(list(wording.issues))
    product = rng.choice(HOLDS_WATER if issue == "leak" else list(PRODUCTS)) if rng.random() < 0.8 else None
    priority = rng.choice(list(wording.priorities))
    order = rng.randrange(10_000, 100_000) if rng.random() < 0.65 else None
    filed = {"product": product, "issue": issue, "priority": priority, "order": order}
    text = " ".join(_sentences(wording, rng, product, issue, priority, order))
    answer = json.dumps(filed, separators=(",", ":"))
    turns = (("system", SYSTEM), ("user", text), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def _sentences(
    wording: Wording, rng: random.Random, product: str | None, issue: str, priority: str, order: int | None
) -> Iterator[str]:
    """The problem first or last, what else is told around it in any order."""
    subject = (
        rng.choice(wording.subjects).format(product=rng.choice(PRODUCTS[product]))
        if product
        else rng.choice(wording.nameless)
    )
    problem = _capital(f"{subject} {rng.choice(wording.issues[issue])}.")
    around = [rng.choice(wording.orders).format(order=order)] if order else []
    around.append(rng.choice(wording.priorities[priority]))
    if rng.random() < 0.4:
        around.append(_distractor(wording, rng, product))
    if rng.random() < 0.25:
        around.append(rng.choice(wording.small_talk))
    rng.shuffle(around)
    around.insert(0 if rng.random() < 0.6 else len(around), problem)
    greeting = rng.choice(wording.greetings)
    if greeting:
        yield greeting
    yield from around


def _distractor(wording: Wording, rng: random.Random, product: str | None) -> str:
    """A sentence on something that is not meant; without a product meant, only a number, lest one be taken for it."""
    if product and rng.random() < 0.3:
        other = rng.choice([name for name in PRODUCTS if name != product])
        return rng.choice(wording.other_products).format(product=rng.choice(PRODUCTS[other]))
    small, large = rng.randrange(20, 400), rng.randrange(10_000, 100_000)
    return rng.choice(wording.other_numbers).format(small=small, large=large)


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def rows(split: str) -> list[Row]:
    """The rows of a split, no text twice."""
    rng = random.Random(f"{SEED} {split}")  # noqa: S311 - repeatable data, nothing secret
    found: dict[str, Row] = {}
    while len(found) < SIZES[split]:
        row = ticket(WORDINGS[split], rng)
        found.setdefault(row["messages"][1]["content"], row)
    return list(found.values())


def main(folder: Path = Path(__file__).parent) -> None:
    """Write one file a split into ``folder``."""
    for split in SIZES:
        lines = "".join(json.dumps(row) + "\n" for row in rows(split))
        (folder / f"support_tickets.{split}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
