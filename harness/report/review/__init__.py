"""A page of a review or a spot check as a terminal shows it: what was asked, the answers, and the keys.

All of it is foreign text: it is made inert, and cut where nobody would read on, so that a page is drawn in no time
whatever a model has said.
"""

from __future__ import annotations

from harness.report.review.body import page_body
from harness.report.review.frames import end_frame, page_frame
from harness.report.review.shown import Body, Frame, Look, Place
from harness.report.review.summary import review_summary, spot_check_summary

__all__ = [
    "Body",
    "Frame",
    "Look",
    "Place",
    "end_frame",
    "page_body",
    "page_frame",
    "review_summary",
    "spot_check_summary",
]
