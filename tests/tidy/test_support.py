"""What other tests lean on does what it says: golden files, shared data, fatal skips."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import shared
from tests.conftest import skip_is_fatal
from tests.golden import check_golden
from tests.shared import ROOT, shared_path


@pytest.fixture(autouse=True)
def neither_ci_nor_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("UPDATE", raising=False)


def test_golden_file_that_agrees(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("ä\r\nb\n".encode())
    check_golden(path, "ä\r\nb\n")


def test_golden_file_that_differs_shows_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)make golden.*\n-two\n\+three\n"):
        check_golden(path, "one\nthree\n")
    assert path.read_text() == "one\ntwo\n"


def test_golden_file_without_its_last_line_end_differs(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\n")
    with pytest.raises(pytest.fail.Exception, match=r"\+\\ no line end"):
        check_golden(path, "one")


def test_missing_golden_file_fails_and_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="is missing; `make golden` writes it"):
        check_golden(tmp_path / "a.txt", "text")
    assert list(tmp_path.iterdir()) == []


def test_golden_file_is_rewritten_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPDATE", "1")
    path = tmp_path / "new" / "a.txt"
    check_golden(path, "one\r\n")
    check_golden(path, "two\r\n")
    assert path.read_bytes() == b"two\r\n"


def test_shared_data_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SHARED", tmp_path)
    (tmp_path / "conformance").mkdir()
    assert shared_path("conformance") == tmp_path / "conformance"


def test_missing_shared_data_skips_but_fails_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SHARED", tmp_path)
    with pytest.raises(pytest.skip.Exception, match="no shared data: conformance"):
        shared_path("conformance")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no shared data: conformance"):
        shared_path("conformance")


def test_only_a_missing_environment_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not skip_is_fatal("no shared data: x")
    monkeypatch.setenv("CI", "true")
    assert skip_is_fatal("no shared data: x")
    assert skip_is_fatal("no Redis on this machine")
    assert skip_is_fatal("got empty parameter set for (case)")
    assert not skip_is_fatal("the engine declines absence")


SKIPS = """
import pytest
pytestmark = []

def test_passes(): pass

@pytest.mark.skip(reason="declined")
def test_declines(): pass

@pytest.mark.skip(reason="needs a broker")
def test_by_mark(): pass

def test_by_call(): pytest.skip("needs a service")

@pytest.mark.xfail(reason="broker", strict=True)
def test_expected(): assert False
"""
MODULE_SKIP = "import pytest\npytest.skip('no shared data', allow_module_level=True)\n"


@pytest.mark.parametrize(
    ("in_ci", "expected"),
    [(False, "1 passed, 4 skipped, 1 xfailed"), (True, "1 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors")],
)
def test_skips_in_a_run_of_pytest(tmp_path: Path, in_ci: bool, expected: str) -> None:
    (tmp_path / "test_skips.py").write_text(SKIPS)
    (tmp_path / "test_module.py").write_text(MODULE_SKIP)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--continue-on-collection-errors"]
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "", "PYTHONDONTWRITEBYTECODE": "1", **({"CI": "true"} if in_ci else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert expected in run.stdout.splitlines()[-1], run.stdout


@pytest.mark.xdist_group("alone")
def test_groups_of_tests_reach_those_who_share_out_the_work(request: pytest.FixtureRequest) -> None:
    """Else each process starts services of its own. A pytest that is too new drops the mark in silence."""
    if request.config.getoption("loadgroup", default=False):
        assert request.node.nodeid.endswith("@alone")
