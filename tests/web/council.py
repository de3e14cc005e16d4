"""A small council on a real database: four members, fonts and lists taken in, decisions, two releases."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from gaiji.data import MjRow, read
from gaiji.errors import problem_types
from gaiji.glyph.build import build_truetype
from gaiji.glyph.donors import Donor
from gaiji.glyph.forms import Glyph, Outline
from gaiji.glyph.reference import find_font
from gaiji.registry import db, decisions, intake, journal, members, principals, reference, schema
from gaiji.registry import releases as published
from gaiji.registry.journal import Actor
from gaiji.settings import Settings
from gaiji.web.app import create_app

ACTOR = Actor("test", "operator")
KUSATSU, RITTO, YASU = "252069", "252085", "252107"
NABE, SAKI, HEN, TAKA = "MJ026190", "MJ030196", "MJ026193", "MJ028902"
LIST = f"""外字コード,MJ文字図形名,読み,画数,備考
F040,{NABE},なべ,,渡邉の邉
F041,{SAKI},さき,12,
F042,,,,字形だけ
F043,MJ013582,とち,,
"""
CS_TABLE = "外字コード,住基ネット統一文字コード\nF040,J+9089\nF043,J+6730\n"


class CheckedClient(TestClient):
    """A client that takes no error but a documented problem document."""

    def request(self, method: str, url: Any, **more: Any) -> Any:
        response = super().request(method, url, **more)
        if response.status_code >= 400 and not response.headers["content-type"].startswith(
            "text/html"
        ):
            self.check(method, response)
        return response

    def check(self, method: str, response: Any) -> None:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.status_code < 500
        if method == "HEAD":
            return
        body = response.json()
        code = body["type"].removeprefix("/problems/")
        assert problem_types()[code].status == body["status"] == response.status_code
        assert body["title"]
        assert body["detail"]
        for route in self.app.state.routes:  # type: ignore[attr-defined]
            if route.path_regex.match(response.url.path) and method in route.methods:
                documented = route.responses.get(response.status_code, {}).get("x-problems", [])
                assert code in documented or not route.include_in_schema, (route.path, code)


@dataclass
class Council:
    """The service on a copy of the small council, and a key of every kind."""

    settings: Settings
    engine: Engine
    keys: dict[str, str]

    @cached_property
    def app(self) -> Any:
        return create_app(self.settings, self.engine)

    @cached_property
    def client(self) -> TestClient:
        return CheckedClient(self.app)

    def key(self, name: str = "operator") -> dict[str, str]:
        """Return the header of a principal."""
        return {"Authorization": f"Bearer {self.keys[name]}"}


def box(side: int) -> Outline:
    """A glyph that needs no font: a square."""
    corners = ((side, 0), (side, side), (0, side), (0, 0))
    return Outline(1000, 1000, (tuple((corner,) for corner in corners),))


def drawn(names: dict[int, str]) -> dict[int, tuple[str, Glyph]]:
    """Return glyphs by code point: HanaMin's outlines of characters where that font is installed."""
    paths = [find_font(Settings(), name) for name in ("hanamin-a", "hanamin-b")]
    rows: dict[str, MjRow] = {row.name: row for row in read(MjRow) if row.name in names.values()}
    donor = Donor([path for path in paths if path])
    found: dict[int, tuple[str, Glyph]] = {}
    for point, name in names.items():
        glyph: Glyph = box(300 + point % 400)
        if name in rows and donor.has(rows[name]):
            glyph = donor.outline(rows[name])
        found[point] = f"g{point:04X}", glyph
    return found


def font_of(names: dict[int, str]) -> bytes:
    return build_truetype(drawn(names), family="Test Gaiji", em_units=1000)


def build(settings: Settings) -> dict[str, str]:
    """Make the council in a home folder and return its keys."""
    settings.home.mkdir(parents=True, exist_ok=True)
    engine = db.connect(settings)
    schema.upgrade(engine)
    with db.writing(engine) as session:
        journal.create(session, ACTOR, "OM")
        reference.load(session, ACTOR)
        for code, name in ((KUSATSU, "草津市"), (RITTO, "栗東市")):
            members.add_member(session, ACTOR, code, name)
        members.add_member(session, ACTOR, YASU, "野洲市", candidate=True)
        for address, charset, system, group in (
            (f"{KUSATSU}/juki", "cp932", "住民記録", "住民記録系"),
            (f"{KUSATSU}/zei", "cp932", "固定資産税", "税系"),
            (f"{RITTO}/juki", "utf-16le", "住民記録", "住民記録系"),
            (f"{YASU}/juki", "cp932", "住民記録", "住民記録系"),
        ):
            members.add_code_set(
                session, ACTOR, address, charset_name=charset, system=system, group=group
            )
    font = font_of({0xE000: NABE, 0xE001: SAKI, 0xE002: HEN, 0xE003: "MJ013582"})
    other = font_of({0xE010: NABE, 0xE011: TAKA})
    files = {
        f"{KUSATSU}/juki": intake.Files(
            font=("EUDC.TTE", font),
            table=("list.csv", LIST.encode("cp932")),
            cs_table=("cs.csv", CS_TABLE.encode()),
        ),
        f"{KUSATSU}/zei": intake.Files(table=("zei.csv", f"code,mj\nF040,{SAKI}\n".encode())),
        f"{RITTO}/juki": intake.Files(
            font=("EUDC.TTE", other),
            table=("list.csv", f"code,mj\nU+E010,{NABE}\nU+E011,{TAKA}\n".encode()),
        ),
        f"{YASU}/juki": intake.Files(
            font=("EUDC.TTE", font_of({0xE000: SAKI, 0xE005: "x"})),
            table=("list.csv", f"code,mj\nF040,{SAKI}\nF045,\n".encode()),
        ),
    }
    with db.writing(engine) as session:
        for address, handed in files.items():
            intake.take_in(session, ACTOR, address, handed, settings)
        decisions.switch_policy(session, ACTOR, "exact-mj-name", True)
        decisions.decide_by_policy(session, ACTOR, f"{KUSATSU}/juki", "exact-mj-name")
        published.publish(session, ACTOR)
        decisions.decide_by_policy(session, ACTOR, f"{RITTO}/juki", "exact-mj-name")
        decisions.decide(
            session, ACTOR, f"{KUSATSU}/juki", "F042", "new", "equivalent", ground="字形なし"
        )
        published.publish(session, ACTOR)
        keys = {
            "operator": principals.create_key(session, ACTOR, "operator", "operator"),
            "registrar": principals.create_key(session, ACTOR, "r", "registrar", [KUSATSU]),
            "auditor": principals.create_key(session, ACTOR, "a", "auditor"),
        }
    engine.dispose()
    return keys


@pytest.fixture(scope="session")
def built_council(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A home folder with the council, which nobody changes: built by one process of a run, copied by the others."""
    home, own = tmp_path_factory.mktemp("council") / "home", tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    keys, made = run / "web-council.json", run / "web-council"
    with (run / "web-council.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not keys.exists():
            shutil.rmtree(made, ignore_errors=True)
            keys.write_text(json.dumps(build(Settings(home=made))))
    shutil.copytree(made, home)
    return home, json.loads(keys.read_text())


@pytest.fixture
def council(built_council: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[Council]:
    """The council on a database of its own, for tests that change it."""
    home, keys = built_council
    shutil.copytree(home, tmp_path / "home")
    yield from _opened(tmp_path / "home", keys)


@pytest.fixture(scope="session")
def shared_council(built_council: tuple[Path, dict[str, str]]) -> Iterator[Council]:
    """The council for tests that only read."""
    yield from _opened(*built_council)


def _opened(home: Path, keys: dict[str, str]) -> Iterator[Council]:
    settings = Settings(home=home, open_work=True)
    engine = db.connect(settings)
    council = Council(settings, engine, keys)
    yield council
    council.client.close()
    engine.dispose()
