"""The files of print jobs (印刷業務のファイル): which are asked for, and what is counted in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gaiji.charset.records.layout import Layout
from gaiji.charset.usage import FileCount, count_file
from gaiji.errors import BadInput, BadName, MalformedInput, Where
from gaiji.registry.db import Session
from gaiji.registry.members import charset_of, find_code_set

DEVICES = re.compile(r"(?i:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?:\..*)?")
"""Names that Windows keeps for devices, whatever follows the first dot (Microsoft Learn, Naming Files)."""


class JobFile(NamedTuple):
    """A print job's file (印刷業務のファイル).

    name: of the job, for its list; code_set: whose codes the file holds; layout: of its records.
    """

    name: str
    code_set: str
    path: Path | str
    layout: Layout | None = None


def check_jobs(jobs: Sequence[JobFile], members: Sequence[str]) -> None:
    """Raise BadName for a job that cannot name a file, on Windows too, is named twice, or is of another member."""
    for job in jobs:
        if not re.fullmatch(r"(?!\.)[\w.-]{1,60}", job.name):
            raise BadName(
                f"印刷業務の名前 {job.name[:60]} は使えません。文字・数字・_ . - で60字までにしてください。",
                f"{job.name[:60]} cannot name a print job; take up to 60 letters, digits, _ . or -.",
            )
        if DEVICES.fullmatch(job.name):
            raise BadName(
                f"印刷業務の名前 {job.name} は、Windowsでは装置の名前でファイルを開けません。別の名前にしてください。",
                f"{job.name} cannot name a print job: on Windows it names a device, and no file; take another name.",
            )
        if job.code_set.partition("/")[0] not in members:
            raise BadName(
                f"印刷業務 {job.name} の外字セット {job.code_set} は --members の市のものではありません。",
                f"Code set {job.code_set} of print job {job.name} belongs to no member named by --members.",
            )
    names = Counter(job.name.casefold() for job in jobs)
    twice = [job.name for job in jobs if names[job.name.casefold()] > 1]
    if twice:
        raise BadName(
            f"印刷業務 {twice[0]} が二度指定されています(大文字と小文字は区別しません)。名前を変えてください。",
            f"Print job {twice[0]} is named twice (upper and lower case are one); take another name.",
        )


def count_job(session: Session, job: JobFile) -> FileCount:
    """Return what a job's file uses (業務のファイルの集計).

    Raises BadInput for an empty file or one that cannot be read, UnknownCodeSet, BadRecord, and MalformedInput where
    bytes belong to no code: then it is in another charset.
    """
    charset = charset_of(session, find_code_set(session, job.code_set))
    found = count_file(job.path, charset, job.layout)
    if not found.size:
        raise BadInput(
            f"印刷業務 {job.name} のファイルが空です。書き出し直したファイルを --job に指定してください。",
            f"The file of print job {job.name} is empty; name one that was written anew in --job.",
            where=Where(found.name),
        )
    if (place := found.counted.first_malformed) is not None:
        count = found.counted.malformed
        raise MalformedInput(
            f"印刷業務 {job.name} のファイルに {charset.name} の文字でないバイトが {count:,} 個あります。"
            "--job の外字セットとファイルの文字コードを確かめ、レコードの様式があれば --layout で指定してください。",
            f"The file of print job {job.name} holds bytes that are no character of {charset.name}: {count:,}; check "
            "the code set in --job and the file's charset, and name the layout of its records with --layout.",
            where=Where(found.name, place.record, place.field, place.byte_offset),
        )
    return found
