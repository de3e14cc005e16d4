"""Short ways to fill a registry in tests: members, code sets, files, decisions, releases."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from gaiji.registry import decisions, intake, members, releases
from gaiji.registry.journal import Actor
from gaiji.settings import Settings

ME = Actor("試験", "operator")
KUSATSU, RITTO, KOKA = "252069", "252085", "252093"


@dataclass
class Council:
    """A registry in a folder, and short ways to fill it."""

    session: Session
    settings: Settings

    def add(self, code: str, name: str, *, candidate: bool = False) -> None:
        members.add_member(self.session, ME, code, name, candidate=candidate)

    def code_set(self, address: str, system: str = "住民記録", group: str = "住民記録系") -> None:
        members.add_code_set(
            self.session, ME, address, charset_name="cp932", system=system, group=group
        )

    def take_in(
        self,
        address: str,
        table: str | None = None,
        cs_table: str | None = None,
        drawn: Iterable[str] = (),
    ) -> intake.Intake:
        """Take in a list, a CS-server table and a dot font with one glyph for each code drawn."""
        font = bdf(drawn)
        files = intake.Files(
            font=("gaiji.bdf", font) if font else None,
            table=("list.csv", table.encode()) if table else None,
            cs_table=("cs.csv", cs_table.encode()) if cs_table else None,
        )
        return intake.take_in(self.session, ME, address, files, self.settings)

    def take_in_font(self, address: str, name: str, data: bytes) -> intake.Intake:
        """Take in a font alone."""
        files = intake.Files(font=(name, data))
        return intake.take_in(self.session, ME, address, files, self.settings)

    def decide(
        self, subject: str, character: str, relationship: str = "equivalent", ground: str = "目視"
    ) -> str:
        address, code = subject.rsplit("/", 1)
        return decisions.decide(
            self.session, ME, address, code, character, relationship, ground=ground
        )

    def publish(self) -> int:
        release = releases.publish(self.session, ME)
        assert release is not None
        return release.number


def bdf(codes: Iterable[str]) -> bytes:
    """A BDF font of 8 x 8 dots, another pattern for every code."""
    chars = [
        f"STARTCHAR c{code}\nENCODING {0xE000 + int(code, 16) - 0xF040}\nBBX 8 8 0 0\nBITMAP\n"
        + f"{code[:2]}\n{code[2:]}\n"
        + "FF\n81\n" * 3
        + "ENDCHAR\n"
        for code in codes
    ]
    head = f"STARTFONT 2.1\nSIZE 8 8\nFONTBOUNDINGBOX 8 8 0 0\nCHARS {len(chars)}\n"
    return (head + "".join(chars) + "ENDFONT\n").encode() if chars else b""
