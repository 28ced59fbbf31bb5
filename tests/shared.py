"""Where the checkout is, and the shared data beside it that only tests read.

The shared data (conformance cases, recorded events) is no part of the project. `CEP_SHARED` names its
folder; without it the folder `shared` next to the checkout is taken.
"""

import os
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
SHARED: Final = Path(os.environ.get("CEP_SHARED", ROOT.parent / "shared"))


def shared_path(*parts: str) -> Path:
    """A file or folder of the shared data; skips the test, or the module, when it is not there.

    Where the environment variable CI is set its absence is a failure, since there nobody reads skips.
    """
    path = SHARED.joinpath(*parts)
    if not path.exists():
        reason = f"no shared data: {Path(*parts)} is not in the folder that CEP_SHARED names"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason, allow_module_level=True)
    return path
