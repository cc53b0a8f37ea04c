"""The vocabulary: every value that crosses a border between two parts of the harness.

Values are frozen. What is alike has the same identity: a sample is known by the digest of its content, never by its
position. What was not measured is ``None``, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

Role = Literal["system", "user", "assistant", "tool"]
Mode = Literal["generate", "choose", "likelihood"]
Tier = Literal["critical", "supporting", "advisory"]
Target = Literal["population", "this_benchmark"]
"""What a claim is about: new items like these, or the score that the whole benchmark would give."""
RELEASE = "release"
"""What a gate calls the candidate that its suite passed last."""
GENERAL = "trainer.general_data"
"""What the rows that a training mixes in are called; ``general`` may be a split."""
TrainsOn = Literal["messages", "text"]
"""What a row of training data is: a conversation, or raw text."""
Outcome = Literal["passed", "failed", "inconclusive"]
RunStatus = Literal["running", "finished", "failed"]
Preference = Literal["baseline", "candidate", "tie"]
"""Which of two answers is the better one."""
PEOPLE = "people"
"""What a gate calls the preferences that people gave in a review, as if it were a metric of every task."""
LABELS_NEEDED = 100
"""Pairs of answers that people must have labelled before a rule on a judge says anything."""
Severity = Literal["error", "warning", "info"]
"""Of what a data check found: ``error`` stops a release, ``warning`` should be looked at, ``info`` only tells."""
FindingKind = Literal["overfitting", "memorisation", "divergence", "oscillation", "no movement"]
Kind = Literal["backend", "trainer", "metric", "judge", "benchmark", "data_check"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


Prompt = str | tuple[Message, ...]
"""What a model is given: raw text as it stands, or messages that go through the model's chat template."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One item that every arm answers."""

    id: str
    """Digest of the content, so that the same item has the same id in every run (``harness.identity``)."""
    prompt: Prompt
    targets: tuple[str, ...]
    """Every text that counts as right."""
    choices: tuple[str, ...] = ()
    """For ``choose``: the continuations to compare, each as it follows the prompt, leading space included."""
    answer: int | None = None
    """For ``choose``: the index of the right choice."""
    stratum: str | None = None
    """A fixed part of the whole, as an MMLU subject: the claim is about these parts."""
    cluster: str | None = None
    """A sampled group, as a passage with several questions: its items are not independent facts."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data file as it was when the plan was made."""

    name: str
    path: Path
    sha256: str
    size: int
    """Rows."""
    format: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A name with its options as the suite writes them; ``plan.make`` resolves it once."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in sorted(self.options.items()))
        return f"{self.name}({options})" if options else self.name


def labels(refs: Sequence[Ref]) -> tuple[str, ...]:
    """How the record and the report call each: by its ``label`` or its bare name, or in full where two share one."""
    names = [str(ref.options.get("label") or ref.name.rsplit("/", 1)[-1]) for ref in refs]
    return tuple(name if names.count(name) == 1 else str(ref) for name, ref in zip(names, refs, strict=True))


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which weights, and how they are opened."""

    name: str
    """A hub id, a folder, or a ``.gguf`` file."""
    backend: str = "transformers"
    dtype: str = "float32"
    device: str = "auto"
    revision: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True)
class Prompting:
    """What stands before each prompt of an arm."""

    system: str | None = None
    few_shot: tuple[tuple[Message, ...], ...] = ()
    """Whole example conversations, each ending with the assistant's answer."""
    chain_of_thought: bool = False


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of the experiment: a model as it is asked."""

    name: str
    model: ModelRef
    adapter: Path | None = None
    prompting: Prompting = Prompting()


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """How a model answers; greedy unless a temperature is given."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these."""
    seed: int = 0
    batch_size: int = 16
    repeats: int = 1
    """Answers to each prompt; more than one only with a temperature."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer of a model, or the weight that it gives to a text: in ``choose`` to one of the choices."""

    sample_id: str
    attempt: int
    """0, 1, ... of one sample; in ``choose`` the index of the choice."""
    text: str
    finish_reason: Literal["stop", "length", "choice", "given"]
    """Why the answer ended; ``choice`` and ``given`` where the model was not asked to write."""
    prompt_tokens: int
    output_tokens: int
    seconds: float
    """This answer's share of its batch's wall time."""
    log_likelihood: float | None = None
    """Natural logarithm of the probability of ``text`` after the prompt; not in ``generate``."""
    is_greedy: bool | None = None
    """Whether ``text`` is what greedy decoding would have said; not in ``generate``."""
    reasoning: str | None = None
    """What was written before the answer by a model that was asked to think first; its tokens and seconds count."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """By what an answer is found again, and who asked for it."""

    request: bytes
    """Digest of all that the answer depends on."""
    reused_from: int | None = None
    """Where it was not asked but taken over: the task that asked, by its key in the record."""


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """How likely a continuation is after its context."""

    value: float
    is_greedy: bool
    context_tokens: int
    continuation_tokens: int


@dataclass(frozen=True, slots=True)
class Item:
    """What a metric sees: a sample with all its answers."""

    sample: Sample
    generations: tuple[Generation, ...]

    @property
    def text(self) -> str:
        """The first answer."""
        return self.generations[0].text


@dataclass(frozen=True, slots=True)
class Score:
    """One metric's word on one sample; without a value it says why."""

    sample_id: str
    value: float | None
    why_missing: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What a judge is shown of one sample."""

    sample: Sample
    answers: tuple[str, ...]
    """One answer; or the baseline's and the candidate's, in this order, for a judge that compares."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a server asks for a million tokens, in whatever money its budget is in."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    input: float = 0.0
    output: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a judge may ask in one experiment; ``None`` is without end.

    What has been sent when it is spent is still waited for and kept.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    calls: int | None = None
    tokens: int | None = None
    """Read and written together."""
    money: float | None = None


@dataclass(frozen=True, slots=True)
class JudgeModel:
    """The model behind a judge, and how it is asked."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    name: str
    """A hub id, a folder, a ``.gguf`` file, or what a server calls it."""
    backend: str | Mapping[str, Any] = "transformers"
    """A backend's name, or ``{name: openai, base_url: ...}`` with the backend's own options."""
    dtype: str = "float32"
    device: str = "auto"
    revision: str | None = None
    trust_remote_code: bool = False
    max_new_tokens: int = 512
    temperature: float = 0.0
    batch_size: int = 16
    """Prompts that a local model answers at once."""
    prices: Prices = Prices()
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        if not isinstance(self.backend, str) and not isinstance(self.backend.get("name"), str):
            raise ValueError("backend is a name, or a mapping with a 'name': {name: openai, base_url: ...}")
        for name in ("max_new_tokens", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        amounts = {"temperature": self.temperature, "prices.input": self.prices.input}
        amounts |= {"prices.output": self.prices.output}
        for name, amount in amounts.items():
            if not 0 <= amount < math.inf:
                raise ValueError(f"{name} is a number from 0 on, not {amount:g}")
        for name in ("calls", "tokens", "money"):
            limit = getattr(self.budget, name)
            if limit is not None and not 0 < limit < math.inf:
                raise ValueError(f"budget.{name} is a number above 0, not {limit:g}; leave it out for no limit")
        if self.budget.money is not None and self.prices == Prices():
            raise ValueError("budget.money needs prices: {input: ..., output: ...} for a million tokens")

    @property
    def backend_ref(self) -> Ref:
        """The backend with its options."""
        if isinstance(self.backend, str):
            return Ref(self.backend)
        return Ref(str(self.backend["name"]), {key: value for key, value in self.backend.items() if key != "name"})

    @property
    def ref(self) -> ModelRef:
        """The model for its backend."""
        return ModelRef(
            self.name, self.backend_ref.name, self.dtype, self.device, self.revision, self.trust_remote_code
        )

    @property
    def settings(self) -> GenerationSettings:
        """How it answers."""
        return GenerationSettings(
            max_new_tokens=self.max_new_tokens, temperature=self.temperature, batch_size=self.batch_size
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge's model said to one prompt; without a text it says why."""

    text: str | None
    why_missing: str | None = None
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a judge has used up."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one rater thinks of a sample's two answers."""

    sample_id: str
    rater: str
    value: float | None
    """1 where the candidate's answer is better, 0 where the baseline's is, 0.5 for a tie."""
    why_missing: str | None = None
    """E.g. that the rater skipped it."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """A note, that both are bad, which stood left; grades of both where a person gave such."""


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """How often people and a judge chose one class, and how often both did on the same sample."""

    name: Preference
    people: int
    judge: int
    both: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """A judge held to people's labels of the same pairs of answers.

    Rates are means of a preference d: 1 where the candidate's answer is better, -1 where the baseline's is, 0 for a
    tie; (1 + d) / 2 is the share of wins with ties as half. For a judge that grades single answers d is the candidate's
    grade minus the baseline's.
    """

    task: str
    metric: str
    against: str
    compares: bool
    """Whether the judge was shown two answers side by side."""
    items: int
    """Pairs that the judge was shown."""
    missing: int
    """Of them without a judgement."""
    labels: int
    """Pairs that people labelled."""
    unlabelled: int
    """Pairs that were drawn for people and have no label yet, or were skipped."""
    raw: float | None
    """The judge's own rate over all pairs."""
    corrected: float | None
    """People's rate over all pairs, by the judge's help; ``None`` with fewer than three labels."""
    low: float | None
    """Two-sided 95 % interval of ``corrected``; drawn pairs without a label are taken at their worst and best."""
    high: float | None
    agreement: float | None = None
    """Share of the labelled pairs on which both chose the same class."""
    kappa: float | None = None
    """Cohen's, over the three classes."""
    kappa_low: float | None = None
    """Its one-sided 95 % lower bound."""
    classes: tuple[ClassAgreement, ...] = ()
    order_disagreement: float | None = None
    """Share of pairs where the judge's word turned with the order of the answers."""
    first_place: float | None = None
    """How often the judge preferred what stood first, of all the times that it preferred one; 0.5 is no bias."""
    longer_judge: float | None = None
    """How often the judge preferred the longer answer, of all the times that it preferred one."""
    longer_people: float | None = None
    """How often people did, on the pairs that they labelled."""


Cell = str | int | float | None
"""What stands in one place of a table; ``None`` where nothing is known."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What a metric tells besides its value, as the classes of a classification one by one."""

    name: str
    """What the rows are, e.g. ``classes``."""
    columns: tuple[str, ...]
    """Their heads; the first column names the row."""
    rows: tuple[tuple[Cell, ...], ...]
    """In the order to be read; the last one may be of what fits no other."""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                counted = f"has {len(row)} cells for {len(self.columns)} columns"
                raise ValueError(f"row {number} of the breakdown {self.name!r} {counted}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric over all samples of a task, with a two-sided 95 % interval."""

    task: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    scored: int
    missing: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Who offered a plugin."""

    distribution: str
    version: str
    entry_point: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A plugin's misstep, recorded instead of raised."""

    origin: Origin
    hook: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """How the items of a task may be asked until its gates are decided, fixed before the first was asked."""

    target: Target
    total: int
    """Items that would be asked if nothing were decided."""
    looks: tuple[int, ...]
    """The numbers of items after which the gates are asked."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked and how it is scored."""

    name: str
    mode: Mode
    metrics: tuple[Ref, ...]
    generation: GenerationSettings = GenerationSettings()
    benchmark: str | None = None
    """The benchmark that this task is, if it checks forgetting."""
    version: str = "1"
    stopping: Stopping | None = None
    judges: tuple[Ref, ...] = ()
    """Who is shown the answers after every arm has given its own; each has scores as a metric has."""

    @property
    def scorers(self) -> tuple[Ref, ...]:
        """Metrics and judges, in the order of their labels."""
        return (*self.metrics, *self.judges)

    def answers_to(self, sample: Sample) -> int:
        """How many answers make the sample whole: one for each attempt, or for each choice."""
        if self.mode == "generate":
            return self.generation.repeats
        return len(sample.choices) if self.mode == "choose" and sample.choices else 1


@dataclass(frozen=True, slots=True)
class GateRule:
    """One condition of the release: exactly one of ``min_gain``, ``max_drop``, ``at_least`` and ``at_most``."""

    task: str
    metric: str | None
    """``None`` stands for the first metric of the task or benchmark."""
    min_gain: float | None = None
    max_drop: float | None = None
    relative: bool = False
    """Whether ``max_drop`` is a share of the baseline's score rather than points."""
    at_least: float | None = None
    at_most: float | None = None
    """What ``at_least`` is where lower is better."""
    against: str = "base"
    """An arm of the suite, ``release`` for the candidate that this suite passed last, or the id of a recorded run."""
    tier: Tier = "critical"
    alpha: float = 0.05
    only_below: float | None = None
    """The rule asks nothing of a baseline that scores this much or more."""
    min_kappa: float | None = None
    """For a judge: what Cohen's kappa of its agreement with people must surely reach, or nothing counts as measured."""
    max_missing: float | None = None
    """The share of missing scores beyond which nothing counts as measured."""
    min_items: int | None = None
    """The number of items below which nothing counts as measured."""

    @property
    def is_against_the_record(self) -> bool:
        """Whether it is about a recorded run rather than an arm of the suite."""
        return self.against == RELEASE or "/" in self.against

    @property
    def level(self) -> float | None:
        """The score that is asked of the candidate alone; ``None`` where it is held against a baseline."""
        return self.at_least if self.at_least is not None else self.at_most

    def __str__(self) -> str:
        if self.min_gain is not None:
            demand = f"gains at least {self.min_gain:g} over {self.against}"
        elif self.at_least is not None:
            demand = f"is at least {self.at_least:g}"
        elif self.at_most is not None:
            demand = f"is at most {self.at_most:g}"
        else:
            size = f"{self.max_drop:.3g} of {self.against}'s score" if self.relative else f"{self.max_drop:g}"
            demand = f"drops at most {size}" + ("" if self.relative else f" against {self.against}")
            demand += f" where that is below {self.only_below:g}" if self.only_below is not None else ""
        return f"{self.task} {self.metric} {demand}" if self.metric else f"{self.task} {demand}"


@dataclass(frozen=True, slots=True)
class PromptedBaseline:
    """The best prompt that the suite knows: what the tuned model must beat."""

    system: str | None = None
    few_shot: int = 0
    """How many examples of the train split stand before the question."""
    chain_of_thought: bool = False
    """Whether the model is asked to think first; what it thinks is kept, and only its answer is scored."""


Lack = Literal["knowledge", "format", "style", "behaviour", "vocabulary", "reasoning"]
"""What a base model's answers want for."""

Complexity = Literal["simple", "default", "complex"]
"""Of a job: a format or a label; most jobs; reasoning, code, or a new domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteAdvice:
    """What the team says for ``harness advise``; ``None`` is what nobody has said."""

    threshold: float = 0.90
    """What the best prompt must reach for tuning to be needless."""
    prompts: tuple[str, ...] = ()
    """More system texts to try, besides that of ``prompted``."""
    compliance: float | None = None
    lacks: tuple[Lack, ...] | None = None
    knowledge_changes: bool | None = None
    knowledge_tokens: int | None = None
    requests_per_day: float | None = None
    latency: float | None = None
    max_latency: float | None = None
    is_too_dear: bool | None = None
    larger_model: bool | None = None
    complexity: Complexity | None = None
    prompt_tokens: float | None = None
    """Of a request with the prompt that does the job untuned, where the suite's own is not what is served."""
    short_prompt_tokens: float | None = None
    """Of a request to a tuned model."""
    answer_tokens: float | None = None
    api: str | None = None
    """The model behind an API that does the job now, or would; by its name in the list of prices."""
    gpu: str | None = None
    """What would train and serve; by its name in the list of prices."""
    months: int = 12
    """Over which a training is written off."""
    prices: Path | None = None
    """A list of prices of the team's own."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite file as read: what is asked for, nothing resolved yet."""

    name: str
    path: Path
    text: str
    digest: str
    seed: int
    model: ModelRef
    data: Mapping[str, Path]
    """``train``, ``validation``, ``test`` and any further name, each with its file."""
    prompted: PromptedBaseline | None
    training: SuiteTraining | None
    tasks: tuple[SuiteTask, ...]
    benchmarks: tuple[SuiteBenchmark, ...]
    gates: tuple[GateRule, ...]
    batch_size: int = 16
    checks: tuple[SuiteCheck, ...] = ()
    """Data checks that are not to be done as they come."""
    advice: SuiteAdvice = field(default_factory=SuiteAdvice)
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)
    """Line of each key of the file, by its path: ``("gates", 0, "metric")``."""

    @property
    def files(self) -> Mapping[str, Path]:
        """All files of rows by name: ``data``, and the general rows that a training mixes in."""
        general = self.training.general if self.training else None
        return {**self.data, **({GENERAL: general.path} if general else {})}

    @property
    def trained_on(self) -> frozenset[str]:
        """The names of the files that the training learns from; none where nothing is trained."""
        if self.training is None:
            return frozenset()
        general = [GENERAL] if self.training.general else []
        return frozenset([*(stage.data for stage in self.training.stages), *general])

    def line(self, *where: str | int) -> int | None:
        """The line of a key of the file, or of the nearest thing around it."""
        for end in range(len(where), 0, -1):
            if where[:end] in self.lines:
                return self.lines[where[:end]]
        return None


@dataclass(frozen=True, slots=True)
class SuiteStage:
    """One training of a row of trainings, each on what the one before has made."""

    trainer: Ref
    data: str = "train"
    """The data set that it trains on, by its name in the suite."""
    validation: str | None = None
    """The data set that its validation loss is measured on; ``None``: ``validation`` if it trains on ``train``."""


@dataclass(frozen=True, slots=True)
class GeneralData:
    """General examples that are mixed in, against forgetting."""

    path: Path
    ratio: float
    """Their share of the rows that are trained on."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a training is spread over several processes, by ``accelerate launch``."""

    num_processes: int | None = None
    config_file: Path | None = None
    """What ``accelerate config`` writes: FSDP, DeepSpeed, several machines."""


@dataclass(frozen=True, slots=True)
class SuiteTraining:
    """The training as the suite writes it."""

    stages: tuple[SuiteStage, ...]
    general: GeneralData | None = None
    evaluate_every: float | None = None
    """After each such share of the last stage its checkpoint is kept, and the best of them is the tuned arm."""
    choice_items: int = 100
    """Items of each task and benchmark that the choice among checkpoints looks at; the verdict rests on others."""
    launch: Launch | None = None
    halve_batch_when_out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class SuiteTask:
    """A task as the suite writes it."""

    name: str
    data: str
    mode: Mode
    metrics: tuple[Ref, ...]
    generation: GenerationSettings
    judges: tuple[Ref, ...] = ()
    limit: int | None = None
    cluster: str | None = None
    """The column that says which items belong together."""


@dataclass(frozen=True, slots=True)
class SuiteBenchmark:
    """A benchmark as the suite writes it."""

    ref: Ref
    stop_for: Target | None = None
    """What must be certain for the asking to end early; ``None`` asks everything."""


@dataclass(frozen=True, slots=True)
class SuiteCheck:
    """A data check as the suite writes it: its options, and how grave what it finds is."""

    ref: Ref
    severity: Severity | Literal["off"] | None = None
    """Of what it finds, in the place of the check's own, but for remarks that something was not looked for;
    ``off`` leaves the check out."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a run took place: what is needed to repeat it."""

    python: str
    platform: str
    processor: str
    cores: int
    device: str
    packages: Mapping[str, str]
    git_revision: str | None
    gpu: str = ""
    """The GPU as its driver names it, where the model is on one."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a backend says of an opened model."""

    name: str
    folder: str
    weights_sha256: str
    template_sha256: str | None
    tokenizer_sha256: str
    """Of the files that make tokens of a text."""
    config_sha256: str
    """Of the files that say how the weights compute and when an answer ends."""
    dtype: str
    device: str
    parameters: int
    path_taken: str
    """How log-likelihoods are computed, e.g. ``plain``."""
    window: int | None = None
    """The most tokens that it looks at, prompt and answer together; ``None`` where that is not known."""


@dataclass(frozen=True, slots=True)
class Run:
    """One arm's evaluation as recorded."""

    id: str
    """``<experiment>/<arm>``, e.g. ``support-tickets-3/tuned``."""
    experiment: str
    suite: str
    suite_digest: str
    arm: str
    seed: int
    status: RunStatus
    started: str
    finished: str | None
    environment: Environment
    origins: Mapping[str, Origin]
    """Plugin name -> who offered it, e.g. ``metric:rouge``."""
    model: ModelFacts | None = None
    adapter: str | None = None
    adapter_sha256: str | None = None
    estimates: tuple[Estimate, ...] = ()
    not_measured: Mapping[str, str] = field(default_factory=dict)
    """Task -> why nothing could be measured."""
    notes: tuple[str, ...] = ()
    """What a reader must know, e.g. that MMLU fell back to its development questions."""
    reused: Mapping[str, int] = field(default_factory=dict)
    """Run -> how many of the items were not asked again, because that run had asked them already."""

    @property
    def items(self) -> int:
        """How many items its estimates are of, scored or not."""
        return sum({each.task: each.scored + each.missing for each in self.estimates}.values())


@dataclass(frozen=True, slots=True)
class Reusable:
    """The recorded answers of one model with one adapter that later runs need not ask for again."""

    model: str
    weights_sha256: str
    adapter_sha256: str | None
    answers: int
    """Each counted once, however many runs hold it."""
    text_bytes: int
    """What the answers themselves take; they belong to the runs that hold them, and stay when they are forgotten."""
    newest: str
    """When the last run began that asked for some of them."""


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What a trainer is given."""

    experiment: str
    model: ModelRef
    trainer: Ref
    train: Path
    """JSONL, whatever the source's format was: ``{"messages": [...]}`` or ``{"text": ...}`` a line, as it trains on."""
    validation: Path | None
    output: Path
    """The folder that is the trainer's own. What an interrupted training left there is gone on with."""
    seed: int
    keep: tuple[float, ...] = ()
    """The shares of the training after which its checkpoint is kept, to be judged later; 1 is the end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a trainer at work."""

    step: int
    total_steps: int
    epoch: float
    loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None
    seconds: float = 0.0
    message: str | None = None
    tokens_per_second: float | None = None
    """Tokens that went through the model since the last report, padding left out."""
    memory_bytes: int | None = None
    """The most that the training has taken so far, on its device."""


@dataclass(frozen=True, slots=True)
class MaskedToken:
    """A token of a training row, and whether the model learns to say it."""

    text: str
    is_learned: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint from the midst of a training."""

    step: int
    path: Path
    validation_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a trainer gives back."""

    path: Path
    """A folder: a PEFT adapter, or a whole model."""
    kind: Literal["adapter", "model"]
    step: int
    sha256: str
    train_loss: float | None
    validation_loss: float | None
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Trained parameters, tokens seen, why it stopped."""
    kept: tuple[Kept, ...] = ()
    """What ``TrainJob.keep`` asked for, in the order of the steps."""


@dataclass(frozen=True, slots=True)
class JudgedCheckpoint:
    """A checkpoint as the choice among checkpoints saw it."""

    step: int
    run: str
    """The recorded run that asked it."""
    gain: float | None
    """Its score on the team's tasks: the mean of the gated metrics, each on a scale of length 1, up is better."""
    drops: Mapping[str, float]
    """Benchmark and metric -> points lost against base on the items of the choice."""
    is_within: bool
    """Whether every loss is within what the gates allow."""
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Training:
    """A recorded training: one stage of an experiment's."""

    experiment: str
    stage: int
    """Counted from 0; each goes on with what the one before has made."""
    trainer: Ref
    model: ModelRef
    """What it started from, as a local folder."""
    seed: int
    data: Mapping[str, str]
    """Split -> SHA-256 of the rows that it was given."""
    status: RunStatus
    attempt: int
    """1, and one more for each time that it was gone on with."""
    checkpoint: Checkpoint | None = None
    error: str | None = None
    judged: tuple[JudgedCheckpoint, ...] = ()
    """The checkpoints that were judged, in the order of their steps."""
    rule: str | None = None
    """How one of them was chosen, in words."""


@dataclass(frozen=True, slots=True)
class TrainingFinding:
    """What the losses of a training show about it."""

    kind: FindingKind
    step: int
    """Of the report that showed it."""
    sentence: str
    """What was seen, with its figures, and what helps."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One sample's score in both runs."""

    sample_id: str
    baseline: float | None
    candidate: float | None
    stratum: str | None = None
    cluster: str | None = None
    own: tuple[float, float] | None = None
    """The sample's own scores in both runs, where what is compared are its shares in a value of the whole."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The candidate against the baseline on one metric; up is better, whatever the metric's own direction."""

    task: str
    metric: str
    against: str
    baseline: float | None
    candidate: float | None
    change: float | None
    low: float | None
    high: float | None
    pairs: int
    fixed: int
    """Samples that the candidate does better."""
    broken: int
    """Samples that the candidate does worse; never netted against ``fixed``."""
    missing: int
    preserved: float | None = None
    """Share of the baseline's fully right samples that the candidate still has right."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the evidence says on one rule."""

    rule: GateRule
    outcome: Outcome
    reason: str
    """One sentence in the user's words."""
    p_passed: float | None = None
    p_failed: float | None = None
    items: int = 0
    items_needed: int | None = None
    """How many items would decide at the observed rate of flips; on a judge, how many labels."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: may the candidate ship?"""

    outcome: Outcome
    reason: str
    rulings: tuple[Ruling, ...]
    caveats: tuple[str, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    """Every judge of the candidate's tasks, held to people."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened, with a two-sided 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """The base model asked again with nothing changed that should matter, against its first answers."""

    varied: str
    """What was different, e.g. ``batch_size 32 -> 16``."""
    run: str
    task: str
    metric: str
    pairs: int
    flips: int
    """Samples whose score changed: below this share a change of the tuned model means nothing."""
    false_alarm: bool
    """Whether the scores are said to differ, at a level of one in a hundred."""


@dataclass(frozen=True, slots=True)
class RuleControl:
    """What one rule says of data whose truth is known, made of real scores by swapping labels at random."""

    rule: str
    alpha: float
    items: int
    source: str
    """The two runs whose scores were swapped."""
    flips: float
    """Share of items whose score differs between the two."""
    false_alarms: Rate
    """An unchanged model is called worse."""
    false_passes: Rate | None
    """A model exactly at the limit passes; ``None`` where such a model cannot be made of these scores."""
    passes: Rate
    """An unchanged model passes."""


@dataclass(frozen=True, slots=True)
class Control:
    """An A/A control: what a suite's rules say where nothing differs."""

    suite: str
    suite_digest: str
    decided: str
    reference: str
    """The run of the base model that was asked again."""
    swaps: int
    repeats: tuple[Repeat, ...]
    rules: tuple[RuleControl, ...]
    not_controlled: Mapping[str, str] = field(default_factory=dict)
    """Rule -> why it could not be tried."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two or more runs side by side: what the report draws and the watch hook sees."""

    experiment: str
    runs: tuple[Run, ...]
    deltas: tuple[Delta, ...]
    benchmarks: tuple[str, ...] = ()
    """The tasks that check forgetting; the others are the suite's own."""
    unseen: tuple[Delta, ...] = ()
    """The same changes without the items that stand in the training data, of tasks that have such items."""
