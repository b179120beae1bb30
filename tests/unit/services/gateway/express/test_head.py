"""Headers on the express are read as the framework reads them."""

import pytest
from starlette.datastructures import Headers

from services.gateway.express.head import Head

RAW = [(b"prefer", b"first"), (b"x-a", b"1"), (b"prefer", b"second"), (b"x-b", b"\xe9")]


def test_headers_are_read_as_the_framework_reads_them() -> None:
    ours, theirs = Head(RAW), Headers(raw=RAW)

    for name in ("prefer", "x-a", "x-b", "x-c"):
        assert ours.get(name, "d") == theirs.get(name, "d")
        assert (name in ours) == (name in theirs)
    assert {name: ours[name] for name in ours} == {"prefer": "first", "x-a": "1", "x-b": "é"}
    assert len(ours) == 3
    with pytest.raises(KeyError):
        ours["x-c"]


def test_it_tells_whether_one_of_several_is_there() -> None:
    assert Head(RAW).has_any({b"x-b", b"x-c"})
    assert not Head(RAW).has_any({b"x-c"})
