"""Fixtures that many tests share."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from harness.testing.project import Project, tiny_project

# What runs in the background ignores Ctrl-C, and so would every command that a test starts and stops in this way.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project, built once; its model is real, small and random."""
    return tiny_project(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def project(tiny_template: Project, tmp_path: Path) -> Project:
    """A fresh copy of the tiny project."""
    folder = tmp_path / "project"
    shutil.copytree(tiny_template.folder, folder)
    return Project(folder)
