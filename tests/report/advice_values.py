"""A counsel as a team would get it, one with few parts, one that knows little, and one that means harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sample_values import HOSTILE

from harness.advice.counsel import Counsel
from harness.advice.devices import Device
from harness.advice.memory.memory import Footprint, MemoryRow, Method, Training
from harness.advice.model.shape import ModelShape
from harness.advice.money.cost import ApiPrice, BreakEven, GpuPrice, Offer, Prices, Traffic, break_even
from harness.advice.money.offers import Charge
from harness.advice.route.strategy import Branch, Step, Strategy
from harness.advice.situation import Baseline, Situation
from harness.advice.time.duration import Duration, Evaluation, Rate
from harness.advice.training.hyperparameters import Choice, Claim, Lengths, Rejected, TrainingAdvice

SHAPE = ModelShape(
    name="Qwen/Qwen2.5-7B-Instruct",
    architecture="Qwen2ForCausalLM",
    parameters=7_615_616_512,
    active_parameters=7_615_616_512,
    layers=28,
    hidden=3584,
    intermediate=18944,
    heads=28,
    kv_heads=4,
    head_dim=128,
    vocabulary=152_064,
    is_tied=False,
    window=32_768,
    linears=(),
    is_exact=True,
)
L4 = Device(
    name="NVIDIA L4 24GB",
    kind="cuda",
    memory=23_100_000_000,
    bandwidth=300e9,
    flops=121e12,
    source="NVIDIA 2023, data sheet",
)


def baseline(name: str, value: float, low: float, high: float, tokens: float, seconds: float) -> Baseline:
    """A prompt asked of 100 validation items."""
    return Baseline(
        name=name,
        task="tickets",
        metric="exact_match",
        value=value,
        low=low,
        high=high,
        items=100,
        prompt_tokens=tokens,
        seconds=seconds,
        run=f"support-replies-advice-1/{name}",
    )


BASELINES = (
    baseline("zero-shot", 0.12, 0.070, 0.198, 118, 0.42),
    baseline("system", 0.47, 0.375, 0.567, 214, 0.47),
    baseline("3 examples", 0.71, 0.615, 0.790, 688, 0.61),
    baseline("5 examples", 0.80, 0.711, 0.867, 1_004, 0.70),
    baseline("10 examples", 0.85, 0.767, 0.907, 1_793, 0.93),
    baseline("chain of thought", 0.66, 0.563, 0.745, 236, 3.84),
)
SITUATION = Situation(
    threshold=0.90,
    baselines=BASELINES,
    lacks=("format", "behaviour"),
    knowledge_changes=False,
    window=32_768,
    rows=1_840,
    requests_per_day=12_000,
    prompt_tokens=1_793,
    is_too_dear=False,
)
TUNE = Strategy(
    route="tune",
    reason=(
        "The best of six prompts reaches 0.850 of the 0.90 that is asked for, what its answers want for is format and "
        "behaviour, and 1,840 rows are enough to learn that from."
    ),
    path=(
        Step(
            "Is the base model with a good prompt enough?",
            (
                Branch("yes, 0.90 or more", "prompt", False),
                Branch("no, 0.850 of 0.90", "is it a matter of cost or latency?", True),
            ),
            (
                "10 examples: exact_match 0.850 (0.767 to 0.907) on 100 of data.validation, the best of 6 prompts",
                "0.90 lies within its interval: 400 more items would tell whether the prompt reaches it",
            ),
            True,
            "our choice; the suite's threshold",
        ),
        Step(
            "Does the model in use do the job, but too slowly or at too high a price?",
            (
                Branch("yes", "tune or distil a smaller model", False),
                Branch("no", "what do the answers want for?", True),
            ),
            ("advice: is_too_dear is false in the suite", "nobody has said how long an answer may take"),
            False,
        ),
        Step(
            "What do the answers want for?",
            (
                Branch("nothing", "prompt", False),
                Branch("knowledge", "does it change, and how large is it?", False),
                Branch("format, behaviour, style, vocabulary", "how many rows are there?", True),
            ),
            ("advice: lacks names format, behaviour",),
            True,
            "Ovadia and others 2023 (arXiv:2312.05934)",
        ),
        Step(
            "How many rows are there to learn from?",
            (
                Branch("below 100", "prompt, and collect rows", False),
                Branch("100 to 1,000", "tune with care", False),
                Branch("1,840: above 1,000", "tune", True),
                Branch("above 10,000", "tune, all methods open", False),
            ),
            ("data.train has 1,840 rows",),
            True,
            "common practice",
        ),
    ),
    beside=("Keep the prompt with 10 examples as the prompted arm: the tuned model must beat it.",),
    would_change=(
        "A prompt that reaches 0.90 on the same items: then nothing needs to be trained.",
        "Fewer than 100 rows of good quality after cleaning: then collect first.",
        "If the answers want for facts that change within a year: then retrieve.",
    ),
    unknown=("max_latency",),
)

DETTMERS = "Dettmers and others 2023, QLoRA (arXiv:2305.14314), table 9"
HU = "Hu and others 2021, LoRA (arXiv:2106.09685), appendix D"
THINKING = "Schulman and others 2025, LoRA Without Regret"
PRACTICE = "common practice"
TEN = "10 times that of full tuning"
CHOICES = (
    Choice(
        "r", 16, "the default; 8 suits a label or a form, 32 to 64 a new domain",
        (Claim("8 to 64", HU), Claim("64", DETTMERS)), 8, 64,
    ),
    Choice("lora_alpha", 32, "twice the rank", (Claim("2 r", PRACTICE), Claim("16", DETTMERS)), 16, 128),
    Choice(
        "target_modules", "all-linear", "adapting every linear layer comes nearest to full tuning",
        (Claim("all linear layers", DETTMERS), Claim("all layers", THINKING)),
    ),
    Choice(
        "learning_rate", 2e-4, "LoRA takes about ten times what full tuning does",
        (Claim("2e-4 to 7B, 1e-4 beyond", DETTMERS), Claim(TEN, THINKING), Claim("1e-5", "a vendor's guide 2024")),
        1e-4, 5e-4,
        "one guide says 1e-5, which is a rate for full tuning: at it an adapter of rank 16 hardly moves in 3 epochs",
    ),
    Choice("num_train_epochs", 4.0, "1,840 rows: 3 to 5 between 1,000 and 5,000", (Claim("3 to 5", PRACTICE),), 3, 5),
    Choice("per_device_train_batch_size", 4, "the largest of which a step fits the device", ()),
    Choice("gradient_accumulation_steps", 8, "4 x 8 = 32 rows an update", (Claim("16 to 64", PRACTICE),), 4, 16),
    Choice("max_length", 1024, "99 % of the rows have at most 861 tokens", ()),
    Choice("warmup_ratio", 0.05, "", (Claim("3 to 10 %", PRACTICE),), 0.03, 0.1),
    Choice("weight_decay", 0.0, "an adapter is small, and stops early", (Claim("0", DETTMERS),), 0.0, 0.1),
    Choice("lr_scheduler_type", "cosine", "falls to 0 at the end", (Claim("cosine", PRACTICE),)),
    Choice("packing", False, "rows of like length share a batch", ()),
    Choice("gradient_checkpointing", True, "a third more time for a fifth of the activations", ()),
)  # fmt: skip
TRAINING = TrainingAdvice(
    method="qlora",
    reasons=(
        "7.6 B parameters in bfloat16 take 15.2 of the 23.1 GB; in four bits 5.4",
        "the suite asks for general benchmarks to be kept, which adapters do better than full tuning",
    ),
    rejected=(
        Rejected("full", "122 GB, and 23.1 are free"),
        Rejected("lora", "fits with a batch of 1 only: 21.9 of 23.1 GB"),
        Rejected("prompt_tuning", "1,840 rows allow for more than 20 virtual tokens"),
    ),
    choices=CHOICES,
    cautions=(
        "a drop beyond 5 % on a general benchmark means that it was trained too long",
        "4 bits cost some accuracy: the gate judges the adapter as it is served",
    ),
)
LENGTHS = Lengths(1_840, 412, 733, 861, 1_290, 793_000, 151_000)


def memory_row(method: Method, batch: int, length: int, parts: tuple[float, ...], fits: tuple[str, ...]) -> MemoryRow:
    """Parts in GB: weights, adapter, gradients, optimizer, activations, overhead."""
    weights, adapter, gradients, optimizer, activations, overhead = (round(each * 1e9) for each in parts)
    made = Footprint(
        training=Training(method=method, batch=batch, length=length, dtype="bfloat16"),
        weights=weights,
        adapter=adapter,
        gradients=gradients,
        optimizer=optimizer,
        activations=activations,
        overhead=overhead,
    )
    return MemoryRow(footprint=made, fits=fits, fits_here=made.total <= L4.memory)


GPUS = (
    "NVIDIA T4 16GB", "NVIDIA L4 24GB", "NVIDIA RTX 4090 24GB", "NVIDIA A100 40GB", "NVIDIA L40S 48GB",
    "NVIDIA A100 80GB", "NVIDIA H100 80GB", "NVIDIA H200 141GB",
)  # fmt: skip
MEMORY = (
    memory_row("full", 1, 1024, (30.46, 0.0, 30.46, 60.93, 2.9, 0.6), GPUS[7:]),
    memory_row("full", 4, 1024, (30.46, 0.0, 30.46, 60.93, 9.8, 0.6), GPUS[7:]),
    memory_row("full", 16, 1024, (30.46, 0.0, 30.46, 60.93, 37.6, 0.6), ()),
    memory_row("lora", 1, 1024, (15.23, 0.16, 0.16, 0.32, 2.9, 0.6), GPUS[1:]),
    memory_row("lora", 4, 1024, (15.23, 0.16, 0.16, 0.32, 9.8, 0.6), GPUS[3:]),
    memory_row("lora", 16, 1024, (15.23, 0.16, 0.16, 0.32, 37.6, 0.6), GPUS[5:]),
    memory_row("qlora", 1, 1024, (5.44, 0.16, 0.16, 0.32, 3.0, 0.6), GPUS),
    memory_row("qlora", 4, 1024, (5.44, 0.16, 0.16, 0.32, 9.9, 0.6), GPUS[1:]),
    memory_row("qlora", 16, 1024, (5.44, 0.16, 0.16, 0.32, 37.7, 0.6), GPUS[4:]),
    memory_row("prompt_tuning", 1, 1024, (15.23, 0.0003, 0.0003, 0.0006, 2.9, 0.6), GPUS[1:]),
)
LARGEST = (("full", 1024, 0), ("lora", 1024, 2), ("qlora", 1024, 5), ("lora", 4096, 0), ("qlora", 4096, 1))
"""Method, length and the largest batch on that L4."""
CURRENT = {
    "name": "lora",
    "r": 16,
    "learning_rate": 1e-5,
    "num_train_epochs": 3,
    "lr_scheduler_type": "linear",
    "max_steps": 900,
}
"""What the suite has its trainer do now."""
DEFAULTS = {"lora_dropout": 0.0, "lr_scheduler_type": "cosine", "packing": False, "gradient_checkpointing": None}
DURATION = Duration(
    seconds=5_220,
    low=4_700,
    high=5_900,
    steps=230,
    tokens=3_172_000,
    starting=48,
    stepping=4_930,
    validating=242,
    rate=Rate(tokens_per_second=643, low=571, high=712, known_by="probe", basis="20 steps on this machine"),
)
PRICES = Prices(
    currency="USD",
    apis=(ApiPrice(name="gpt-4o-mini", input=0.15, output=0.60, source="OpenAI's price page", as_of="2025-09-01"),),
    gpus=(GpuPrice(name="NVIDIA L4 24GB", hour=0.71, source="Google Cloud's price page", as_of="2025-10-14"),),
)
TRAFFIC = Traffic(requests=365_000, long_prompt=1_793, short_prompt=118, answer=82, cached_share=0.5)
LONG = Offer(
    name="gpt-4o-mini with the long prompt",
    training=0.0,
    fixed=0.0,
    request=0.000250875,
    explained=("a request: 896.5 x $0.15 + 896.5 x $0.075 + 82 x $0.60, each for a million tokens = $0.000250875",),
)
BY_API = Offer(
    name="tune gpt-4o-mini by its API",
    training=9.52,
    fixed=0.0,
    request=0.0001338,
    explained=(
        "training: 3,172,000 tokens x $3.00 for a million = $9.52",
        "a request: 118 x $0.30 + 82 x $1.20, each for a million tokens = $0.0001338",
    ),
)
OURS = Offer(
    name="tune here, serve on one NVIDIA L4 24GB",
    training=1.03,
    fixed=518.30,
    request=0.0,
    explained=(
        "training: 1.45 hours x $0.71 = $1.03",
        "a month: 730 hours x $0.71 = $518.30, enough for 4,200,000 requests",
    ),
    capacity=4_200_000,
)
OFFERS = (LONG, BY_API, OURS)
BREAK_EVEN = (break_even(BY_API, LONG, 12), break_even(OURS, LONG, 12))
COUNSEL = Counsel(
    name="support-replies",
    model=SHAPE.name,
    shape=SHAPE,
    device=L4,
    situation=SITUATION,
    strategy=TUNE,
    measured_on="100 of data.validation",
    training=TRAINING,
    lengths=LENGTHS,
    current=CURRENT,
    defaults=DEFAULTS,
    memory=MEMORY,
    largest=LARGEST,
    evaluation_memory=17_900_000_000,
    duration=DURATION,
    evaluation=Evaluation(
        seconds=1_490, basis="for all arms, by what is recorded", charge=Charge(amount=0.29, explained=())
    ),
    peak_memory=13_400_000_000,
    prices=PRICES,
    offers=OFFERS,
    traffic=TRAFFIC,
    break_even=BREAK_EVEN,
    pays=BREAK_EVEN[0],
    notes=(
        "nobody has said how long an answer may take: --max-latency, or 'max_latency' in the suite's advice",
        "the prices are those of 2025-09-01 to 2025-10-14: 'advice: {prices: FILE}' puts yours in their place",
    ),
)
NEXT = ("harness advise support-replies.yaml --write", "harness run support-replies.yaml")

PROMPT = Counsel(
    name="Qwen/Qwen2.5-7B-Instruct",
    model="Qwen/Qwen2.5-7B-Instruct",
    situation=Situation(compliance=0.94, rows=50),
    strategy=Strategy(
        route="prompt",
        reason="The prompt reaches 0.94 by the team's own count, and 0.90 is asked for.",
        path=(
            Step(
                "Is the base model with a good prompt enough?",
                (Branch("yes, 0.940 of 0.90", "prompt", True), Branch("no", "what do the answers want for?", False)),
                ("the team says 0.94; nothing was measured",),
                True,
                "our choice",
            ),
        ),
        would_change=("A measured value below 0.90.",),
    ),
)
SMALL = replace(
    SHAPE,
    name="HuggingFaceTB/SmolLM2-135M-Instruct",
    parameters=134_515_008,
    active_parameters=134_515_008,
    layers=30,
    window=8192,
    is_exact=False,
)
RETRIEVE = Counsel(
    name="policies",
    model=SMALL.name,
    shape=SMALL,
    device=Device(name="AMD EPYC 7763, 2 cores", kind="cpu", memory=19_400_000_000, bandwidth=40e9, flops=150e9),
    situation=Situation(lacks=("knowledge",)),
    strategy=Strategy(
        route="retrieve",
        reason="Facts are lacking, and nobody knows whether they change: what is looked up stays right either way.",
        path=(
            Step(
                "Is the base model with a good prompt enough?",
                (Branch("yes", "prompt", False), Branch("nobody knows", "what do the answers want for?", True)),
                (),
                False,
            ),
            Step(
                "What do the answers want for?",
                (
                    Branch("knowledge", "does it change within a year?", True),
                    Branch("format, style, behaviour", "how many rows are there?", False),
                ),
                ("--lacks knowledge",),
                True,
            ),
            Step(
                "Does that knowledge change within a year?",
                (
                    Branch("nobody knows: reckoned with as changing", "retrieve", True),
                    Branch("no, and it is small", "use the long context", False),
                    Branch("no, and it is large", "continue pretraining", False),
                ),
                (),
                False,
                "Lewis and others 2020 (arXiv:2005.11401); Ovadia and others 2023 (arXiv:2312.05934)",
            ),
        ),
        beside=("Measure the prompts first: harness advise SUITE --measure.",),
        unknown=("compliance", "knowledge_changes", "knowledge_tokens"),
    ),
    training=replace(TRAINING, method="lora", choices=CHOICES[:3], cautions=()),
    memory=(memory_row("lora", 4, 512, (0.54, 0.02, 0.02, 0.04, 1.1, 0.5), GPUS),),
    duration=replace(DURATION, rate=replace(DURATION.rate, known_by="roofline", basis="567M operations a token")),
    notes=("no prompt was tried: --measure asks the base model 6 x 100 items, about 21 min",),
)

EVIL_STEP = Step(HOSTILE, (Branch(HOSTILE, HOSTILE, True), Branch(HOSTILE, HOSTILE, False)), (HOSTILE,), True, HOSTILE)
EVIL_OFFER = replace(BY_API, name=HOSTILE, explained=(HOSTILE,), currency=HOSTILE)
EVIL_CHOICE = Choice(HOSTILE, HOSTILE, HOSTILE, (Claim(HOSTILE, HOSTILE),), 1.0, 2.0, HOSTILE)
EVIL_ROW = memory_row("lora", 4, 512, (0.54, 0.02, 0.02, 0.04, 1.1, 0.5), (HOSTILE, HOSTILE))
EVIL_BREAK_EVEN = BreakEven(offer=EVIL_OFFER, against=LONG, requests=9.0, months=12, why=HOSTILE)
EVIL = Counsel(
    name=HOSTILE + "!",
    model=HOSTILE,
    shape=replace(SHAPE, name=HOSTILE, architecture=HOSTILE),
    device=replace(L4, name=HOSTILE, source=HOSTILE),
    situation=replace(SITUATION, baselines=(replace(BASELINES[0], name=HOSTILE, task=HOSTILE, metric=HOSTILE),)),
    strategy=Strategy("tune", HOSTILE, (EVIL_STEP,), (HOSTILE,), (HOSTILE,), (HOSTILE,)),
    measured_on=HOSTILE,
    training=TrainingAdvice(HOSTILE, (HOSTILE,), (Rejected(HOSTILE, HOSTILE),), (EVIL_CHOICE,), (HOSTILE,)),
    lengths=LENGTHS,
    current={"name": HOSTILE + "!", HOSTILE: HOSTILE, "more " + HOSTILE: HOSTILE},
    defaults={HOSTILE: "another"},
    memory=(EVIL_ROW,),
    largest=((HOSTILE, 512, 3),),
    evaluation_memory=1,
    duration=replace(DURATION, rate=replace(DURATION.rate, basis=HOSTILE)),
    evaluation=Evaluation(seconds=9.0, basis=HOSTILE, charge=Charge(amount=1.0, explained=(HOSTILE,))),
    prices=Prices(currency=HOSTILE, apis=(replace(PRICES.apis[0], as_of=HOSTILE),), gpus=(), path=Path(HOSTILE)),
    offers=(EVIL_OFFER,),
    traffic=TRAFFIC,
    break_even=(EVIL_BREAK_EVEN,),
    pays=EVIL_BREAK_EVEN,
    notes=(HOSTILE,),
)
