"""A small council before a move to a shared CS server: one code of every kind, extracts, plans."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from sqlalchemy import select

from gaiji.charset.cutover import Plan
from gaiji.registry import adoption, cutover, db, journal, members, schema
from gaiji.registry.tables import Character, Edition, ReferenceCharacter
from gaiji.report.cutover import make_plan
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, RITTO, Council
from tests.report.conftest import seed_reference

JUKI, ZEI, OTHER, JEF = "252069/juki", "252069/zei", "252085/juki", "252085/fukushi"
DAY = date(2026, 11, 1)
TWO, MAPPED, OTHERS, RESIDUAL = "MJ000001", "MJ000002", "MJ000003", "MJ000005"
CS_TABLE = "外字コード,住基ネット統一文字コード\nF040,J+3402\nF042,J+3402\nF043,J+3403\n"


@dataclass
class Cutting:
    """The council with its server cs1.

    F040 and F041 mean one character: the way back is to be asked. F042 is residual, and the city's table sends another
    character for it today. F043 is mapped, F044 undecided.
    """

    council: Council

    def plan(self, *named: str) -> Plan:
        return make_plan(
            self.council.session,
            ME,
            "cs1",
            named or (KUSATSU, RITTO),
            release="latest",
            as_of=DAY,
        )

    def rule(self, code: bytes | None = b"\xf0\x40") -> Plan:
        """Decide the one open question, and plan again."""
        cutover.add_rule(self.council.session, ME, "cs1", JUKI, TWO, code, "原本と照合")
        return self.plan()


@contextmanager
def opened(folder: Path) -> Iterator[Cutting]:
    """Give the council on a database of its own, for a test that may change it."""
    shutil.copyfile(built(), folder / "cutting.db")
    engine = db.connect(Settings(database=f"sqlite:///{folder / 'cutting.db'}"))
    with db.writing(engine) as session:
        yield Cutting(Council(session, Settings(home=folder)))
        session.rollback()
    engine.dispose()


@cache
def built() -> Path:
    """Make the council once, with a handful of reference characters."""
    folder = Path(tempfile.mkdtemp(prefix="gaiji-cutting-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    engine = db.connect(Settings(database=f"sqlite:///{folder / 'cutting.db'}"))
    schema.upgrade(engine)
    with db.writing(engine) as session:
        journal.create(session, ME, "OM")
        seed_reference(session)
        seeded = session.scalars(select(Edition)).one()
        seeded.digest = (
            "cc" * 32
        )  # other content: what is remembered of an edition goes by its digest
        edition = seeded.id
        known = {RESIDUAL: ("㐆", None)} | {
            f"MJ9000{at:02}": (text, f"J+{ord(text):04X}") for at, text in enumerate("山田渡崎邊")
        }
        for id, (text, juki) in known.items():
            session.add(Character(id=id, namespace="MJ", serial=1))
            session.flush()
            row = ReferenceCharacter(
                edition_id=edition, character=id, ucs=text, own_ucs=text, juki=juki, more={}
            )
            session.add(row)
        session.flush()
        _fill(Council(session, Settings(home=folder)))
    engine.dispose()
    return folder / "cutting.db"


def _fill(council: Council) -> None:
    council.add(KUSATSU, "草津市")
    council.add(RITTO, "栗東市")
    for address, system, group in (
        (JUKI, "住民記録", "住民記録系"),
        (ZEI, "固定資産税", "税系"),
        (OTHER, "住民記録", "住民記録系"),
    ):
        council.code_set(address, system, group)
    members.add_code_set(
        council.session, ME, JEF, charset_name="jef", system="福祉", group="社会保障系"
    )
    council.take_in(JEF, "外字コード\n80A1\n80A2\n")
    codes = ("F040", "F041", "F042", "F043", "F044")
    council.take_in(JUKI, "外字コード\n" + "\n".join(codes) + "\n", CS_TABLE, codes)
    council.take_in(ZEI, "外字コード\nF050\n", drawn=("F050",))
    council.take_in(OTHER, "外字コード\nF140\nF141\n", drawn=("F140", "F141"))
    decided = {
        f"{JUKI}/F040": TWO,
        f"{JUKI}/F041": TWO,
        f"{JUKI}/F042": RESIDUAL,
        f"{JUKI}/F043": MAPPED,
        f"{ZEI}/F050": RESIDUAL,
        f"{OTHER}/F140": RESIDUAL,
        f"{OTHER}/F141": OTHERS,
        f"{JEF}/80A1": OTHERS,
        f"{JEF}/80A2": RESIDUAL,
    }
    for subject, character in decided.items():
        council.decide(subject, character)
    council.publish()
    adoption.add_site(council.session, ME, "server:cs1", options={"area": "E000-F8FF"})


def extract(folder: Path, *records: bytes, name: str = "extract.csv") -> Path:
    """Write a file of records, a line each."""
    path = folder / name
    path.write_bytes(b"".join(record + b"\n" for record in records))
    return path
