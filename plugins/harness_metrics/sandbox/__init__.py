"""Runs programs that a model wrote, of which nobody knows what they do, and says whether they pass their tests.

Each runs in a process of its own (``child``), inside walls (``walls``, ``system_calls``) that it must have built and
proved before it is sent a word of the program; a supervisor watches it from outside, ends it and clears up after it.
The walls are Landlock, seccomp and resource limits, which need no rights and hold in a container as well.
"""

from __future__ import annotations

from harness_metrics.sandbox.supervisor import Outcome, Program, run, run_all
from harness_metrics.sandbox.walls import Limits

__all__ = ["Limits", "Outcome", "Program", "run", "run_all"]
