"""Near duplicates: what is found of planted ones, what is told falsely, and how long it takes.

Among texts of 5 to 500 words stand copies of 1 in 100 of them, edited in nine ways that leave what they say, none in
more than 15 % of the words. Beside them stand texts that look alike and say something else: templates filled in,
questions about another thing, sentences negated, words that changed places. A found pair is right only if one of its
texts was made of the other. Then: seconds and memory for 100,000 texts of a hundred words, and for the three checks
that rest upon it on as many chat rows. Prints one JSON object a line and exits 0 however the figures fall.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import chat_rows
from figures import say

LEAST_RECALL, LEAST_PRECISION = 0.95, 0.98
MOST_MEBIBYTES = 300
MOST_EDITED = 0.15
SHORT = 20
"""Words below which only words that carry no meaning are edited: another would make it another text."""

FRAMES = (
    "Please tell me: {}", "Could you please tell me the following? {}", "{} Thanks!", "Hi, {}", "{} Please help.",
    "I would like to know this. {}", "Question: {}", "Let me ask you: {}", "Hello, I was wondering: {} Thank you.",
    "Please answer the question. {}", "Can you help me with this? {}", "{} Explain, please.",
)  # fmt: skip
SYNONYMS = {
    "because": "since", "however": "but", "whether": "if", "also": "too", "will": "shall", "can": "may",
    "must": "should", "the": "this", "a": "one", "an": "some", "it": "this", "for": "to", "which": "that",
    "with": "by", "that": "which", "any": "some", "these": "those", "is": "was", "are": "were", "by": "with",
    "in": "within", "of": "for", "should": "must", "be": "been", "to": "for", "this": "the", "and": "or",
    "or": "and",
}  # fmt: skip
FILLERS = ("really", "just", "very", "also", "so", "quite", "actually", "indeed", "rather", "simply")
KEPT = re.compile(
    r"n't$|^(not|cannot|no|never|none|nor|neither|without|only|before|after|more|less|first|last|all|true|false)$"
)
"""Words that no edit touches, since a person would say that the text says something else without them."""
NAMES = (
    "Anna",
    "Bruno",
    "Carla",
    "David",
    "Elena",
    "Farid",
    "Greta",
    "Hugo",
    "Irina",
    "Jonas",
    "Keiko",
    "Luis",
    "Mara",
)
CITIES = (
    "Paris", "Berlin", "Madrid", "Oslo", "Cairo", "Lima", "Quito", "Rome", "Athens", "Dublin", "Vienna", "Prague",
    "Lisbon", "Warsaw", "Tokyo", "Seoul", "Delhi", "Hanoi", "Tunis", "Accra",
)  # fmt: skip
THINGS = (
    "chairs", "lamps", "boots", "drums", "kettles", "bicycles", "candles", "violins", "carpets", "mirrors", "ladders",
    "tents", "scarves", "pianos", "teapots", "anchors", "blankets", "compasses", "helmets", "easels",
)  # fmt: skip
QUESTIONS = (
    "What is the capital region around {city}?", "How many people live in {city} today?", "Who founded {city}?",
    "When was the first bridge in {city} built?", "Write a short poem about {thing}.",
    "How do I repair {thing} at home?",
    "Which museum in {city} shows old {thing}?", "What do {thing} cost in {city}?", "How are {thing} made?",
    "Describe how {thing} were invented and who uses them.",
    "Is it cheaper to rent {thing} than to buy them in {city}?",
    "How far is it from {city} to the sea?", "List three facts about {thing}.", "Where can I sell {thing} in {city}?",
)  # fmt: skip
ASKED = ("Who", "When", "Where", "Why", "How")
OUTER = (
    "repaired the old bridge near the harbour",
    "moved the archive to another building",
    "changed the rules of the game",
)


@dataclass
class Corpus:
    """The texts, and which pairs of them say the same."""

    texts: list[str] = field(default_factory=list)
    planted: dict[tuple[int, int], tuple[str, int]] = field(default_factory=dict)
    """Original and copy -> the kind of edit, and the words of the original."""
    kind_of: list[str] = field(default_factory=list)

    def add(self, text: str, kind: str) -> int:
        self.texts.append(text)
        self.kind_of.append(kind)
        return len(self.texts) - 1

    def shuffled(self, seed: int) -> Corpus:
        order = list(range(len(self.texts)))
        random.Random(seed).shuffle(order)
        place = {old: new for new, old in enumerate(order)}
        moved = {tuple(sorted((place[one], place[two]))): kind for (one, two), kind in self.planted.items()}
        return Corpus([self.texts[old] for old in order], moved, [self.kind_of[old] for old in order])


def measure(*, quick: bool) -> None:
    accuracy(20_000 if quick else 100_000)
    for what in ("texts", "checks"):
        cost(what, 20_000 if quick else 100_000)


def accuracy(count: int) -> None:
    from harness import near_duplicates

    corpus = made(count, seed=1)
    began = time.process_time()
    found = {(pair.first, pair.second) for pair in near_duplicates(corpus.texts)}
    seconds = round(time.process_time() - began, 2)
    missed: Counter[str] = Counter(kind for pair, (kind, _) in corpus.planted.items() if pair not in found)
    of_kind = Counter(kind for kind, _ in corpus.planted.values())
    for kind in EDITS:
        recall = 1 - missed[kind] / of_kind[kind]
        say(f"near duplicates: recall, {kind}", round(recall, 4), LEAST_RECALL, "share", recall >= LEAST_RECALL,
            planted=of_kind[kind], texts=len(corpus.texts))  # fmt: skip
    by_length: dict[str, list[bool]] = defaultdict(list)
    for pair, (_, words) in corpus.planted.items():
        by_length["below 20" if words < 20 else "20-99" if words < 100 else "100 and more"].append(pair in found)
    wrong = [pair for pair in found if pair not in corpus.planted]
    precision = 1 - len(wrong) / max(1, len(found))
    say("near duplicates: precision", round(precision, 4), LEAST_PRECISION, "share", precision >= LEAST_PRECISION,
        found=len(found), seconds=seconds,
        false_by_kind=Counter(" / ".join(sorted({corpus.kind_of[index] for index in pair})) for pair in wrong),
        look_alikes=Counter(kind for kind in corpus.kind_of if kind not in ("text", *EDITS)),
        recall_by_words={name: round(sum(each) / len(each), 4) for name, each in by_length.items()})  # fmt: skip


def cost(what: str, count: int) -> None:
    """In a process of its own, whose peak of memory is its own."""
    command = [sys.executable, __file__, "--cost", what, "--count", str(count)]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if what == "texts":
        seconds, mebibytes = told["seconds"], told["mebibytes"]
        say("near duplicates: one core's time", seconds, None, "s", None, **told)
        say("near duplicates: memory beside the texts", mebibytes, MOST_MEBIBYTES, "MiB", mebibytes <= MOST_MEBIBYTES)
    else:
        # the time of all checks together has a limit, in data_checks
        say("duplicates, contradictions and leakage: one core's time", told["seconds"], None, "s", None, **told)


def made(count: int, seed: int) -> Corpus:
    """So many texts and a few more: 1 in 100 has an edited copy, and 1 in 10 looks like another."""
    draw, corpus = random.Random(seed), Corpus()
    pool = list(chat_rows.sentences())
    draw.shuffle(pool)
    once = distinct(pool)
    words = {word for sentence in pool[:3000] for word in sentence.split()}
    plain = sorted(word for word in words if word.isalpha() and word.islower() and len(word) > 3)
    for number in range(count):
        is_short = number % 10 == 0 and once
        length = draw.randint(5, 40) if is_short else int(60 * (500 / 60) ** draw.random())
        corpus.add(short(once, length) if is_short else drawn(draw, pool, length), "text")
    step = 100
    for turn, number in enumerate(range(0, count, step)):
        kind = list(EDITS)[turn % len(EDITS)]
        # every other one of the short while there are any, which are the hard ones
        original = number + turn // len(EDITS) % 2
        text = corpus.texts[original]
        copy = corpus.add(EDITS[kind](draw, text, plain), kind)
        corpus.planted[original, copy] = kind, len(text.split())
    for kind, text in look_alikes(draw, pool, count // 10):
        corpus.add(text, kind)
    for number in draw.sample(range(count), count // 100):
        if (negated := negation(corpus.texts[number])) is not None:
            corpus.add(negated, "negated")
    return corpus.shuffled(seed)


def distinct(pool: list[str]) -> list[str]:
    """The sentences of which no two say nearly the same: two long words of an earlier one rule a sentence out."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for sentence in pool:
        long = sorted(set(re.findall(r"[a-z]{5,}", sentence.lower())), key=lambda word: (-len(word), word))[:5]
        pairs = set(combinations(sorted(long), 2))
        if len(long) >= 2 and not pairs & seen:
            kept.append(sentence)
            seen |= pairs
    return kept


def short(once: list[str], length: int) -> str:
    """Of sentences that stand in no other short text."""
    said = once.pop()
    while once and len(said.split()) < length:
        said = f"{said} {once.pop()}"
    return said


def drawn(draw: random.Random, pool: list[str], length: int) -> str:
    said: list[str] = []
    while sum(len(sentence.split()) for sentence in said) < length:
        said.append(draw.choice(pool))
    return " ".join(said)


def look_alikes(draw: random.Random, pool: list[str], count: int) -> Iterator[tuple[str, str]]:
    """Texts of which no two say the same."""
    questions = {
        question.format(city=city, thing=thing) for question in QUESTIONS for city in CITIES for thing in THINGS
    }
    yield from (("question", each) for each in draw.sample(sorted(questions), min(len(questions), count // 4)))
    for ask in ASKED:
        yield from (("question word", f"{ask} was it that they {outer}?") for outer in OUTER)
    for _ in range(count // 40):
        one, other = draw.sample(CITIES, 2)
        train = f"{draw.randint(1, 12)} trains leave platform {draw.randint(1, 400)}"
        yield "places changed", f"{train} from {one} to {other}."
        yield "places changed", f"{train} from {other} to {one}."
    left = count // 2
    while left > 0:
        size, template = draw.choice((2, 3, 5, 10, 50, 400)), drawn(draw, pool, draw.randint(8, 60))
        for number in draw.sample(range(1000, 99999), min(size, left)):
            yield "template", f"Order {number} of {draw.choice(NAMES)}, {draw.choice(CITIES)}: {template}"
        left -= size
    left = count // 5
    while left > 0:
        instruction = drawn(draw, pool, draw.randint(40, 80))
        for sentence in draw.sample(pool, min(300, left)):
            yield "instruction", f"{instruction}\nText: {sentence}"
        left -= 300


def negation(text: str) -> str | None:
    """The text with its first plain statement denied; none where it is long, or has no such statement."""
    if len(text.split()) > 60 or KEPT.search(text):
        return None
    denied = re.sub(r"\b(is|are|can|will|should|must) (?!not\b)", r"\1 not ", text, count=1)
    return denied if denied != text else None


def case(draw: random.Random, text: str, plain: list[str]) -> str:
    return draw.choice((str.upper, str.lower, str.title, str.swapcase))(text)


def punctuation(draw: random.Random, text: str, plain: list[str]) -> str:
    way = draw.randrange(4)
    if way == 0:
        return re.sub(r"[.](?!\d)|[,;:!?'\"()]", "", text)
    if way == 1:
        return re.sub(r"[.](?= |$)", "!!!", text.replace(", ", " - "))
    if way == 2:
        return f'"{text}"...'
    return re.sub(r"(?<=[a-z]) (?=[a-z])", lambda _: draw.choice((" ", " ", " ", ", ")), text)


def white_space(draw: random.Random, text: str, plain: list[str]) -> str:
    kinds = ("  ", "\n", "\t", "\u00a0", "\r\n", " \u2003 ", "\n\n")
    return "\n" + re.sub(" ", lambda _: draw.choice((" ", draw.choice(kinds))), text) + "  "


def word_order(draw: random.Random, text: str, plain: list[str]) -> str:
    sentences = re.split(r"(?<=[.!?]) ", text)
    if len(sentences) > 1 and draw.random() < 0.5:
        one, other = draw.sample(range(len(sentences)), 2)
        sentences[one], sentences[other] = sentences[other], sentences[one]
        return " ".join(sentences)
    words = text.split()
    for _ in range(max(1, len(words) // 30)):
        place = draw.randrange(len(words) - 1)
        words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def one_word(draw: random.Random, text: str, plain: list[str]) -> str:
    return replaced(draw, text, plain, 1)


def several_words(draw: random.Random, text: str, plain: list[str]) -> str:
    return replaced(draw, text, plain, how_many(draw, text))


def replaced(draw: random.Random, text: str, plain: list[str], count: int) -> str:
    words = text.split()
    for place in touched(draw, words, count):
        words[place] = SYNONYMS[words[place]] if len(words) < SHORT else draw.choice(plain)
    return " ".join(words)


def dropped(draw: random.Random, text: str, plain: list[str]) -> str:
    words = text.split()
    out = set(touched(draw, words, how_many(draw, text)))
    return " ".join(word for place, word in enumerate(words) if place not in out)


def added(draw: random.Random, text: str, plain: list[str]) -> str:
    words = text.split()
    for _ in range(how_many(draw, text)):
        words.insert(draw.randint(1, len(words)), draw.choice(FILLERS if len(words) < SHORT else plain))
    return " ".join(words)


def paraphrase(draw: random.Random, text: str, plain: list[str]) -> str:
    if draw.random() < 0.5:
        return draw.choice(FRAMES).format(text)
    words = text.split()
    for place in draw.sample(range(len(words)), len(words)):
        if words[place] in SYNONYMS and how_many(draw, text) > 0:
            words[place] = SYNONYMS[words[place]]
            break
    return draw.choice(FRAMES).format(" ".join(words))


def how_many(draw: random.Random, text: str) -> int:
    most = int(MOST_EDITED * len(text.split()))
    return draw.randint(min(2, max(1, most)), max(1, most))


def touched(draw: random.Random, words: list[str], count: int) -> list[int]:
    """Places of words that an edit may change: no number, no name, none on which the meaning turns."""
    if len(words) < SHORT:
        open_to_it = [place for place, word in enumerate(words) if word in SYNONYMS]
    else:
        open_to_it = [
            place for place, word in enumerate(words) if word.isalpha() and word.islower() and not KEPT.search(word)
        ]
    return draw.sample(open_to_it, min(count, len(open_to_it)))


EDITS: dict[str, Callable[[random.Random, str, list[str]], str]] = {
    "letter case": case,
    "punctuation": punctuation,
    "white space": white_space,
    "word order": word_order,
    "one word replaced": one_word,
    "several words replaced": several_words,
    "words dropped": dropped,
    "words added": added,
    "paraphrase template": paraphrase,
}


def spend(what: str, count: int) -> None:
    """In the process of its own: print what it took."""
    rows = list(chat_rows.rows(count))
    if what == "texts":
        from harness import near_duplicates

        texts = [" ".join(turn["content"] for turn in row["messages"]) for row in rows]
        del rows
        # the peak of reading the sentences is not to hide this one's
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before, began = peak(), time.process_time()
        near_duplicates(texts)
        told = {"seconds": round(time.process_time() - began, 2), "mebibytes": peak() - before}
    else:
        told = of_checks(count, rows)
    told["texts"] = count
    print(json.dumps(told))


def peak() -> int:
    """The most memory that this process held, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) >> 10


def of_checks(count: int, objects: list[dict[str, list[dict[str, str]]]]) -> dict[str, float]:
    """Training rows, and a twentieth as many each that judge."""
    from harness import DataContext, Row, Table
    from harness.values import Message
    from harness_datachecks.contradictions import Contradictions
    from harness_datachecks.duplicates import Duplicates
    from harness_datachecks.leakage import Leakage

    def table(name: str, rows: list[dict[str, list[dict[str, str]]]]) -> Table:
        found = [
            Row(line, tuple(Message(turn["role"], turn["content"]) for turn in row["messages"]))
            for line, row in enumerate(rows, start=1)
        ]
        return Table(name, Path(f"{name}.jsonl"), "messages", tuple(found))

    train = table("train", objects)
    others = {
        name: table(name, list(chat_rows.rows(count // 20, seed=seed)))
        for seed, name in enumerate(("test", "validation"), 1)
    }
    context = DataContext(others=others, held_out=frozenset(others))
    told: dict[str, float] = {}
    for check in (Duplicates(), Contradictions(), Leakage()):
        began = time.process_time()
        findings = check.check(train, context)
        told[check.name] = round(time.process_time() - began, 2)
        told[f"{check.name}_spots"] = sum(len(finding.spots) for finding in findings)
    told["seconds"] = round(sum(told[name] for name in ("duplicates", "contradictions", "leakage")), 2)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 texts")
    parser.add_argument("--cost", choices=["texts", "checks"], help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    spend(options.cost, options.count) if options.cost else measure(quick=options.quick)


if __name__ == "__main__":
    main()
