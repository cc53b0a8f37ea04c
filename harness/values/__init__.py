"""The vocabulary: every value that crosses a border between two parts of the harness.

Values are frozen. What is alike has the same identity: a sample is known by the digest of its content, never by its
position. What was not measured is ``None``, never 0.

The other parts take a value from here, whichever module it stands in; the modules take theirs from one another.
"""

from __future__ import annotations

from harness.values.advice import Complexity, Lack, SuiteAdvice
from harness.values.answers import Generation, GenerationSettings, Item, LogLikelihood, Provenance, Reusable
from harness.values.control import Control, Rate, Repeat, RuleControl
from harness.values.data import Dataset, Severity, TrainsOn
from harness.values.gates import RELEASE, GateRule, Tier
from harness.values.items import Message, Mode, Prompt, Role, Sample
from harness.values.judges import Budget, Case, JudgeModel, Prices, Reply, Spent
from harness.values.models import Arm, ModelFacts, ModelRef, Prompting
from harness.values.people import LABELS_NEEDED, PEOPLE, Calibration, ClassAgreement, Opinion, Preference
from harness.values.plugins import Fault, Kind, Origin, Ref, labels
from harness.values.runs import Environment, Run, RunStatus
from harness.values.scores import Breakdown, Cell, Estimate, Score
from harness.values.suite import (
    GENERAL,
    GeneralData,
    Launch,
    PromptedBaseline,
    Suite,
    SuiteBenchmark,
    SuiteCheck,
    SuiteStage,
    SuiteTask,
    SuiteTraining,
)
from harness.values.tasks import Stopping, Target, Task
from harness.values.training import (
    Checkpoint,
    FindingKind,
    JudgedCheckpoint,
    Kept,
    MaskedToken,
    Progress,
    Training,
    TrainingFinding,
    TrainJob,
)
from harness.values.verdicts import Comparison, Delta, Outcome, Pair, Ruling, Verdict

__all__ = [
    "GENERAL",
    "LABELS_NEEDED",
    "PEOPLE",
    "RELEASE",
    "Arm",
    "Breakdown",
    "Budget",
    "Calibration",
    "Case",
    "Cell",
    "Checkpoint",
    "ClassAgreement",
    "Comparison",
    "Complexity",
    "Control",
    "Dataset",
    "Delta",
    "Environment",
    "Estimate",
    "Fault",
    "FindingKind",
    "GateRule",
    "GeneralData",
    "Generation",
    "GenerationSettings",
    "Item",
    "JudgeModel",
    "JudgedCheckpoint",
    "Kept",
    "Kind",
    "Lack",
    "Launch",
    "LogLikelihood",
    "MaskedToken",
    "Message",
    "Mode",
    "ModelFacts",
    "ModelRef",
    "Opinion",
    "Origin",
    "Outcome",
    "Pair",
    "Preference",
    "Prices",
    "Progress",
    "Prompt",
    "PromptedBaseline",
    "Prompting",
    "Provenance",
    "Rate",
    "Ref",
    "Repeat",
    "Reply",
    "Reusable",
    "Role",
    "RuleControl",
    "Ruling",
    "Run",
    "RunStatus",
    "Sample",
    "Score",
    "Severity",
    "Spent",
    "Stopping",
    "Suite",
    "SuiteAdvice",
    "SuiteBenchmark",
    "SuiteCheck",
    "SuiteStage",
    "SuiteTask",
    "SuiteTraining",
    "Target",
    "Task",
    "Tier",
    "TrainJob",
    "Training",
    "TrainingFinding",
    "TrainsOn",
    "Verdict",
    "labels",
]
