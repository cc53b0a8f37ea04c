"""`harness advise` as a team uses it: what it says, what it asks, what it writes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from terminals import Terminal

from harness.suite.load import load
from harness.testing.project import SUITE, Project, colour_rows

ANSWERS = """\
advice:
  lacks: [format]
  requests_per_day: 100000
"""


def advised(project: Project, *arguments: str) -> dict[str, object]:
    result = project.run("advise", *arguments, "--json")
    assert (result.exit_code, result.err) == (0, "")
    found: dict[str, object] = result.json
    return found


def route(told: dict[str, object]) -> object:
    strategy = told["strategy"]
    assert isinstance(strategy, dict)
    return strategy["route"]


def test_without_a_suite_flags_alone_lead_to_a_recommendation(project: Project) -> None:
    assert route(advised(project, "--rows", "50", "--lacks", "format", "--compliance", "0.6")) == "prompt"
    assert route(advised(project, "--lacks", "knowledge", "--knowledge-changes", "--compliance", "0.6")) == "retrieve"
    assert route(advised(project, "--rows", "3000", "--lacks", "style", "--compliance", "0.6")) == "tune"


def test_a_model_and_a_file_of_rows_tell_memory_and_hyperparameters(project: Project) -> None:
    project.write_rows("more.jsonl", colour_rows(0, 1500))
    told = advised(project, "--model", "model", "--data", "more.jsonl", "--lacks", "format")
    assert told["shape"] is not None
    lengths = told["lengths"]
    assert isinstance(lengths, dict)
    assert lengths["longest"] >= lengths["p99"] >= lengths["median"] > 0
    training = told["training"]
    assert isinstance(training, dict)
    assert all(each["claims"] or "our choice" in each["reason"] for each in training["choices"])
    assert told["memory"]


def test_the_suite_says_what_the_team_knows_and_flags_go_before_it(project: Project) -> None:
    project.write_rows("train.jsonl", colour_rows(0, 1200, "train"))
    project.write_suite(SUITE + ANSWERS)
    assert route(advised(project, "suite.yaml")) == "tune"
    assert route(advised(project, "suite.yaml", "--lacks", "knowledge", "--knowledge-changes")) == "retrieve"


def test_json_alone_opens_no_model_and_writes_no_record(project: Project) -> None:
    told = advised(project, "suite.yaml")
    assert told["measured_on"] == ""
    assert not project.record.exists()
    program = """
import sys
sys.argv = ["harness", "advise", "suite.yaml", "--json"]
from harness.cli.main import cli
cli.main(sys.argv[1:], standalone_mode=False)
assert not {"torch", "transformers"} & set(sys.modules), "torch or transformers was imported"
"""
    command = [sys.executable, "-c", program]
    subprocess.run(command, check=True, cwd=project.folder, env=project.variables, capture_output=True)


def test_measuring_asks_the_prompts_and_takes_steps_and_the_next_call_knows_it(project: Project) -> None:
    measured = advised(project, "suite.yaml", "--measure", "--items", "4")
    situation = measured["situation"]
    assert isinstance(situation, dict)
    names = {each["name"] for each in situation["baselines"]}
    assert {"zero-shot", "system", "3 examples", "5 examples", "10 examples", "chain of thought"} <= names
    assert all(each["items"] == 4 and each["prompt_tokens"] > 0 for each in situation["baselines"])
    duration = measured["duration"]
    assert isinstance(duration, dict)
    assert duration["rate"]["known_by"] == "probe"
    again = advised(project, "suite.yaml", "--items", "4")
    assert again["situation"] == situation, "what was measured stands in the record"


def test_the_power_of_each_gate_is_told_before_training(project: Project) -> None:
    power = advised(project, "suite.yaml")["power"]
    assert isinstance(power, dict)
    assert [gate["items"] for gate in power["gates"]] == [20]


def test_write_puts_method_and_values_into_the_suite_with_the_reason_beside_each(project: Project) -> None:
    result = project.run("advise", "suite.yaml", "--write", "--no-measure", "--yes", "--lacks", "style")
    assert (result.exit_code, result.err) == (0, "")
    suite = load(project.suite)
    assert suite.training is not None
    options = suite.training.stages[0].trainer.options
    assert {"learning_rate", "num_train_epochs", "r", "lora_alpha", "max_length"} <= set(options)
    assert suite.advice.lacks == ("style",)
    section = project.suite.read_text().split("trainer:")[1].split("tasks:")[0]
    lines = [line for line in section.splitlines() if "learning_rate" in line or "num_train_epochs" in line]
    assert all("#" in line for line in lines)
    assert project.run("check", "suite.yaml").exit_code == 0
    assert "max_steps" in options, "what the team has set and the advice does not speak of stays"


def test_the_best_prompt_found_becomes_the_prompted_arm(project: Project) -> None:
    result = project.run("advise", "prompt", "suite.yaml", "--items", "4", "--json")
    assert (result.exit_code, result.err) == (0, "")
    prompted = load(project.suite).prompted
    assert prompted is not None
    kept = result.json["prompted"]
    assert (prompted.system, prompted.few_shot, prompted.chain_of_thought) == (
        kept["system"],
        kept["few_shot"],
        kept["chain_of_thought"],
    )
    assert project.run("check", "suite.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["suite.yaml", "--rows", "5"], "--rows is for advice without a suite"),
        (["--write"], "--write needs a suite"),
        (["--measure"], "--measure needs a suite"),
        (["--data", "train.jsonl"], "add --model"),
        (["suite.yaml", "--lacks", "style", "--nothing-lacks"], "opposite"),
        (["suite.yaml", "--api", "gpt-4o-minni"], "gpt-4o-mini"),
        (["suite.yaml", "--gpu", "no such"], "no such"),
        (["suite.yaml", "--prices", "missing.yaml"], "missing.yaml"),
        (["missing.yaml"], "no such suite file"),
        (["--rows", "many"], "many"),
        (["suite.yaml", "--requests-per-day", "inf"], "requests_per_day is no number to reckon with"),
        (["suite.yaml", "--compliance", "nan"], "compliance is no number to reckon with"),
        (["--model", "model", "--data", "missing.jsonl"], "missing.jsonl: no such file of rows"),
        (["--prices", "."], " advise [OPTIONS] [SUITE]"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line_and_exit_status_2(project: Project, arguments: list[str], said: str) -> None:
    result = project.run("advise", *arguments, "--no-measure" if "--measure" not in arguments else "--yes")
    assert result.exit_code == 2
    assert said in result.err
    assert "Traceback" not in result.err


def test_at_a_terminal_it_asks_what_could_change_the_advice(project: Project) -> None:
    with Terminal(project.command("advise", "--rows", "3000"), project.folder, NO_COLOR="1") as terminal:
        terminal.wait_for("?")
        for _ in range(12):
            terminal.type("\n")
        assert terminal.end() == 0
        assert "The path" in terminal.text


def test_an_answer_that_is_none_is_asked_again(project: Project) -> None:
    with Terminal(project.command("advise", "--rows", "3000"), project.folder, NO_COLOR="1") as terminal:
        terminal.wait_for("?")
        terminal.type("perhaps\n")
        terminal.wait_for("answer")
        for _ in range(12):
            terminal.type("\n")
        assert terminal.end() == 0


def test_help_names_both_ways_of_asking(project: Project) -> None:
    shown = project.run("advise", "--help")
    assert shown.exit_code == 0
    assert "--measure / --no-measure" in shown.out
    assert "harness advise prompt SUITE" in " ".join(shown.out.split())


def test_details_show_what_the_short_screen_leaves_out(project: Project) -> None:
    flags = ["--no-measure", "--yes", "--lacks", "style", "--requests-per-day", "5000"]
    short, long = (project.run("advise", "suite.yaml", *flags, *more) for more in ([], ["--details"]))
    assert (short.exit_code, long.exit_code) == (0, 0)
    assert "the rule: " in long.out
    assert "the rule: " not in short.out
    assert "--details" in short.out
    assert "Items needed" in long.out
    assert "harness power suite.yaml" in short.out


def test_how_long_asking_takes_is_told_where_the_base_model_was_asked_before(project: Project) -> None:
    assert project.run("eval", "--suite", "suite.yaml").exit_code == 0
    told = project.run("advise", "suite.yaml", "--measure", "--yes", "--items", "2")
    assert told.exit_code == 0
    assert "asking takes about" in told.err + told.out


def test_what_is_no_number_in_the_suite_is_told_as_on_the_command_line(project: Project) -> None:
    project.write_suite(SUITE + "advice: {latency: .inf}\n")
    result = project.run("advise", "suite.yaml", "--no-measure", "--yes")
    assert result.exit_code == 2
    assert "advice.latency is no number to reckon with" in result.err


def test_a_gpu_without_a_price_costs_the_offers_that_need_one_and_nothing_else(project: Project) -> None:
    told = advised(project, "suite.yaml", "--gpu", "RTX 4090")
    assert told["memory"]
    assert told["duration"]
    offers, notes = told["offers"], told["notes"]
    assert isinstance(offers, list)
    assert isinstance(notes, list)
    assert not [each for each in offers if each["fixed"]]
    assert any("no GPU 'RTX 4090'" in each for each in notes)


def test_a_picture_is_saved_beside_json_too(project: Project) -> None:
    advised(project, "suite.yaml", "--svg", "advice.svg")
    assert (project.folder / "advice.svg").read_text().startswith("<svg")


def test_without_a_suite_the_way_on_is_shown(project: Project) -> None:
    shown = project.run("advise", "--yes")
    assert "next        harness advise SUITE.yaml" in shown.out


def test_measured_prompts_tell_how_long_evaluating_takes(project: Project) -> None:
    assert advised(project, "suite.yaml")["evaluation"] is None
    told = advised(project, "suite.yaml", "--measure", "--items", "2")
    situation, evaluation = told["situation"], told["evaluation"]
    assert isinstance(situation, dict)
    assert isinstance(evaluation, dict)
    took = {each["name"]: each["seconds"] for each in situation["baselines"]}
    # 20 items of three arms: base and tuned are asked as they are, prompted with two examples
    assert evaluation["seconds"] == pytest.approx(20 * (2 * took["zero-shot"] + took["prompted"]))
    assert evaluation["basis"] == "for all arms, by the prompts measured"
    assert evaluation["charge"] is None, "nobody pays for a CPU by the hour"
    assert told["peak_memory"]


def test_a_written_suite_stays_as_it_is_when_the_same_advice_is_written_again(project: Project) -> None:
    flags = ["--write", "--no-measure", "--yes", "--lacks", "style"]
    written = []
    for _ in range(2):
        assert project.run("advise", "suite.yaml", *flags).exit_code == 0
        written.append(project.suite.read_text())
    assert written[0] == written[1]
    assert "\N{HORIZONTAL ELLIPSIS}" not in written[0], "a reason is whole clauses, not a cut sentence"
