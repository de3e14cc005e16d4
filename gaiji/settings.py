"""One frozen Settings from GAIJI_* variables (設定)."""

from __future__ import annotations

import getpass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PACKAGE = Path(__file__).parent
MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


def _login() -> str:
    """Return who is signed in; a container may run under a number that has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


class Settings(BaseSettings):
    """Where the registry lives and what it may use; every field is a GAIJI_ variable."""

    model_config = SettingsConfigDict(
        env_prefix="GAIJI_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    home: Path = Field(Path(".home"), description="folder of database, keys, fonts and demo files")
    database: str | None = Field(
        None, description="SQLAlchemy address; default: SQLite file gaiji.db in the home folder"
    )
    fonts: Path | None = Field(
        None, description="folder searched first for reference fonts; default: fonts in the home"
    )
    database_timeout_s: float = Field(
        10, ge=0, description="how long to wait for a database that somebody else writes"
    )
    actor: str = Field(
        default_factory=_login, description="who decides and publishes on this terminal"
    )
    max_body_bytes: int = Field(
        64 * MEBIBYTE, gt=0, description="largest request body the service takes"
    )
    max_concurrency: int = Field(200, gt=0, description="requests served at once before 429")
    open_work: bool = Field(
        False, description="whether proposals, lists, findings and gaps can be read without a key"
    )
    child_cpu_s: int = Field(
        10, gt=0, description="CPU seconds a child process may read an untrusted file"
    )
    child_memory_bytes: int = Field(
        512 * MEBIBYTE, gt=0, description="address space of that child process"
    )
    job_workers: int = Field(
        1, ge=0, description="jobs that gaiji serve runs at once; 0 leaves them to gaiji jobs work"
    )
    job_retention_h: float = Field(
        24, gt=0, description="hours after its end that a job's files are kept"
    )
    job_max_bytes: int = Field(
        8 * GIBIBYTE, gt=0, description="largest file that a conversion job takes"
    )
    job_quota_bytes: int = Field(
        20 * GIBIBYTE, gt=0, description="bytes that the jobs of one member may keep at once"
    )
    job_quota_count: int = Field(
        1000, gt=0, description="jobs of one member whose files are kept at once"
    )
    cache_max_bytes: int = Field(
        4 * GIBIBYTE, gt=0, description="bytes of mapping files kept in the cache"
    )

    @property
    def cache_folder(self) -> Path:
        """Where mapping files made from releases are kept; it may be deleted at any time."""
        return self.home / "cache"

    @property
    def shape_folder(self) -> Path:
        """Where the index of the reference set's shapes is kept; gaiji reference index makes it again."""
        return self.home / "shapes"

    @property
    def job_folder(self) -> Path:
        """Where uploads, results, reports and receipts of jobs lie, a folder per member."""
        return self.home / "jobs"

    @property
    def database_url(self) -> str:
        """SQLAlchemy address of the registry's database."""
        return self.database or f"sqlite:///{self.home.absolute() / 'gaiji.db'}"

    @property
    def font_folder(self) -> Path:
        """Where fetched reference fonts are kept."""
        return self.fonts or self.home / "fonts"


def shipped(*names: str) -> Path:
    """Return a file that ships with the program: inside the package, or beside it in a checkout."""
    inside = PACKAGE.joinpath(*names)
    return inside if inside.exists() else PACKAGE.parent.joinpath(*names)
