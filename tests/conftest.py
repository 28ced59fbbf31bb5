"""How all tests are run: in how many processes, and in CI with nothing missing.

A skip is fatal where nobody would read it: in CI, when a service or shared data is missing.
"""

import os
import re
from collections.abc import Generator
from typing import Final

import pytest

# Skips for other reasons stay skips: a case that an engine declines, a platform that lacks a call.
MISSING: Final = re.compile(r"shared data|service|broker|kafka|redis|empty parameter set", re.IGNORECASE)


def skip_is_fatal(reason: str) -> bool:
    """Whether a skip for that reason hides a missing part of the test environment."""
    return bool(os.environ.get("CI")) and MISSING.search(reason) is not None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: that of the live tests mostly waits for real services."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn such a skip of a test into a failure."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_fatal(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn such a skip of a whole module into a failure."""
    report = yield
    _fail_if_fatal(report)
    return report


def _fail_if_fatal(report: pytest.TestReport | pytest.CollectReport) -> None:
    # A skip is told as (file, line, reason).
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if skip_is_fatal(reason):
            report.outcome = "failed"
            report.longrepr = f"In CI nothing may be missing, but this was skipped:\n{reason}"
