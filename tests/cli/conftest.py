"""The small project that the tests of the commands run in."""

from pathlib import Path

import pytest

from tests.cli.shop import make_project


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, with the commands run inside it and nothing of the caller's terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(make_project(tmp_path))
    return tmp_path
