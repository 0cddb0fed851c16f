"""The numbers of contracts that are made when asked for: blocks of conIds, each a reversible scramble of plain numbers.

A contract's number depends on the seed and on what the contract is, never on the date or on what was asked before, so
that positions and scripts keep theirs. Nothing here knows what the plain numbers mean.
"""

from __future__ import annotations

from typing import NamedTuple

FACTOR = 167_772_161  # odd: multiplying by it modulo a power of two can be undone
SALT = 7919


class Block(NamedTuple):
    """A range of conIds: 2 to the power of `bits` numbers from `first` on."""

    first: int
    bits: int

    def number(self, plain: int, seed: int) -> int:
        """The conId of a plain number (from 0 up to the block's size)."""
        return self.first + (plain * FACTOR + seed * SALT) % (1 << self.bits)

    def plain(self, conId: int, seed: int) -> int | None:
        """The plain number of a conId; None where it is outside the block."""
        size = 1 << self.bits
        if not self.first <= conId < self.first + size:
            return None
        return int(((conId - self.first - seed * SALT) * pow(FACTOR, -1, size)) % size)


# Shares, funds, indices and currencies have numbers below 500 million, many of them the real ones.
OPTIONS = Block(600_000_000, 30)
FUTURE_OPTIONS = Block(1_680_000_000, 28)
FUTURES = Block(1_950_000_000, 22)
CFDS = Block(1_960_000_000, 16)
BONDS = Block(1_961_000_000, 16)
FUNDS = Block(1_962_000_000, 16)
NEWS = Block(1_963_000_000, 16)
