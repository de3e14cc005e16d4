"""Plans by the whole reference set: every row agrees with it, in every family of charsets."""

from datetime import date

import pytest

from gaiji import data
from gaiji.charset.conversion import Conversion
from gaiji.charset.cutover import Plan
from gaiji.registry import adoption, decisions, members, releases
from gaiji.report.cutover import make_plan
from tests.council import KUSATSU, ME, Council

DAY = date(2026, 11, 23)
TRAPS = {
    "MJ037321": 0x6569,
    "MJ003774": 0x670A,
    "MJ013582": 0x6730,
    "MJ026190": 0x9089,
    "MJ030196": 0xFA11,
}
CODES = 420


def city(council: Council, charset: str) -> Plan:
    """Plan one code set: the traps, characters of every kind, and codes nobody decided."""
    council.add(KUSATSU, "草津市")
    address = f"{KUSATSU}/juki"
    code_set = members.add_code_set(
        council.session,
        ME,
        address,
        charset_name=charset,
        system="住民記録",
        group="住民記録系",
    )
    rows = list(data.read(data.MjRow))
    chosen = [*TRAPS, *(row.name for row in rows[:: len(rows) // CODES])]
    made = members.charset_of(council.session, code_set)
    codes = [code for code, _ in zip(made.user_codes(), range(len(chosen) + 3), strict=False)]
    lines = [f"{code.hex()},{id}" for code, id in zip(codes, chosen, strict=False)]
    lines += [f"{code.hex()}," for code in codes[len(chosen) :]]
    council.take_in(address, "外字コード,MJ文字図形名\n" + "\n".join(lines) + "\n")
    decisions.switch_policy(council.session, ME, "exact-mj-name", True)
    decisions.decide_by_policy(council.session, ME, address, "exact-mj-name")
    council.publish()
    adoption.add_site(council.session, ME, "server:cs1")
    return make_plan(council.session, ME, "cs1", [KUSATSU], release="latest", as_of=DAY)


@pytest.mark.parametrize("charset", ["cp932", "jef", "ibm1390", "utf-16be", "eucjp-ms"])
def test_every_kanji_row_agrees_with_the_reference_set(council: Council, charset: str) -> None:
    plan = city(council, charset)
    known = {row.name: row.juki for row in data.read(data.MjRow)}
    assert plan.counts()["undecided"] == 3
    assert plan.counts().total() == len(plan.rows) > CODES
    for row in plan.rows:
        if row.character is not None:
            number = known[row.character]
            assert row.juki == (int(number[2:], 16) if number else None)
            assert row.kind == ("mapped" if number else "residual")
            assert (row.point is None) == (number is not None)
    juki = {row.character: row.juki for row in plan.rows if row.character in TRAPS}
    assert juki == TRAPS
    assert any(row.reduction and row.reduction.juki for row in plan.rows)


@pytest.mark.parametrize("charset", ["cp932", "jef", "ibm1390", "utf-16be"])
def test_every_equivalent_row_that_is_not_ambiguous_comes_back(
    council: Council, charset: str
) -> None:
    plan = city(council, charset)
    release = releases.find_release(council.session, plan.release)
    mapping = releases.mapping(council.session, f"{KUSATSU}/juki", release, as_of=DAY)
    way = Conversion(mapping, "juki", cutover=plan.cutover()).way
    script = way.source.script
    asked = {code: one.kind for one in plan.ambiguities for code in one.codes}
    assert ("text-and-local" in asked.values()) == (charset == "utf-16be")
    for row in plan.rows:
        if row.sent is None:
            continue
        sent = way.step(row.code).out
        assert sent == row.sent.to_bytes(2)
        returns = way.back.step(sent).out == script.standing(row.code)
        kind = asked.get(row.code)
        assert returns == (kind in (None, "text-and-local"))
        assert row.back == ("ask" if kind else "exact")
