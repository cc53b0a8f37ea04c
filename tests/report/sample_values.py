"""Values as a real experiment on two cores makes them, and some that mean harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.values import (
    Calibration,
    ClassAgreement,
    Comparison,
    Delta,
    Environment,
    Estimate,
    Fault,
    GateRule,
    Generation,
    Item,
    Message,
    ModelFacts,
    Origin,
    Ruling,
    Run,
    Sample,
    Score,
    Verdict,
)

HOSTILE = "[bold red]pwn[/] \x1b[31mred\x1b[0m \u202egnp.exe\u2069 <script>alert(1)</script> | `x` \x9b2J \x07 :smile:"
RECORD = Path("results/harness.db")
NEXT = ("harness show support-tickets-3/tuned --broken", "harness gate support-tickets-3/base support-tickets-3/tuned")

ENVIRONMENT = Environment(
    python="3.11.2",
    platform="Linux-6.1-x86_64",
    processor="AMD EPYC 7763",
    cores=2,
    device="cpu",
    packages={"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2"},
    git_revision="3f9c2ab",
)
MODEL = ModelFacts(
    name="HuggingFaceTB/SmolLM2-135M-Instruct",
    folder="/home/ada/.cache/harness/models/smollm2",
    weights_sha256="a3" * 32,
    template_sha256="b7" * 32,
    tokenizer_sha256="e8" * 32,
    config_sha256="f9" * 32,
    dtype="float32",
    device="cpu",
    parameters=134_515_008,
    path_taken="plain",
)
ORIGINS = {
    "backend:transformers": Origin("finetune-harness", "0.1.0", "backends"),
    "metric:exact_match": Origin("finetune-harness", "0.1.0", "metrics"),
    "metric:politeness": Origin("harness-demo-metric", "0.3.0", "politeness"),
}
STAND_IN = "mmlu: 281 development questions from lm-eval's wheel stand in for the benchmark, zero-shot"


def run(arm: str, *estimates: Estimate, **changes: object) -> Run:
    """A finished run of one arm."""
    made = Run(
        id=f"support-tickets-3/{arm}",
        experiment="support-tickets-3",
        suite="support-tickets",
        suite_digest="c1" * 32,
        arm=arm,
        seed=7,
        status="finished",
        started="2026-03-14T09:26:53+00:00",
        finished="2026-03-14T09:27:51+00:00",
        environment=ENVIRONMENT,
        origins=ORIGINS,
        model=MODEL,
        estimates=estimates,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def tickets(metric: str, value: float, low: float, high: float, missing: int = 0) -> Estimate:
    return Estimate("tickets", metric, value, low, high, 200 - missing, missing)


BASE = run(
    "base",
    tickets("exact_match", 0.0, 0.0, 0.018),
    tickets("f1", 0.214, 0.197, 0.232),
    tickets("json_fields", 0.031, 0.014, 0.053),
    tickets("rouge", 0.187, 0.171, 0.203),
    Estimate("mmlu", "acc", 0.270, 0.211, 0.336, 200, 0),
    Estimate("hellaswag", "acc", 0.365, 0.300, 0.434, 200, 0),
    Estimate("hellaswag", "acc_norm", 0.425, 0.358, 0.494, 200, 0),
    Estimate("canary", "correct", 0.690, 0.540, 0.810, 42, 0),
    notes=(STAND_IN,),
)
PROMPTED = run(
    "prompted",
    tickets("exact_match", 0.145, 0.102, 0.200),
    tickets("f1", 0.702, 0.681, 0.723),
    tickets("json_fields", 0.618, 0.588, 0.648, missing=2),
    tickets("rouge", 0.731, 0.712, 0.750),
)
TUNED = run(
    "tuned",
    tickets("exact_match", 0.955, 0.916, 0.977),
    tickets("f1", 0.993, 0.988, 0.997),
    tickets("json_fields", 0.990, 0.981, 0.997),
    tickets("rouge", 0.994, 0.989, 0.998),
    Estimate("mmlu", "acc", 0.275, 0.216, 0.341, 200, 0),
    Estimate("hellaswag", "acc", 0.350, 0.286, 0.419, 200, 0),
    Estimate("hellaswag", "acc_norm", 0.415, 0.349, 0.484, 200, 0),
    Estimate("canary", "correct", 0.643, 0.490, 0.770, 42, 0),
    started="2026-03-14T09:31:40+00:00",
    finished="2026-03-14T09:33:02+00:00",
    adapter="results/support-tickets-3/checkpoint",
    adapter_sha256="d4" * 32,
    notes=(STAND_IN,),
)

DELTAS = (
    Delta("tickets", "exact_match", "prompted", 0.145, 0.955, 0.810, 0.747, 0.861, 200, 163, 1, 0, 0.966),
    Delta("tickets", "f1", "prompted", 0.702, 0.993, 0.291, 0.270, 0.312, 200, 178, 1, 0, 1.0),
    Delta("tickets", "json_fields", "prompted", 0.618, 0.990, 0.372, 0.342, 0.402, 198, 171, 1, 2, 0.966),
    Delta("tickets", "rouge", "prompted", 0.731, 0.994, 0.263, 0.244, 0.282, 200, 176, 1, 0, 0.966),
    Delta("tickets", "exact_match", "base", 0.0, 0.955, 0.955, 0.914, 0.978, 200, 191, 0, 0, None),
    Delta("mmlu", "acc", "base", 0.270, 0.275, 0.005, -0.031, 0.042, 200, 7, 6, 0, 0.889),
    Delta("hellaswag", "acc", "base", 0.365, 0.350, -0.015, -0.049, 0.019, 200, 4, 7, 0, 0.904),
    Delta("hellaswag", "acc_norm", "base", 0.425, 0.415, -0.010, -0.047, 0.027, 200, 6, 8, 0, 0.906),
    Delta("canary", "correct", "base", 0.690, 0.643, -0.047, -0.155, 0.049, 42, 0, 2, 0, 0.931),
)

GAIN = GateRule("tickets", "exact_match", min_gain=0.10, against="prompted")
MMLU = GateRule("mmlu", "acc", max_drop=0.10)
HELLASWAG = GateRule("hellaswag", "acc", max_drop=0.10, tier="supporting")
CANARY = GateRule("canary", "correct", max_drop=0.05, relative=True, tier="advisory")

GAINED = Ruling(GAIN, "passed", "the gain is at least 0.747, and 0.1 was asked", 1e-9, 1.0, 200)
MMLU_PASSED = Ruling(MMLU, "passed", "the drop is at most 0.031; 0.1 is allowed", 0.0001, 0.999, 200)
HELLASWAG_PASSED = Ruling(HELLASWAG, "passed", "the drop is at most 0.049; 0.1 is allowed", 0.0004, 0.99, 200)
CANARY_OPEN = Ruling(
    CANARY,
    "inconclusive",
    "the drop is between -0.049 and 0.155; the limit 0.034 lies inside: 640 more items would tell",
    0.41,
    0.38,
    42,
    682,
)
WIDE = "the forgetting gates use a margin of 0.1: 200 items cannot hold 5 %; about 2,300 items a benchmark would"

PASSED = Verdict(
    "passed",
    "The tuned model beats the prompted one and has forgotten nothing beyond the limits.",
    (GAINED, MMLU_PASSED, HELLASWAG_PASSED),
    (WIDE,),
)
INCONCLUSIVE = Verdict(
    "inconclusive",
    "Two of three gates pass; canary cannot be decided on 42 items.",
    (GAINED, MMLU_PASSED, replace(CANARY_OPEN, rule=replace(CANARY, tier="critical"))),
    (WIDE,),
)
FAILED = Verdict(
    "failed",
    "hellaswag acc fell too far: 0.365 before, 0.210 after.",
    (
        GAINED,
        MMLU_PASSED,
        Ruling(HELLASWAG, "failed", "the drop is at least 0.112; 0.1 is allowed", 1.0, 0.003, 200),
        CANARY_OPEN,
    ),
)

COMPARISON = Comparison(
    "support-tickets-3", (BASE, PROMPTED, TUNED), DELTAS, ("mmlu", "hellaswag", "canary", "arc_challenge")
)
UNMEASURED = {"arc_challenge": "the hub does not answer and the pack /data/pack holds no arc_challenge"}
WITHOUT_ARC = replace(
    COMPARISON,
    runs=(replace(BASE, not_measured=UNMEASURED), PROMPTED, replace(TUNED, not_measured=UNMEASURED)),
)
FALLEN = replace(
    WITHOUT_ARC,
    deltas=tuple(
        replace(each, candidate=0.210, change=-0.155, low=-0.205, high=-0.112, fixed=2, broken=33, preserved=0.548)
        if (each.task, each.metric) == ("hellaswag", "acc")
        else each
        for each in DELTAS
    ),
)

PAIRWISE = Calibration(
    task="tickets",
    metric="pairwise",
    against="prompted",
    compares=True,
    items=200,
    missing=3,
    labels=120,
    unlabelled=5,
    raw=0.43,
    corrected=0.166,
    low=0.024,
    high=0.308,
    agreement=0.867,
    kappa=0.712,
    kappa_low=0.604,
    classes=(
        ClassAgreement("candidate", 56, 66, 54),
        ClassAgreement("tie", 24, 16, 15),
        ClassAgreement("baseline", 40, 38, 35),
    ),
    order_disagreement=0.12,
    first_place=0.61,
    longer_judge=0.68,
    longer_people=0.52,
)
FEW = replace(
    PAIRWISE, metric="panel(size=3)", missing=0, labels=37, unlabelled=0, corrected=0.11, low=-0.4, high=0.5,
    kappa=0.4, kappa_low=0.11, classes=(ClassAgreement("candidate", 20, 30, 18), ClassAgreement("baseline", 17, 7, 5)),
)  # fmt: skip
RUBRIC = Calibration("tickets", "rubric", "prompted", False, 200, 0, 0, 0, 0.21, None, None, None)
"""It grades single answers, and nobody has labelled any."""
GRADED = replace(
    RUBRIC, metric="rubric(strict=True)", labels=150, corrected=0.05, low=-0.012, high=0.112, kappa=0.9, kappa_low=0.81
)
JUDGED = replace(PASSED, calibrations=(PAIRWISE, FEW, RUBRIC, GRADED))
WITH_JUDGE = replace(
    COMPARISON,
    runs=(BASE, PROMPTED, replace(TUNED, estimates=(*TUNED.estimates, tickets("rubric", 0.81, 0.77, 0.85)))),
    deltas=(*DELTAS, Delta("tickets", "pairwise", "prompted", 0.285, 0.715, 0.43, 0.30, 0.55, 197, 141, 56, 3, None)),
)


def hostile_comparison() -> Comparison:
    """Every text that may come from outside means harm."""
    bad = Estimate(HOSTILE, HOSTILE, 0.5, 0.4, 0.6, 10, 0)
    harm = {
        "experiment": HOSTILE,
        "suite": HOSTILE,
        "notes": (HOSTILE,),
        "model": replace(MODEL, name=HOSTILE),
        "not_measured": {HOSTILE: HOSTILE},
        "origins": {HOSTILE: Origin(HOSTILE, HOSTILE, HOSTILE)},
        "environment": replace(ENVIRONMENT, processor=HOSTILE, packages={HOSTILE: HOSTILE}),
    }
    runs = (run("base", bad, **harm), run(HOSTILE, bad, **harm))
    return Comparison(HOSTILE, runs, (Delta(HOSTILE, HOSTILE, "base", 0.5, 0.5, 0.0, -0.1, 0.1, 10, 1, 1, 0),))


def hostile_verdict() -> Verdict:
    rule = GateRule(HOSTILE, HOSTILE, max_drop=0.1)
    return Verdict("failed", HOSTILE, (Ruling(rule, "failed", HOSTILE),), (HOSTILE,))


FAULT = Fault(
    Origin("harness-demo-tracker", "0.2.0", "tracker"),
    "harness_task_finished",
    "ConnectionError: the server does not answer",
    "Traceback (most recent call last): ...",
)

SAMPLE = Sample(
    "9f" * 32,
    (
        Message("system", "Turn the ticket into JSON."),
        Message("user", "Hi, this is Ada Byron.\nMy router (model RX-5) died on Monday, please call me."),
    ),
    ('{"name": "Ada Byron", "product": "RX-5", "urgency": null}',),
)
QUESTION = Sample(
    "8e" * 32, "Question: What is the capital of France?\nAnswer:", (), (" Paris", " Rome"), 0, "geography"
)


def answer(sample: Sample, text: str) -> Item:
    return Item(sample, (Generation(sample.id, 0, text, "stop", 40, 22, 0.8),))


def choice(sample: Sample, *weights: float) -> Item:
    return Item(
        sample,
        tuple(
            Generation(sample.id, place, sample.choices[place], "choice", 12, 1, 0.1, weight, False)
            for place, weight in enumerate(weights)
        ),
    )


def right(sample: Sample, value: float | None, why: str | None = None) -> Score:
    return Score(sample.id, value, why)
