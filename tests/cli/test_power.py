"""What a person sees of a suite's gates before anything is run, through the real command."""

from __future__ import annotations

import goldens

from harness.testing.project import SUITE, Project

TIGHT = SUITE.replace("max_drop: 0.5", "max_drop: 0.05")


def test_a_suite_that_never_ran_is_foreseen(project: Project) -> None:
    project.write_suite(TIGHT)
    result = project.run("power", "suite.yaml")
    assert (result.exit_code, result.err) == (0, "")
    shown = "\n".join(line.rstrip() for line in result.out.splitlines()) + "\n"
    goldens.check("power-command.txt", shown)
    assert not project.record.exists(), "to look ahead writes nothing"


def test_a_script_gets_the_same_numbers(project: Project) -> None:
    project.write_suite(TIGHT)
    facts = project.run("power", "suite.yaml", "--json").json
    (gate,) = facts["gates"]
    assert (gate["standing"], gate["items"], gate["fewest"]) == ("cannot pass", 20, 61)
    assert dict(zip(facts["rates"], gate["by_rate"], strict=True))[0.1] == gate["alone"] == 394
    assert facts["release"]["critical"] == 1
    assert facts["experiment"] is None


def test_a_limit_on_the_command_line_counts(project: Project) -> None:
    (gate,) = project.run("power", "suite.yaml", "--limit", "3", "--json").json["gates"]
    assert (gate["items"], gate["standing"]) == (3, "cannot pass")


def test_check_warns_of_gates_that_cannot_pass(project: Project) -> None:
    assert project.run("check", "suite.yaml", "--json").json["warnings"] == []
    project.write_suite(TIGHT)
    result = project.run("check", "suite.yaml")
    assert result.exit_code == 0
    words = " ".join(result.out.split())
    assert "f1 drops at most 0.05 against base: cannot pass; 20 items, and even if not one answer changed" in words
    (told,) = project.run("check", "suite.yaml", "--json").json["warnings"]
    assert told.endswith("it needs at least 61")


def test_check_does_not_wait_for_scipy(project: Project) -> None:
    """The figures of a plan are closed forms, so that ``check`` stays within a second."""
    import subprocess
    import sys

    program = (
        "import sys\n"
        "from harness.cli.main import cli\n"
        "cli.main(['check', 'suite.yaml'], standalone_mode=False)\n"
        "heavy = {'numpy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=project.folder, env=project.variables, check=True, capture_output=True
    )
