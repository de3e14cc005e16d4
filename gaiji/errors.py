"""Every deliberate error, in one tree (意図した誤りの一覧).

    GaijiError
    ├── Refused            exit 1: the work was possible, a check said no
    ├── BadInput           exit 2: wrong usage or unreadable input
    │   ├── NotFound       404
    │   └── Conflict       409
    ├── Unreachable        exit 3: server or database not reached
    └── StorageFailed      exit 4: disk full, read-only, locked

Each class carries its HTTP status, its title in both languages and its exit status; the problem type is
the class name in kebab-case. A message is one sentence that says what, where and what to do.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Any, ClassVar, Literal, NamedTuple

Language = Literal["ja", "en"]
language: ContextVar[Language] = ContextVar("language", default="ja")


class Text(NamedTuple):
    """One sentence in Japanese and in English; `str()` gives the one of the current `language`."""

    ja: str
    en: str

    def __str__(self) -> str:
        return self.en if language.get() == "en" else self.ja


class Where(NamedTuple):
    """A place in an input (場所): file, record from 1, field name, byte offset from 0."""

    file: str | None = None
    record: int | None = None
    field: str | None = None
    byte_offset: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the known parts only."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def __str__(self) -> str:
        names = Text("ファイル レコード 項目 バイト位置", "file record field byte")
        parts = zip(str(names).split(), self, strict=True)
        return " ".join(f"{name} {value}" for name, value in parts if value is not None)


class GaijiError(Exception):
    """The root. text: what happened and what to do; where: its place; extra: members of the problem."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 2
    title: ClassVar[Text] = Text("内部の誤り", "Internal error")

    def __init__(self, ja: str, en: str, *, where: Where | None = None, **extra: Any) -> None:
        self.text = Text(ja, en)
        self.where = where
        self.extra = extra
        super().__init__(en)

    @classmethod
    def code(cls) -> str:
        """Return the stable name of this kind of error, e.g. `unknown-member`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @property
    def sentence(self) -> str:
        """The message with its place, in the current language."""
        place = f" ({self.where})" if self.where and self.where.as_dict() else ""
        return f"{self.text}{place}"

    def problem(self) -> dict[str, Any]:
        """Return the problem document (RFC 9457)."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.code()}",
            "title": str(self.title),
            "status": self.status,
            "detail": str(self.text),
        }
        if self.where:
            body["where"] = self.where.as_dict()
        return body | self.extra


class Refused(GaijiError):
    """The input was understood and a check said no."""

    status, exit_code = 409, 1
    title = Text("受け付けられません", "Refused")


class BadInput(GaijiError):
    """Wrong usage or input that cannot be read."""

    status, exit_code = 422, 2
    title = Text("入力に誤りがあります", "Bad input")


class NotFound(BadInput):
    """Nothing is registered under that name."""

    status = 404
    title = Text("見つかりません", "Not found")


class Conflict(BadInput):
    """What is registered already stands against this change."""

    status = 409
    title = Text("登録内容と衝突します", "Conflict")


class Unreachable(GaijiError):
    """The server or the database did not answer."""

    status, exit_code = 503, 3
    title = Text("接続できません", "Not reachable")


class StorageFailed(GaijiError):
    """The disk is full, read-only or the database is locked; nothing was changed."""

    status, exit_code = 503, 4
    title = Text("保存できません", "Storage failed")


# --- names that are not there


class UnknownMember(NotFound):
    """No member (構成市) has this municipality code."""

    title = Text("構成市が登録されていません", "Unknown member")


class UnknownCodeSet(NotFound):
    """The member has no code set (外字セット) of this name."""

    title = Text("外字セットが登録されていません", "Unknown code set")


class UnknownCode(NotFound):
    """The code set never registered this local code (外字コード)."""

    title = Text("外字コードが登録されていません", "Unknown local code")


class UnknownCharacter(NotFound):
    """No shared character (共通文字) has this id."""

    title = Text("共通文字がありません", "Unknown shared character")


class UnknownRelease(NotFound):
    """No release (版) has this number."""

    title = Text("版がありません", "Unknown release")


class UnknownSite(NotFound):
    """No site (適用先) that runs releases has this name."""

    title = Text("適用先が登録されていません", "Unknown site")


class UnknownPlan(NotFound):
    """No such cutover plan of a CS server (移行計画)."""

    title = Text("移行計画がありません", "Unknown plan")


class UnknownReleaseFile(NotFound):
    """The release has no file (版のファイル) of this name."""

    title = Text("版にそのファイルがありません", "Unknown file of a release")


class UnknownBlob(NotFound):
    """No file with this sha256 is kept."""

    title = Text("ファイルがありません", "Unknown blob")


class UnknownPolicy(NotFound):
    """No decision policy (決定方針) has this name."""

    title = Text("決定方針がありません", "Unknown policy")


class UnknownCharset(NotFound):
    """No charset (文字コード体系) has this name."""

    title = Text("文字コード体系がありません", "Unknown charset")


class UnknownJob(NotFound):
    """No job (ジョブ) has this id, or it belongs to a member whom this key does not act for."""

    title = Text("ジョブがありません", "Unknown job")


class FilesDeleted(NotFound):
    """The files of this job were deleted: its time is over, or somebody asked for it."""

    status = 410
    title = Text("ファイルは削除済みです", "Files deleted")


class NoPicture(NotFound):
    """The glyph cannot be drawn: its font is not installed or no glyph was handed in."""

    title = Text("字形を描けません", "No picture")


# --- input that cannot be used


class BadMemberCode(BadInput):
    """Not a municipality code: six digits with a check digit (domain rule: JIS X 0402)."""

    title = Text("全国地方公共団体コードの誤り", "Bad municipality code")


class BadName(BadInput):
    """A name, code or address that does not have the form its kind asks for."""

    title = Text("名前またはコードの形式の誤り", "Bad name or code")


class BadFont(BadInput):
    """A font, bitmap or dot-pattern file that cannot be used as a glyph source."""

    title = Text("フォントを読めません", "Unusable font")


class BadPicture(BadInput):
    """A picture (画像) that cannot be used as a scan of one glyph."""

    title = Text("画像を読めません", "Unusable picture")


class BadTable(BadInput):
    """A list, CS-server table or vendor table that cannot be read as one."""

    title = Text("表を読めません", "Unusable table")


class CodeOutsideArea(BadInput):
    """A local code outside the user-defined areas of its code set."""

    title = Text("外字領域の外のコード", "Code outside the user-defined area")


class BadReference(BadInput):
    """A reference file of another edition, or not a reference file."""

    title = Text("基準文字集合を読めません", "Unusable reference file")


class MalformedInput(BadInput):
    """Bytes that are no character in the declared charset."""

    title = Text("文字コードの誤り", "Malformed input")


class BadLayout(BadInput):
    """A record layout (レイアウト) that contradicts itself, or does not go with the conversion."""

    title = Text("レイアウトの誤り", "Unusable layout")


class BadRecord(BadInput):
    """A record that is not what the layout says: its length, its cells, what a field holds."""

    title = Text("レコードがレイアウトと合いません", "Record does not fit the layout")


class BadReceipt(BadInput):
    """A receipt (縮退の控え) that is damaged or belongs to another file."""

    title = Text("控えが使えません", "Unusable receipt")


class BadMappingFile(BadInput):
    """A mapping file (対応表ファイル) is damaged, of another edition, or for another conversion."""

    title = Text("対応表ファイルが使えません", "Unusable mapping file")


class UnsupportedConversion(BadInput):
    """A conversion this edition does not offer."""

    title = Text("この変換はできません", "Unsupported conversion")


class InvalidRequest(BadInput):
    """A request whose form is wrong (JSON shape, parameter, header)."""

    title = Text("要求の形式の誤り", "Invalid request")


class TooLarge(BadInput):
    """More than this service takes at once."""

    status = 413
    title = Text("大きすぎます", "Too large")


class BadRange(BadInput):
    """A part of a file that lies beyond its end."""

    status = 416
    title = Text("範囲がファイルの外です", "Range not satisfiable")


class UnsupportedMediaType(BadInput):
    """A body of a kind this address does not take."""

    status = 415
    title = Text("本文の種類の誤り", "Unsupported media type")


class MethodNotAllowed(BadInput):
    """The address exists, the method does not."""

    status = 405
    title = Text("この操作はできません", "Method not allowed")


class HostileFile(BadInput):
    """A file whose reading went beyond the limits of the child process."""

    title = Text("ファイルの処理を打ち切りました", "File exceeded the limits")


# --- refused by a check


class AlreadyRegistered(Conflict):
    """The name is taken."""

    title = Text("既に登録されています", "Already registered")


class Undecidable(Refused):
    """The decision asked for is not possible in this state."""

    title = Text("決定できません", "Not decidable")


class UnmappedCode(Refused):
    """A city's table does not map this local code in this release (未対応コード)."""

    title = Text("共通文字のない外字コード", "No shared character for this local code")


class AreaFull(Refused):
    """More characters than an area has code points; `missing` says how many find no room."""

    title = Text("割当て領域が足りません", "Area full")


class FieldTooLong(Refused):
    """A converted value does not fit its field, and the layout says to stop there."""

    title = Text("変換後の値が項目に収まりません", "Converted value too long for its field")


class LossBeyondBudget(Refused):
    """More losses than `--max-loss` allows; nothing was written."""

    title = Text("損失が許容数を超えました", "Loss beyond the budget")


class NoSuchResult(Refused):
    """The job has no such file: it has not ended, ended otherwise, or was not asked for it."""

    title = Text("ジョブにその結果はありません", "No such result of the job")


class QuotaExceeded(Refused):
    """A member's jobs keep all the bytes or files that it may."""

    status = 429
    title = Text("構成市の保存枠を超えました", "Quota exceeded")


class JobAbandoned(GaijiError):
    """A job's worker ended in the middle of it, again and again."""

    title = Text("ジョブを打ち切りました", "Job abandoned")


class JournalBroken(Refused):
    """The journal and the tables do not agree."""

    title = Text("履歴と台帳が一致しません", "Journal does not match")


class Unauthorized(Refused):
    """No valid API key."""

    status = 401
    title = Text("APIキーが必要です", "API key needed")


class Forbidden(Refused):
    """The key's role or members do not allow this."""

    status = 403
    title = Text("権限がありません", "Not allowed")


class StaleVersion(Refused):
    """`If-Match` names an older state."""

    status = 412
    title = Text("先に変更されています", "Changed meanwhile")


class VersionNeeded(Refused):
    """A change needs `If-Match` (or `If-None-Match: *` for a new thing)."""

    status = 428
    title = Text("If-Match が必要です", "If-Match needed")


class KeyReused(Refused):
    """An Idempotency-Key came again with another body."""

    title = Text("Idempotency-Key の再使用", "Idempotency-Key reused")


class Busy(Unreachable):
    """Too many requests at once; try again."""

    status = 429
    title = Text("混み合っています", "Too many requests")


# --- storage


class DatabaseBusy(StorageFailed):
    """The database is locked by somebody else."""

    title = Text("データベースが使用中です", "Database locked")


class DatabaseReadOnly(StorageFailed):
    """The database cannot be written."""

    title = Text("データベースに書き込めません", "Database is read-only")


class DiskFull(StorageFailed):
    """No space left on the device."""

    title = Text("ディスクに空きがありません", "Disk full")


class DatabaseUnreachable(Unreachable):
    """The database server does not answer."""

    title = Text("データベースに接続できません", "Database not reachable")


class SchemaMismatch(Unreachable):
    """The database has another schema than this program."""

    title = Text("データベースの形式が合いません", "Schema mismatch")


def problem_types() -> dict[str, type[GaijiError]]:
    """Return every error class that can be raised, by its stable code."""
    found: dict[str, type[GaijiError]] = {}
    todo: list[type[GaijiError]] = [GaijiError]
    while todo:
        cls = todo.pop()
        found[cls.code()] = cls
        todo.extend(cls.__subclasses__())
    return found
