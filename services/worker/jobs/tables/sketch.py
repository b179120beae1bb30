"""How many different texts there are, estimated in 4 KiB: HyperLogLog.

Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog: the analysis of a near-optimal cardinality
estimation algorithm", 2007, with its correction for small numbers (linear counting). The hashes
have 64 bits, so that the paper's correction for large numbers is not needed.
"""

import math
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

_INDEX_BITS: Final = 12
_REGISTERS: Final = 2**_INDEX_BITS  # a standard error of 1.04 / sqrt(4096) = 1.6 %
_REST_BITS: Final = 64 - _INDEX_BITS
_REST: Final = 2**_REST_BITS - 1
_ALPHA: Final = 0.7213 / (1 + 1.079 / _REGISTERS)
_SMALL: Final = 2.5 * _REGISTERS


class DistinctSketch:
    """Forgets the texts, keeps how many there were; the same texts give the same estimate."""

    def __init__(self) -> None:
        """Start with none."""
        self._registers = bytearray(_REGISTERS)

    def add(self, texts: Iterable[str]) -> None:
        """Count `texts`; those counted before change nothing."""
        registers = self._registers
        for text in texts:
            digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
            number = int.from_bytes(digest, "big")
            rank = _REST_BITS - (number & _REST).bit_length() + 1
            index = number >> _REST_BITS
            registers[index] = max(registers[index], rank)

    def estimate(self) -> int:
        """Return about how many there were."""
        raw = _ALPHA * _REGISTERS**2 / sum(2.0**-rank for rank in self._registers)
        untouched = self._registers.count(0)
        if raw <= _SMALL and untouched:
            return round(_REGISTERS * math.log(_REGISTERS / untouched))
        return round(raw)
