from collections import Counter

import pytest
from sqlalchemy import update

from gaiji.errors import Refused, UnknownMember, UnknownRelease
from gaiji.registry import gaps, members
from gaiji.registry.tables import Character, MappingRow, Release
from gaiji.report.fitgap import FitGap, Gap, Row, measure
from gaiji.report.remedies import REMEDIES
from tests.council import KOKA, KUSATSU, ME, RITTO, Council

LIST = """外字コード,MJ文字図形名,読み,画数
F040,MJ026190,なべ,17
F041,MJ030196,さき,11
F042,,き,6
F043,,,
F044,MJ000003,,3
"""
CS_TABLE = "外字コード,住基ネット統一文字コード\nF042,J+3402\nF044,J+3403\n"


def gap_of(report: FitGap, code: str) -> Gap:
    (found,) = (gap for gap in report.gaps if gap.standing.code.hex().upper() == code)
    return found


@pytest.fixture
def joined(council: Council) -> Council:
    """Kusatsu with five codes, two of them decided; Ritto with one, both in release 1."""
    council.add(KUSATSU, "草津市")
    council.code_set("252069/juki")
    council.take_in("252069/juki", LIST, CS_TABLE, drawn=("F040", "F041", "F042"))
    council.decide("252069/juki/F040", "MJ026190")
    council.decide("252069/juki/F041", "MJ030196", "design-difference")
    council.add(RITTO, "栗東市")
    council.code_set("252085/zei", "住民税", "税系")
    council.take_in("252085/zei", "外字コード,MJ文字図形名\nF040,MJ026190\n")
    council.decide("252085/zei/F040", "MJ026190")
    council.publish()
    return council


@pytest.mark.parametrize(
    ("fit", "codes", "rate"),
    [
        (546, 548, "99.6"),
        (547, 548, "99.8"),
        (999_999, 1_000_000, "99.9"),
        (548, 548, "100.0"),
        (2, 3, "66.6"),
        (0, 5, "0.0"),
        (0, 0, None),
    ],
)
def test_the_rate_is_cut_and_never_rounded_up(fit: int, codes: int, rate: str | None) -> None:
    row = Row(1, "税系", 1, Counter({"fit": fit, "unmapped": codes - fit}))
    assert row.rate == rate


def test_every_group_has_a_line_and_the_gaps_are_counted_apart(joined: Council) -> None:
    joined.decide("252069/juki/F042", "MJ000001", "substitute")
    report = measure(joined.session, KUSATSU)
    shape = report.shape()
    assert [(row.number, row.group, row.code_sets, row.codes) for row in shape.rows] == [
        (1, "住民記録系", 1, 5),
        (2, "税系", 0, 0),
        (3, "社会保障系", 0, 0),
        (4, "その他", 0, 0),
        (None, "合計", 1, 5),
    ]
    first, second, *_, total = shape.rows
    assert (first.fit, first.gap, first.rate) == (2, 3, 40.0)
    assert (first.substitute, first.undecided, first.unmapped, first.outside) == (1, 1, 1, 0)
    assert total.model_copy(update={"number": 1, "group": "住民記録系"}) == first
    assert second.rate is None
    assert [gap.code for gap in shape.gaps] == ["F042", "F043", "F044"]


def test_a_proposal_is_no_fit_and_a_decision_counts_before_it_is_published(joined: Council) -> None:
    assert measure(joined.session, KUSATSU).total.fit == 2
    joined.decide("252069/juki/F042", "MJ000001")
    assert measure(joined.session, KUSATSU).total.fit == 3
    assert measure(joined.session, KUSATSU, release=1).total.fit == 2
    joined.publish()
    assert measure(joined.session, KUSATSU, release=1).total.fit == 2
    assert measure(joined.session, KUSATSU, release=2).total.fit == 3


def test_codes_taken_in_later_do_not_change_an_earlier_release(joined: Council) -> None:
    before = measure(joined.session, KUSATSU, release=1)
    joined.take_in("252069/juki", "外字コード,MJ文字図形名\nF043,MJ000001\nF050,MJ000002\n")
    joined.decide("252069/juki/F050", "MJ000002")
    joined.publish()
    after = measure(joined.session, KUSATSU, release=1)
    assert (after.rows, after.code_sets) == (before.rows, before.code_sets)
    assert [(gap.standing.subject, gap.kind, gap.remedy, gap.findings) for gap in after.gaps] == [
        (gap.standing.subject, gap.kind, gap.remedy, gap.findings) for gap in before.gaps
    ]
    assert measure(joined.session, KUSATSU, release=2).total.codes == 6


def test_each_gap_says_what_would_close_it(joined: Council) -> None:
    report = measure(joined.session, KUSATSU)
    remedies = {gap.standing.subject[-4:]: gap.remedy for gap in report.gaps}
    assert {code: remedy.code for code, remedy in remedies.items()} == {
        "F042": "decide-proposal",
        "F043": "hand-in-glyph",
        "F044": "choose-between-sources",
    }
    assert "MJ000001" in remedies["F042"].text.ja
    assert "gaiji decide 252069/juki --code F042 --character MJ000001" in remedies["F042"].text.en
    assert "MJ000003, MJ000002" in remedies["F044"].text.en
    joined.take_in("252069/juki", drawn=("F043",))
    assert gap_of(measure(joined.session, KUSATSU), "F043").remedy.code == "identify-by-shape"


def test_a_code_whose_every_proposal_was_refused_is_unmapped_again(joined: Council) -> None:
    joined.decide("252069/juki/F042", "MJ000001", "not-related")
    found = gap_of(measure(joined.session, KUSATSU), "F042")
    assert (found.kind, found.remedy.code) == ("unmapped", "register-own-character")
    assert [proposal.refused for proposal in found.standing.proposals] == [True]
    undecided = gap_of(measure(joined.session, KUSATSU, release=1), "F042")
    assert undecided.kind == "undecided"


def test_a_gap_shows_the_citys_glyph_list_proposals_and_findings(joined: Council) -> None:
    shape = measure(joined.session, KUSATSU).shape()
    f042, _, f044 = shape.gaps
    assert (f042.codeset, f042.code, f042.kind) == ("252069/juki", "F042", "undecided")
    assert f042.glyph is not None
    assert f042.listed == {"readings": ["き"], "strokes": 6}
    assert [(p.character, p.how, p.relationship) for p in f042.proposals] == [
        ("MJ000001", "cs-table", "unknown")
    ]
    assert [finding.code for finding in f044.findings if finding.level == "gap"] == [
        "no-glyph",
        "sources-disagree",
    ]
    assert all(finding.subject == "252069/juki/F044" for finding in f044.findings)


def test_findings_are_counted_per_code_set_and_go_when_their_cause_is_gone(
    joined: Council,
) -> None:
    (counted,) = measure(joined.session, KUSATSU).code_sets
    assert (counted.code_set, counted.codes, counted.fit) == ("252069/juki", 5, 2)
    assert counted.findings["no-glyph"] == 2
    assert counted.findings["no-source"] == 1
    joined.take_in("252069/juki", drawn=("F043", "F044"))
    (counted,) = measure(joined.session, KUSATSU).code_sets
    assert "no-glyph" not in counted.findings
    assert (
        counted.findings["no-source"] == 1
    )  # the font-only import said so of F044, which has sources


def test_the_councils_own_character_is_outside_mj_and_mj_plus(joined: Council) -> None:
    own = joined.decide("252069/juki/F043", "new")
    for against in ("MJ", "GJ"):
        found = gap_of(measure(joined.session, KUSATSU, against=against), "F043")
        assert (found.kind, found.remedy.code) == ("outside", "propose-to-standard")
        assert own in found.remedy.text.ja


def test_an_addition_of_mj_plus_fits_only_when_measured_against_it(joined: Council) -> None:
    joined.decide("252069/juki/F043", "GJ000001")
    found = gap_of(measure(joined.session, KUSATSU), "F043")
    assert (found.kind, found.remedy.code) == ("outside", "measure-against-gj")
    report = measure(joined.session, KUSATSU, against="GJ")
    assert report.total.fit == 3


def test_measuring_against_mj_plus_is_refused_until_it_is_imported(joined: Council) -> None:
    joined.session.delete(joined.session.get_one(Character, "GJ000001"))
    joined.session.flush()
    with pytest.raises(Refused, match="reference import FILE --namespace GJ"):
        measure(joined.session, KUSATSU, against="GJ")


def test_against_the_table_only_characters_of_other_members_fit(joined: Council) -> None:
    report = measure(joined.session, KUSATSU, against="table")
    assert (report.total.fit, report.table_release) == (1, 1)
    found = gap_of(report, "F041")
    assert (found.kind, found.remedy.code) == ("outside", "share-by-publishing")
    joined.take_in("252085/zei", "外字コード,MJ文字図形名\nF041,MJ030196\n")
    joined.decide("252085/zei/F041", "MJ030196")
    assert measure(joined.session, KUSATSU, against="table").total.fit == 1
    joined.publish()
    assert measure(joined.session, KUSATSU, against="table").total.fit == 2
    assert measure(joined.session, KUSATSU, against="table", release=1).total.fit == 1


def test_a_code_used_again_fits_only_when_both_its_characters_do(council: Council) -> None:
    council.add(KUSATSU, "草津市")
    council.code_set("252069/juki")
    council.take_in(
        "252069/juki",
        "外字コード,MJ文字図形名,使用開始日,使用終了日\n"
        "F040,MJ000001,,2010-03-31\nF040,MJ000002,2010-04-01,\n",
    )
    council.decide("252069/juki/F040", "MJ000002")
    report = measure(council.session, KUSATSU)
    assert (report.total.codes, report.total.fit) == (1, 0)
    (found,) = report.gaps
    assert str(found.standing.last_day) == "2010-03-31"
    assert found.remedy.code == "decide-proposal"
    assert "--code F040 --valid-from 0001-01-01" in found.remedy.text.ja


def test_a_member_without_codes_has_no_rate(council: Council) -> None:
    council.add(KUSATSU, "草津市")
    council.code_set("252069/juki")
    report = measure(council.session, KUSATSU)
    assert [row.rate for row in report.rows] == [None] * 5
    assert report.rows[0].code_sets == 1
    assert report.gaps == ()


def test_a_candidate_is_measured_before_it_joins_and_changes_nothing_for_the_others(
    joined: Council,
) -> None:
    joined.add(KOKA, "甲賀市", candidate=True)
    joined.code_set("252093/fukushi", "福祉", "社会保障系")
    joined.take_in(
        "252093/fukushi", "外字コード,MJ文字図形名\nF040,MJ030196\nF041,MJ026190\n", drawn=("F040",)
    )
    joined.decide("252093/fukushi/F040", "MJ030196")
    report = measure(joined.session, KOKA)
    assert (report.candidate, report.total.fit, report.total.codes) == (True, 1, 2)
    assert report.rows[2].rate == "50.0"
    proof = report.shape().others_unchanged
    assert (proof.release, proof.unchanged) == (1, True)
    assert [one.codeset for one in proof.codesets] == ["252069/juki", "252085/zei"]
    assert all(one.digest == one.after for one in proof.codesets)
    members.change_member(joined.session, ME, KOKA, candidate=False)
    joined.publish()
    release = gaps.neighbours(joined.session, KOKA, joined.session.get_one(Release, 2))
    assert [one.digest for one in release] == [one.after for one in proof.codesets]


def test_what_waits_for_the_others_themselves_is_reported_apart(joined: Council) -> None:
    joined.take_in("252085/zei", "外字コード,MJ文字図形名\nF041,MJ000001\n")
    joined.decide("252085/zei/F041", "MJ000001")
    (other,) = measure(joined.session, KUSATSU).shape().others_unchanged.codesets
    assert (other.codeset, other.unchanged, other.waiting) == ("252085/zei", True, 1)


def test_a_change_behind_the_registrys_back_shows_in_the_proof(joined: Council) -> None:
    joined.session.execute(
        update(MappingRow).values(character="MJ000003").where(MappingRow.character == "MJ026190")
    )
    report = measure(joined.session, KUSATSU)
    assert not report.others_unchanged


def test_before_the_first_release_the_proof_names_none(council: Council) -> None:
    council.add(KUSATSU, "草津市")
    report = measure(council.session, KUSATSU, against="table")
    assert (report.proof_release, report.neighbours, report.table_release) == (None, (), None)


def test_unknown_members_and_releases_are_named(joined: Council) -> None:
    with pytest.raises(UnknownMember):
        measure(joined.session, "252077")
    with pytest.raises(UnknownRelease):
        measure(joined.session, KUSATSU, release=9)
    joined.add(KOKA, "甲賀市", candidate=True)
    with pytest.raises(UnknownRelease, match="not part of release 1"):
        measure(joined.session, KOKA, release=1)


def test_every_remedy_is_a_sentence_in_both_languages() -> None:
    parts = {"s": "252069/juki --code F040", "c": "MJ026190", "n": 2}
    for text in REMEDIES.values():
        assert text.ja.format(**parts).endswith("。")
        assert text.en.format(**parts).endswith(".")
