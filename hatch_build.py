"""What an install does besides copying: it makes the tables of the grammar, and compiles a reader of JSON.

Without a C compiler the package is installed all the same: the kernel is left out and the reader in NumPy,
which gives the same events, is used. `cep --version` says which one it is.
"""

from __future__ import annotations

import sys
import sysconfig
from compileall import compile_dir
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from cep.compiled.build import build, library_path
from cep.language.tables import keep_tables


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Writes into the source tree, where an editable install looks, and from there into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Tell hatchling of the library; the wheel is then for this platform and any Python."""
        build_data["artifacts"].append(f"/cep/language/{keep_tables().name}")
        if version == "editable":
            # As pip does with what it copies: some machines let no Python write bytecode later.
            compile_dir(Path(__file__).parent / "cep", quiet=1)
        problem = build()
        if problem is not None:
            self.app.display_warning(f"cep is installed without its compiled reader ({version}): {problem}")
            return
        build_data["artifacts"].append(f"/cep/compiled/{library_path().name}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
