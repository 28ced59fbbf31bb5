"""A live worker looks at the place of its pages before it starts."""

import socket

import pytest

from cep.cli.worker import require_free
from cep.errors import InputError


def test_pages_where_somebody_else_has_his_are_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=f"web: {web}: Address already in use\n  another worker"):
            require_free(web)
    require_free(web)
    require_free("")
