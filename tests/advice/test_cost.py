"""Money, held to what a person gets with pencil and paper: each amount below is written out and worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.advice.money.cost import (
    ApiPrice,
    GpuPrice,
    Offer,
    Prices,
    Traffic,
    break_even,
    cents,
    curve,
    monthly,
    shown,
)
from harness.advice.money.crossing import Line, crossing
from harness.advice.money.offers import (
    Charge,
    Serving,
    api_prompt,
    api_training,
    api_tuned,
    gpu_time,
    own_prompt,
    self_hosted,
)
from harness.errors import UsageError

SMALL = ApiPrice(
    name="small", input=0.15, output=0.60, cached_input=0.075, training=3.00, tuned_input=0.30, tuned_output=1.20
)
LARGE = ApiPrice(name="large", input=2.00, output=8.00, cached_input=0.50, training=25.00)
CLOSED = ApiPrice(name="closed", input=1.00, output=5.00)
HOSTED = ApiPrice(name="hosted", input=0.20, output=0.20, training=0.50)
LITTLE_GPU = GpuPrice(name="L4", hour=0.80)
GPU = GpuPrice(name="A100 80GB", hour=2.50)
BIG_GPU = GpuPrice(name="H100", hour=3.95)

# a request with the short prompt: 100 / 8,000 + 150 / 800 = 0.0125 + 0.1875 = 0.2 s; with the long: 0.4375 s
SERVING = Serving(prompt_tokens=8000, answer_tokens=800)
TRAFFIC = Traffic(requests=100_000, long_prompt=2000, short_prompt=100, answer=150)
TRAINED = Charge(amount=1.20, explained=("90 minutes at 0.80",))
TUNED = api_tuned(SMALL, TRAFFIC, tokens=1_000_000, epochs=3)
UNTUNED = api_prompt(SMALL, TRAFFIC)
READY = self_hosted(LITTLE_GPU, TRAFFIC, SERVING, training=TRAINED)


def cached(share: float) -> Traffic:
    return replace(TRAFFIC, cached_share=share)


def paid(offer: Offer, requests: float, months: int = 12) -> float:
    return monthly(offer, requests, months)


AMOUNTS: dict[str, tuple[Callable[[], float], float]] = {
    # asking an API
    "2,000 x 0.15 + 150 x 0.60 = 390 a million requests; x 100,000 = 39.00": (
        lambda: paid(UNTUNED, 100_000),
        39.00,
    ),
    "half cached: 1,000 x 0.15 + 1,000 x 0.075 + 150 x 0.60 = 150 + 75 + 90 = 315 a million; x 100,000 = 31.50": (
        lambda: paid(api_prompt(SMALL, cached(0.5)), 100_000),
        31.50,
    ),
    "all cached: 2,000 x 0.075 + 90 = 240 a million; x 100,000 = 24.00": (
        lambda: paid(api_prompt(SMALL, cached(1.0)), 100_000),
        24.00,
    ),
    "80 % of 3,500 cached: 700 x 2 + 2,800 x 0.50 + 220 x 8 = 4,560 a million; x 12,345 = 56.2932": (
        lambda: paid(
            api_prompt(LARGE, Traffic(requests=0, long_prompt=3500, short_prompt=1, answer=220, cached_share=0.8)),
            12_345,
        ),
        56.29,
    ),
    "no price of cached tokens, so all 1,200 in full: 1,200 x 1 + 300 x 5 = 2,700 a million; x 40,000 = 108.00": (
        lambda: paid(
            api_prompt(CLOSED, Traffic(requests=0, long_prompt=1200, short_prompt=1, answer=300, cached_share=0.9)),
            40_000,
        ),
        108.00,
    ),
    "nothing asked of an API costs nothing": (lambda: paid(UNTUNED, 0), 0.00),
    # tuning by an API
    "1,000,000 tokens x 3 epochs x 3.00 = 9.00": (lambda: TUNED.training, 9.00),
    "432,100 x 2.5 epochs = 1,080,250 tokens x 25.00 = 27.00625": (
        lambda: api_training(LARGE, 432_100, 2.5).amount,
        27.01,
    ),
    "9.00 / 12 = 0.75 and 100 x 0.30 + 150 x 1.20 = 210 a million x 100,000 = 21.00; 21.75": (
        lambda: paid(TUNED, 100_000),
        21.75,
    ),
    "written off in one month: 9.00 + 21.00 = 30.00": (lambda: paid(TUNED, 100_000, 1), 30.00),
    "served at the base's price: 4,000,000 x 2 x 0.50 = 4.00 / 8 = 0.50; (300 + 100) x 0.20 x 250,000 = 20.00; 20.50": (
        lambda: paid(
            api_tuned(
                HOSTED,
                Traffic(requests=0, long_prompt=2000, short_prompt=300, answer=100),
                tokens=4_000_000,
                epochs=2,
            ),
            250_000,
            8,
        ),
        20.50,
    ),
    # GPU time
    "5,400 s = 1.5 h x 0.81 = 1.215, half up": (
        lambda: gpu_time(GpuPrice(name="L4", hour=0.81), 5400).amount,
        1.22,
    ),
    "900 s x 3.95 / 3,600 = 0.9875": (lambda: gpu_time(BIG_GPU, 900).amount, 0.99),
    # own GPUs
    "730 h x 0.80 = 584.00 and 1.20 / 12 = 0.10, whatever is asked": (lambda: paid(READY, 0), 584.10),
    "730 x 3,600 x 0.3 / 0.2 = 3,942,000 requests are one GPU's month": (lambda: paid(READY, 3_942_000), 584.10),
    "one request more takes a second GPU: 1,168.00 + 0.10": (lambda: paid(READY, 3_942_001), 1168.10),
    "four GPUs for 12,000,000 (3.04 of 3,942,000): 2,336.00 + 0.10": (lambda: paid(READY, 12_000_000), 2336.10),
    "the long prompt: 788,400 s / 0.4375 s = 1,802,057 a GPU, so 2,000,000 take two: 1,168.00": (
        lambda: paid(own_prompt(LITTLE_GPU, TRAFFIC, SERVING), 2_000_000),
        1168.00,
    ),
    "80 % of it kept: 400 / 8,000 + 0.1875 = 0.2375 s, 3,319,578 a GPU, so 2,000,000 take one: 584.00": (
        lambda: paid(own_prompt(LITTLE_GPU, cached(0.8), replace(SERVING, caches=True)), 2_000_000),
        584.00,
    ),
}


@pytest.mark.parametrize("by_hand", AMOUNTS)
def test_an_amount_is_what_a_person_works_out(by_hand: str) -> None:
    reckoned, expected = AMOUNTS[by_hand]
    assert cents(reckoned()) == expected


def ready(price: float, capacity: float, training: float = 0.0) -> Offer:
    """A GPU of round figures that stands ready."""
    return Offer(name="gpu", training=training, fixed=price, request=0.0, explained=(), capacity=capacity)


def asked(request: float, fixed: float = 0.0) -> Offer:
    return Offer(name="api", training=0.0, fixed=fixed, request=request, explained=())


CROSSINGS: dict[str, tuple[Offer, Offer, int, float | None]] = {
    "9.00 / 12 = 0.75; 390 - 210 = 180 a million; 0.75 / 0.00018 = 4,166.7": (TUNED, UNTUNED, 12, 4167),
    "over 3 months: 3.00 / 0.00018 = 16,666.7": (TUNED, UNTUNED, 3, 16_667),
    "half cached: 0.75 / (0.000315 - 0.00021) = 7,142.9": (TUNED, api_prompt(SMALL, cached(0.5)), 12, 7143),
    "all cached: 0.75 / (0.00024 - 0.00021) = 25,000 to the request": (
        TUNED,
        api_prompt(SMALL, cached(1.0)),
        12,
        25_000,
    ),
    "never: 500 x 0.15 + 90 = 165 a million is below 210": (
        TUNED,
        api_prompt(SMALL, replace(TRAFFIC, long_prompt=500)),
        12,
        None,
    ),
    "never: as much a request and 9.00 besides": (replace(UNTUNED, training=9.0), UNTUNED, 12, None),
    "always: cheaper a request and nothing to write off": (replace(TUNED, training=0.0), UNTUNED, 12, 0),
    "always: 0.75 a month against 10.00 that stands ready": (TUNED, asked(0.00039, fixed=10.0), 12, 0),
    "584.10 / 0.00039 = 1,497,692.3, and a second GPU (3,942,001: 1,168.10) stays below 1,537.38": (
        READY,
        UNTUNED,
        12,
        1_497_693,
    ),
    "the long prompt takes its second GPU at 1,802,058, where 584.10 meets 1,168.00": (
        READY,
        own_prompt(LITTLE_GPU, TRAFFIC, SERVING),
        12,
        1_802_058,
    ),
    "100 / 0.15 = 667, but 1,001 take two, 200 against 150.15; 200 / 0.15 = 1,334; 2,001: 300 against 300.15": (
        ready(100, 1000),
        asked(0.15),
        12,
        1334,
    ),
    "never: a full GPU is 100 / 1,000 = 0.10 a request against 0.09": (ready(100, 1000), asked(0.09), 12, None),
    "never: 12.00 over 12 months on a GPU of equal price and reach": (
        ready(100, 1000, training=12.0),
        ready(100, 1000),
        12,
        None,
    ),
    "not within a thousand million: 1.00 a month / 0.0000000005 = 2,000,000,000": (
        replace(asked(0.0000000005), training=12.0),
        asked(0.000000001),
        12,
        None,
    ),
}


@pytest.mark.parametrize("by_hand", CROSSINGS)
def test_a_break_even_is_where_a_person_finds_it(by_hand: str) -> None:
    offer, against, months, expected = CROSSINGS[by_hand]
    found = break_even(offer, against, months)
    assert (found.offer, found.against, found.months) == (offer, against, months)
    assert found.requests == expected
    if expected:
        assert monthly(offer, expected, months) <= monthly(against, expected, months)
        assert monthly(offer, expected - 1, months) > monthly(against, expected - 1, months)


def test_a_break_even_says_what_it_is_made_of() -> None:
    assert break_even(TUNED, UNTUNED, 12).why == (
        "training of 9.00 over 12 months is 0.75 a month; beside the requests it costs 0.75 USD a month more, and a "
        "request costs 0.00018 less (0.00039 - 0.00021): 0.75 / 0.00018 = 4,167 requests a month, rounded up"
    )
    assert break_even(READY, UNTUNED, 12).why == (
        "from 1,497,693 requests a month on it costs no more: there 584.10 against 584.10 USD a month (584.10 a month, "
        "584.00 more for each further 3,942,000 requests, and 0.00 a request against 0.00 a month and 0.00039 a "
        "request, training of 1.20 over 12 months is 0.10 a month)"
    )


def test_a_break_even_that_never_comes_says_why() -> None:
    dearer = api_prompt(SMALL, replace(TRAFFIC, long_prompt=500))
    assert break_even(TUNED, dearer, 12).why == "a request costs no less: 0.00021 against 0.000165 USD"
    # 10.00 - 0.75 = 9.25 a month / 0.000045 = 205,555.6
    standing = replace(dearer, fixed=10.0)
    assert break_even(TUNED, standing, 12).why == (
        "a request costs no less: 0.00021 against 0.000165 USD; "
        "it is the cheaper one only up to 205,555 requests a month"
    )
    assert break_even(ready(100, 1000), asked(0.09), 12).why == (
        "a request costs no less: 0.10 against 0.09 USD, its share of a GPU included"
    )
    far = break_even(replace(asked(5e-10), training=12.0), asked(1e-9), 12).why
    assert far == "a request costs only 0.0000000005 USD less, which 1,000,000,000 a month do not make up for"


AMOUNT = st.integers(0, 40).map(lambda number: Fraction(number, 4))
REACH = st.one_of(
    st.none(), st.integers(1, 9).map(Fraction), st.integers(2, 35).map(lambda number: Fraction(number, 4))
)
LINE = st.builds(Line, AMOUNT, AMOUNT, AMOUNT, REACH)


@given(LINE, LINE)
def test_from_the_crossing_on_an_offer_is_never_dearer_and_just_before_it_is(offer: Line, against: Line) -> None:
    found = crossing(offer, against, 10**9)
    if found is None:
        later = range(10**7, 10**7 + 200)
        assert offer.slope == against.slope or any(offer.at(number) > against.at(number) for number in later)
        return
    assert all(offer.at(number) <= against.at(number) for number in range(found, found + 300))
    saved = against.slope - offer.slope
    if found and saved and (offer.slack + against.slack) / saved < 100:
        assert offer.at(found - 1) > against.at(found - 1)


def test_where_steps_are_too_many_to_look_at_the_number_named_is_safe() -> None:
    # a GPU for every 10 requests, and a saving of a thousandth of its price: thousands of stretches
    offer = Line(Fraction(100), Fraction(1), Fraction(0), Fraction(10))
    against = Line(Fraction(0), Fraction(0), Fraction(1001, 10_000), None)
    found = crossing(offer, against, 10**9)
    assert found is not None
    assert all(offer.at(number) <= against.at(number) for number in range(found, found + 20_000))


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        (0.125, 0.13),
        (1.005, 1.01),
        (2.675, 2.68),
        (0.015, 0.02),
        (0.0149999, 0.01),
        (1e-9, 0.0),
        (1234567.895, 1234567.9),
    ],
)
def test_half_a_cent_is_rounded_up_as_the_price_was_written(amount: float, rounded: float) -> None:
    assert cents(amount) == rounded


def test_amounts_are_shown_in_full_or_to_six_figures() -> None:
    assert [shown(each) for each in (584, 0.00039, 0.075, 1234.5, Fraction(2, 3), Fraction(2_000_000, 3), 0)] == [
        "584.00", "0.00039", "0.075", "1,234.50", "0.666667", "666,667.00", "0.00",
    ]  # fmt: skip


def test_an_offer_explains_itself_line_by_line() -> None:
    assert api_prompt(SMALL, cached(0.5)).explained == (
        "1,000 prompt tokens at 0.15 a million = 0.00015",
        "1,000 cached prompt tokens at 0.075 a million = 0.000075",
        "150 answer tokens at 0.60 a million = 0.00009",
        "0.00015 + 0.000075 + 0.00009 = 0.000315 USD a request",
    )
    assert TUNED.explained == (
        "1,000,000 tokens x 3 epochs = 3,000,000 tokens at 3.00 a million = 9.00 USD once",
        "100 prompt tokens at 0.30 a million = 0.00003",
        "150 answer tokens at 1.20 a million = 0.00018",
        "0.00003 + 0.00018 = 0.00021 USD a request",
    )
    assert READY.explained == (
        "90 minutes at 0.80",
        "100 prompt tokens / 8,000 a second + 150 answer tokens / 800 a second = 0.20 s a request",
        "730 h x 0.80 = 584.00 USD a month for one L4",
        "730 h x 3,600 s x 0.30 busy / 0.20 s = 3,942,000 requests a month, rounded down; more take as many GPUs again",
    )
    assert gpu_time(LITTLE_GPU, 3600, what="evaluating").explained == (
        "evaluating: 3,600 s on one L4 at 0.80 an hour / 3,600 = 0.80 USD once",
    )
    reckoned = replace(SERVING, basis="reckoned from the operations of one L4")
    assert own_prompt(LITTLE_GPU, TRAFFIC, reckoned).explained[0] == (
        "tokens a second reckoned from the operations of one L4"
    )


def test_a_cache_without_a_price_is_said_to_count_for_nothing() -> None:
    assert api_prompt(CLOSED, cached(0.5)).explained[-1].startswith("the list has no price of cached tokens")


def test_offers_are_in_the_currency_of_their_list() -> None:
    offers = [
        api_prompt(SMALL, TRAFFIC, "EUR"),
        api_tuned(SMALL, TRAFFIC, tokens=1000, epochs=1, currency="EUR"),
        self_hosted(GPU, TRAFFIC, SERVING, training=gpu_time(GPU, 60, currency="EUR"), currency="EUR"),
        own_prompt(GPU, TRAFFIC, SERVING, currency="EUR"),
    ]
    assert {each.currency for each in offers} == {"EUR"}
    assert all("EUR" in " ".join(each.explained) and "USD" not in " ".join(each.explained) for each in offers)


def test_a_model_that_its_api_does_not_tune_is_refused() -> None:
    with pytest.raises(UsageError, match="closed has no price of training"):
        api_tuned(CLOSED, TRAFFIC, tokens=1000, epochs=1)


def test_a_curve_is_the_monthly_cost_at_each_number_of_requests() -> None:
    assert curve(TUNED, 12, (0, 1000, 100_000)) == ((0, 0.75), (1000, 0.96), (100_000, 21.75))


def test_a_price_is_found_by_a_drivers_word_for_the_gpu() -> None:
    gpus = (LITTLE_GPU, GpuPrice(name="A100 40GB", hour=1.0), GPU, BIG_GPU)
    prices = Prices(currency="USD", apis=(SMALL, LARGE), gpus=gpus)
    words = {"NVIDIA A100-SXM4-80GB": GPU, "NVIDIA L4 24GB": LITTLE_GPU, "h100": BIG_GPU}
    assert {word: prices.gpu(word) for word in words} == words
    assert prices.api("Large") is LARGE


def test_a_price_that_is_not_listed_is_told_with_the_near_name() -> None:
    prices = Prices(currency="USD", apis=(SMALL, LARGE), gpus=(GPU, LITTLE_GPU))
    with pytest.raises(UsageError, match="no API 'smal'; did you mean 'small'"):
        prices.api("smal")
    with pytest.raises(UsageError, match="no GPU 'A100'; did you mean 'A100 80GB'"):
        prices.gpu("A100")
