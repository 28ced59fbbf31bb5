"""What `cep dlq` does, in a process of its own: no other command may pay for importing the Kafka client."""

from __future__ import annotations

import os
import sys

from cep.cli.rules import open_project
from cep.cli.run_cmd import config_of
from cep.errors import CepError
from cep.live import with_environment
from cep.ports.alert_lines import json_text
from cep.runtimes.dead_letters import letters, send_back


def main() -> int:
    """`list` prints the letters as JSON, `replay` sends them back."""
    try:
        settings = with_environment(open_project(config_of(os.environ)).project.live, os.environ)
        if sys.argv[1:] == ["replay"]:
            sys.stderr.write(f"{send_back(settings)} sent back\n")
            return 0
        for letter in letters(settings):
            record = {
                "code": letter.code,
                "reason": letter.reason,
                "topic": letter.topic,
                "partition": letter.partition,
                "offset": letter.offset,
                "value": letter.value.decode("utf-8", "backslashreplace"),
            }
            sys.stdout.write(json_text(record) + "\n")
    except CepError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
