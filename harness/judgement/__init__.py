"""Recorded runs, side by side and judged; needs no model, so that a run and ``harness gate`` judge by one code."""

from __future__ import annotations

from harness.judgement.baselines import recorded_baselines, stand_ins
from harness.judgement.choosing import BestOf, serves_choosing
from harness.judgement.judging import Judgement, best_of

__all__ = ["BestOf", "Judgement", "best_of", "recorded_baselines", "serves_choosing", "stand_ins"]
