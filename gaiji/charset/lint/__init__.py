"""What in a file or text would be lost or changed (点検), with places, counts and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gaiji.charset.charsets import Charset
from gaiji.charset.lint.judge import Judge
from gaiji.charset.lint.linter import linter_of
from gaiji.charset.lint.suspicion import Sample
from gaiji.charset.lint.targets import target_of
from gaiji.charset.mapping import Mapping as ReadModel
from gaiji.charset.mapping import Repertoire
from gaiji.wire.lint import LintReport


@dataclass(frozen=True)
class Against:
    """What a text is held against (点検の基準): its charset, the shared characters, and what a code set decided.

    known: the user-defined codes with a decided meaning; None where there is no code set, and none has one.
    release: whose repertoire it is, None for the reference set that ships.
    """

    charset: Charset
    repertoire: Repertoire
    known: frozenset[bytes] | None = None
    release: int | None = None

    @classmethod
    def code_set(cls, mapping: ReadModel) -> Against:
        """Return what a code set's files are held against in one release."""
        known = frozenset(row.code for row in mapping.rows if mapping.meanings(row.code))
        return cls(mapping.charset, mapping.repertoire, known, mapping.release)


def lint(
    data: bytes | Iterable[bytes],
    against: Against,
    *,
    targets: Sequence[str] = (),
    normalizations: Sequence[str] = ("NFC", "NFKC"),
    file: str | None = None,
) -> LintReport:
    """Return what would be lost or changed (点検) in bytes, or in the chunks of a file.

    targets: x0208, x0213, juki or names of byte charsets that the text shall go to. Findings come the gravest
    first, then by check, then the most frequent; a check lists 1,000 different subjects and 10,000 places, its
    total counts all. Raises BadName for an unknown target.
    """
    charset = against.charset
    judge = Judge(
        charset,
        against.repertoire,
        known=against.known,
        normalizations=normalizations,
        targets=[target_of(name) for name in targets],
    )
    sample = Sample(charset.name)
    linter = linter_of(judge)
    for chunk in [data] if isinstance(data, bytes) else data:
        sample.take(chunk)
        linter.feed(chunk)
    linter.feed(b"", final=True)
    linter.finish(sample, charset.name)
    return LintReport(
        charset=charset.name,
        release=against.release,
        targets=list(targets),
        records=linter.records,
        bytes=linter.bytes,
        characters=linter.characters,
        totals=linter.totals(),
        findings=[finding.shape() for finding in linter.findings(file)],
    )
