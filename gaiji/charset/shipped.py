"""The reference set that ships with the program as a repertoire (付属の基準文字集合), without any registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from gaiji import data
from gaiji.charset.mapping import Forms, Reduction, Repertoire
from gaiji.charset.standard import x0213_points

SVS = "SVS"


@cache
def shipped_repertoire() -> Repertoire:
    """Return every character of MJ文字情報一覧表 with its written forms and reductions, the best first.

    What a registry gives after `gaiji reference load`, without characters and allocations of a council.
    Raises BadReference when a shipped file is damaged.
    """
    reductions = defaultdict[str, list[Reduction]](list)
    for row in sorted(data.read(data.ShrinkRow), key=lambda row: (row.rank or 1000, row.hops or 0)):
        reductions[row.name].append(Reduction(row.ucs, row.x0213, row.ground, row.rank, row.hops))
    points = x0213_points()
    return Repertoire(
        Forms(
            row.name,
            row.own_ucs,
            row.ucs,
            row.ivs,
            row.svs,
            int(row.juki[2:], 16) if row.juki else None,
            points.get(row.x0213) if row.x0213 else None,
            row.x0213_class,
            row.x0213_rule,
            reductions=tuple(reductions.get(row.name, ())),
        )
        for row in data.read(data.MjRow)
    )


@cache
def registered_sequences() -> Mapping[str, tuple[str, str]]:
    """Return every registered variation sequence (異体字シーケンス): its collection and its name there.

    All collections of the IVD, Moji_Joho first where one has it, and the standardized ones (`SVS`), whose
    name is the compatibility ideograph.
    """
    found = {row.sequence: (SVS, row.compatibility) for row in data.read(data.StandardizedRow)}
    for row in data.read(data.SequenceRow):
        if row.sequence not in found or row.collection == "Moji_Joho":
            found[row.sequence] = row.collection, row.code
    return found


@cache
def standardized() -> Mapping[str, str]:
    """Return the standardized sequence of each compatibility ideograph (互換漢字の SVS): 1,002."""
    return {row.compatibility: row.sequence for row in data.read(data.StandardizedRow)}
