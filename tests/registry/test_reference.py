import csv
import hashlib
import io
import json
import lzma
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from gaiji import data
from gaiji.errors import BadName, BadReference, Conflict, GaijiError, InvalidRequest, UnknownMember
from gaiji.registry import db, journal, members, reference, tables
from gaiji.registry.journal import Actor
from gaiji.registry.reference import CharacterQuery
from gaiji.registry.reference.content import read_list
from gaiji.registry.tables import (
    Allocation,
    Character,
    CodeSet,
    Decision,
    LocalCode,
    MappingRow,
    Meaning,
)
from gaiji.wire.nouns import CharacterShape

HEADER = ("GJ文字図形名", "対応するUCS", "実装したUCS", "実装したMoji_JohoコレクションIVS",
          "戸籍統一文字番号", "総画数(参考)", "読み(参考)", "部首1(参考)", "内画数1(参考)")  # fmt: skip
GJ1 = ("GJ000001", "U+9089", "", "9089_E01E0;9089_E01E1", "", "17", "ヘン・あたり", "162", "13")
GJ2 = ("GJ000002", "U+845B", "U+2FFFD", "", "990001", "12", "カツ", "140", "")


def as_csv(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows((header, *rows))
    return text.getvalue().encode("utf-8-sig")


def as_xlsx(*rows: tuple[str, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in (HEADER, *rows):
        book.active.append(row)  # type: ignore[union-attr]
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def ids(session: Session, limit: int = 500, after: str | None = None, **query: str) -> list[str]:
    page = reference.search(session, CharacterQuery(**query), after, limit)
    return [shape.id for shape in page.items]


def shape(session: Session, id: str) -> CharacterShape:
    return reference.shapes(session, [id])[id]


# --- loading


def test_the_shipped_data_has_all_names_and_the_juki_codes_one_to_one(session: Session) -> None:
    editions = reference.editions_of(session, reference.pin(session))
    forms = reference.forms(session, editions)
    assert len(forms) == 59_161 == session.scalar(select(func.count()).select_from(Character))
    juki = [one.juki for one in forms.values() if one.juki is not None]
    assert len(juki) == len(set(juki)) == 19_563
    assert sum(one.ucs is None and one.ivs is None for one in forms.values()) == 19 + sum(
        row.char is None for row in data.read(data.KanaRow)
    )


def test_the_tables_hold_what_the_shipped_files_say(session: Session) -> None:
    edition = reference.current(session)["MJ"]
    content = read_list(session, edition)
    assert content.characters == list(data.read(data.MjRow))
    assert content.readings == list(data.read(data.ReadingRow))
    assert content.radicals == list(data.read(data.RadicalRow))
    assert [(row.sequence, row.code) for row in content.sequences] == [
        ("博\U000e010a", "MJ059399"),
        ("博\U000e010b", "MJ059400"),
    ]
    for table, rows in ((tables.Reduction, 62_682), (tables.Description, 112_800)):
        assert session.scalar(select(func.count()).select_from(table)) == rows


def test_every_edition_keeps_its_provenance_and_its_files(session: Session) -> None:
    status = reference.status(session)
    assert {(one.dataset, one.edition): one.current for one in status} == {
        ("MJ", "006.02"): True,
        ("kana", "002.01"): True,
        ("shrink", "1.2.0"): True,
        ("ivd", "2022-09-13"): True,
        ("svs", "17.0.0"): True,
        ("ids", "17.0"): True,
    }
    for one in status:
        assert all(
            one.source[key] for key in ("name", "origin", "origin_sha256", "licence", "rights")
        )
        for table, kept in one.source["tables"].items():
            packed, media_type = db.get_blob(session, kept["blob"])
            assert (packed, media_type) == (data.raw(table), "application/x-xz")
            assert hashlib.sha256(lzma.decompress(packed)).hexdigest() == kept["text_sha256"]
    assert reference.pin(session) == {
        one.dataset: {"edition": one.edition, "digest": one.digest} for one in status
    }
    entry = journal.entries(session, after=1)[0]
    body = json.loads(entry.body)
    assert (entry.action, len(body["after"]["editions"])) == ("reference.load", 6)


def test_loading_again_does_nothing_and_says_so(session: Session, actor: Actor) -> None:
    again = reference.load(session, actor)
    assert (again.serial, again.loaded, len(again.unchanged)) == (None, (), 6)
    assert len(journal.entries(session)) == 2


def test_a_replay_reads_the_kept_files_and_not_the_program(
    session: Session, empty_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = reference.pin(session)
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with db.writing(empty_engine) as target:
        for blob in session.scalars(select(tables.Blob)):
            db.put_blob(target, db.get_blob(session, blob.sha256)[0], blob.media_type)
        for entry in journal.entries(session, after=1):
            journal.record(target, entry.body)
        assert reference.pin(target) == before
        assert reference.find_by(target, "juki", {"J+9089"}) == {"J+9089": ["MJ026190"]}


def test_nothing_is_pinned_before_a_load(empty_engine: Engine) -> None:
    with db.reading(empty_engine) as session:
        assert reference.pin(session) == {}
        assert reference.find_by(session, "ucs", {"邉"}) == {}
        assert ids(session, q="邉") == []
        assert ids(session, parts="辶") == []


def test_an_edition_that_is_not_here_cannot_be_used(session: Session) -> None:
    pinned = reference.pin(session) | {"GJ": {"edition": "001.00", "digest": "0" * 64}}
    with pytest.raises(Conflict, match=r"GJ 001\.00"):
        reference.editions_of(session, pinned)


# --- importing


@pytest.mark.parametrize(("name", "write"), [("gj.csv", as_csv), ("gj.xlsx", as_xlsx)])
def test_another_namespace_comes_from_csv_and_xlsx(
    session: Session, actor: Actor, name: str, write: type
) -> None:
    content = write(GJ1, GJ2)
    done = reference.import_sheet(session, actor, name, content, "GJ", "001.00")
    assert [(one.dataset, one.edition, one.current) for one in done.loaded] == [
        ("GJ", "001.00", True)
    ]
    assert (done.findings, done.loaded[0].source["origin_file"]) == ((), name)
    found = shape(session, "GJ000001")
    assert (found.ivs, found.strokes, found.radicals) == ("U+9089 U+E01E0", 17, [162])
    assert (found.readings, found.edition) == (["ヘン", "あたり"], "GJ 001.00")
    assert reference.find_by(session, "ivs", {"邉\U000e01e1"}) == {"邉\U000e01e1": ["GJ000001"]}
    assert ids(session, q="邉")[0] == "GJ000001"
    editions = reference.editions_of(session, reference.pin(session))
    assert [one.dataset for one in editions] == ["MJ", "GJ", "ids", "ivd", "kana", "shrink", "svs"]
    forms = reference.forms(session, editions)
    assert (len(forms), forms["GJ000001"].sequences) == (59_163, ("邉\U000e01e1",))
    assert db.get_blob(session, done.loaded[0].source["origin_sha256"])[0] == content


def test_the_same_edition_with_the_same_content_changes_nothing(
    session: Session, actor: Actor
) -> None:
    reference.import_sheet(session, actor, "gj.csv", as_csv(GJ1, GJ2), "GJ", "001.00")
    again = reference.import_sheet(session, actor, "gj.xlsx", as_xlsx(GJ2, GJ1), "GJ", "001.00")
    assert (again.serial, len(again.unchanged)) == (None, 1)
    other = (*GJ2[:5], "13", *GJ2[6:])
    with pytest.raises(Conflict, match="GJ000002") as caught:
        reference.import_sheet(session, actor, "gj.csv", as_csv(GJ1, other), "GJ", "001.00")
    assert caught.value.where is not None
    assert caught.value.where.file == "gj.csv"
    assert len(journal.entries(session)) == 3


def test_a_newer_edition_becomes_current_and_names_that_are_gone_stay_characters(
    session: Session, actor: Actor
) -> None:
    reference.import_sheet(session, actor, "gj.csv", as_csv(GJ1, GJ2), "GJ", "001.00")
    old = reference.pin(session)
    done = reference.import_sheet(session, actor, "gj.csv", as_csv(GJ1), "GJ", "002.00")
    assert [(one.code, one.level, one.subject) for one in done.findings] == [
        ("names-missing", "warning", "GJ000002")
    ]
    assert reference.pin(session)["GJ"]["edition"] == "002.00"
    assert reference.find_by(session, "koseki", {"990001"}) == {}
    gone = shape(session, "GJ000002")
    assert (gone.edition, gone.retired, gone.koseki) == ("GJ 001.00", "GJ 002.00", "990001")
    now = reference.editions_of(session, reference.pin(session))
    assert "GJ000002" not in reference.forms(session, now)
    assert "GJ000002" in reference.forms(session, reference.editions_of(session, old))
    with pytest.raises(Conflict, match=r"older than the current 002\.00"):
        reference.import_sheet(session, actor, "gj.csv", as_csv(GJ1), "GJ", "001.05")


def test_a_replayed_import_reads_the_kept_file(
    session: Session, empty_engine: Engine, actor: Actor
) -> None:
    content = as_csv(GJ1, GJ2)
    reference.import_sheet(session, actor, "gj.csv", content, "GJ", "001.00")
    entry = journal.entries(session, after=2)[0]
    with db.writing(empty_engine) as target:
        db.put_blob(target, content, "text/csv")
        journal.record(target, entry.body.replace('"serial":3', '"serial":2'))
        assert reference.pin(target)["GJ"] == reference.pin(session)["GJ"]
        assert shape(target, "GJ000001") == shape(session, "GJ000001")


@pytest.mark.parametrize(
    ("content", "namespace", "edition", "error", "said"),
    [
        (as_csv(GJ1), "GJ", None, BadReference, "--edition"),
        (as_csv(GJ1), "OM", "001.00", BadName, "OM cannot be a namespace"),
        (as_csv(GJ1), "gj", "001.00", BadName, "two capitals"),
        (as_csv(GJ1), "MJ", "007.01", BadReference, "MJ"),
        (as_csv(GJ1, GJ1), "GJ", "001.00", BadReference, "already"),
        (as_csv(GJ1, header=("番号", *HEADER[1:])), "GJ", "001.00", BadReference, "columns"),
        (as_xlsx(GJ1)[:900], "GJ", "001.00", BadReference, "xlsx"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_and_nothing_changes(
    session: Session,
    actor: Actor,
    content: bytes,
    namespace: str,
    edition: str | None,
    error: type[GaijiError],
    said: str,
) -> None:
    before = reference.pin(session)
    with pytest.raises(error, match=said):
        reference.import_sheet(session, actor, "list", content, namespace, edition)
    assert (reference.pin(session), len(journal.entries(session))) == (before, 2)


def test_a_column_without_a_known_meaning_is_a_finding(session: Session, actor: Actor) -> None:
    content = as_csv((*GJ1, "x"), header=(*HEADER, "担当者"))
    done = reference.import_sheet(session, actor, "gj.csv", content, "GJ", "001.00")
    assert [(one.code, one.subject) for one in done.findings] == [("column-unread", "担当者")]


# --- written forms and look-ups


def test_the_forms_of_the_characters_people_ask_for(session: Session) -> None:
    forms = reference.forms(session, reference.editions_of(session, reference.pin(session)))
    beb = forms["MJ026190"]
    assert (beb.ucs, beb.ivs, beb.juki) == ("邉", "邉\U000e010f", 0x9089)
    assert (beb.x0213, beb.x0213_class) == ("邉", 0)
    assert [(one.target, one.x0213, one.hops) for one in beb.reductions] == [
        ("邉", "1-78-21", None),
        ("辺", "1-42-53", 1),
        ("邊", "1-78-20", 1),
    ]
    kuzu = {one.id: one for one in forms.values() if one.base == "葛"}
    assert [id for id, one in kuzu.items() if one.ucs == "葛"] == ["MJ022336"]
    assert (kuzu["MJ022335"].juki, kuzu["MJ022336"].juki) == (0x845B, 0xB9D5)
    assert (kuzu["MJ022335"].x0213, kuzu["MJ022335"].x0213_class) == ("葛", 2)
    assert (forms["MJ030196"].ucs, forms["MJ030196"].juki) == ("\ufa11", 0xFA11)
    assert (forms["MJ018811"].ucs, forms["MJ018811"].svs) == ("神", None)
    kami = forms["MJ030211"]
    assert (kami.base, kami.ucs, kami.svs) == ("神", "\ufa19", "神\ufe00")
    assert forms["MJ059399"].sequences == ("博\U000e010a",)
    assert forms["MJ090001"].ucs == "\U0001b002"


def test_reductions_come_in_the_order_of_rank_and_name_one_of_five_grounds(
    session: Session,
) -> None:
    forms = reference.forms(session, reference.editions_of(session, reference.pin(session)))
    reductions = [one for form in forms.values() for one in form.reductions]
    assert len(reductions) == 62_682
    assert {one.ground for one in reductions} == set(data.GROUNDS.values())
    for form in forms.values():
        ranks = [one.rank or 1000 for one in form.reductions]
        assert ranks == sorted(ranks)


def test_forms_are_read_once_for_the_same_editions(session: Session) -> None:
    editions = reference.editions_of(session, reference.pin(session))
    assert reference.forms(session, editions) is reference.forms(session, list(editions))


def test_characters_are_found_by_each_of_their_numbers(session: Session) -> None:
    juki = {"J+6569", "J+670A", "J+6730", "J+AC00"}
    assert reference.find_by(session, "juki", juki) == {
        "J+6569": ["MJ037321"],
        "J+670A": ["MJ003774"],
        "J+6730": ["MJ013582"],
    }
    for column, value in (
        ("id", "MJ026190"),
        ("koseki", "445000"),
        ("touki", "00445000"),
        ("ivs", "邉\U000e010f"),
        ("own_ucs", "邉"),
    ):
        assert reference.find_by(session, column, {value}) == {value: ["MJ026190"]}
    assert reference.find_by(session, "ivs", {"神\ufe00"}) == {"神\ufe00": ["MJ030211"]}
    assert reference.find_by(session, "ivs", {"博\U000e010a"}) == {"博\U000e010a": ["MJ059399"]}
    assert len(reference.find_by(session, "ucs", {"邉"})["邉"]) == 16
    assert len(reference.find_by(session, "x0213", {"1-78-21"})["1-78-21"]) == 6
    names = {row.name for row in data.read(data.MjRow)}
    assert reference.find_by(session, "id", names) == {name: [name] for name in names}


def test_a_reading_is_the_same_in_every_kind_of_kana(session: Session) -> None:
    found = reference.by_reading(session, ["ヘン"], 17, 162)
    assert "MJ026190" in found
    assert all(one == 17 for one in reference.strokes_of(session, found).values())
    for reading in ("へん", "ﾍﾝ", "ヘ.ン"):
        assert reference.by_reading(session, [reading], 17, 162) == found
    assert reference.by_reading(session, ["ヘン"], 17, 163) == []
    assert set(reference.by_reading(session, ["ヘン", "あたり"], 17)) <= set(found)


def test_a_sequence_of_another_collection_is_told_apart(session: Session) -> None:
    assert reference.is_foreign_sequence(session, "葛\U000e0100")
    assert not reference.is_foreign_sequence(session, "葛\U000e0103")
    assert not reference.is_foreign_sequence(session, "葛\U000e01ef")


def test_a_character_is_written_by_ucs_else_by_sequence_else_by_its_allocation(
    session: Session,
) -> None:
    nameless = ["MJ037229", "MJ040579"]
    session.add(Allocation(scope="unicode", character=nameless[0], code_point=0xF0000, serial=2))
    session.add(Allocation(scope="pua", character=nameless[1], code_point=0xE000, serial=2))
    session.flush()
    assert reference.texts(session, ["MJ026190", "MJ022335", *nameless]) == {
        "MJ026190": "邉",
        "MJ022335": "葛\U000e0102",
        "MJ037229": "\U000f0000",
    }


def test_a_character_shows_everything_the_list_says(session: Session) -> None:
    assert shape(session, "MJ026190").model_dump() == {
        "id": "MJ026190",
        "kind": "reference",
        "text": "邉",
        "ucs": "U+9089",
        "ivs": "U+9089 U+E010F",
        "svs": None,
        "juki": "J+9089",
        "koseki": "445000",
        "touki": "00445000",
        "x0213": "1-78-21",
        "strokes": 17,
        "radicals": [162],
        "readings": [row.reading for row in data.read(data.ReadingRow) if row.name == "MJ026190"],
        "retired": None,
        "edition": "MJ 006.02",
    }
    assert shape(session, "MJ030211").svs == "U+795E U+FE00"
    assert reference.shapes(session, ["MJ999999"]) == {}


def test_the_councils_own_characters_have_nothing_but_an_allocation(session: Session) -> None:
    session.add(Character(id="OM000001", namespace="OM", serial=2))
    session.flush()
    session.add(Allocation(scope="unicode", character="OM000001", code_point=0xF0001, serial=2))
    session.flush()
    found = shape(session, "OM000001")
    assert (found.kind, found.text, found.ucs) == ("council", "\U000f0001", "U+F0001")
    assert ids(session, q="om000001") == ["OM000001"]
    assert reference.find_by(session, "id", {"OM000001"}) == {"OM000001": ["OM000001"]}
    assert reference.variants(session, "OM000001") == []


def test_variants_are_the_same_base_the_targets_and_the_sources(session: Session) -> None:
    found = reference.variants(session, "MJ026190")
    relations = {one.relation for one in found}
    assert relations == {"same-base", "reduces-to", "reduced-from"}
    assert sum(one.relation == "same-base" for one in found) == 15
    targets = [(one.id, one.text, one.ground) for one in found if one.relation == "reduces-to"]
    ground = "法務省戸籍法関連通達・通知"
    assert targets == [("MJ025758", "辺", ground), ("MJ026200", "邊", ground)]
    assert ("MJ030211", "compatibility") in [
        (one.id, one.relation) for one in reference.variants(session, "MJ018811")
    ]


# --- search


@pytest.mark.parametrize(
    "q",
    ["MJ026190", "ｍｊ０２６１９０", "J+9089", "j+9089", "445000", "00445000", "U+9089 U+E010F"],
)
def test_the_free_field_takes_names_and_numbers(session: Session, q: str) -> None:
    assert ids(session, q=q) == ["MJ026190"]


def test_the_free_field_takes_pasted_text_and_gives_all_variants(session: Session) -> None:
    beb = sorted(row.name for row in data.read(data.MjRow) if row.ucs == "邉")
    assert ids(session, q="邉") == ids(session, q="邉\U000e010f") == ids(session, q="U+9089") == beb
    assert ids(session, q="\ufa19") == ids(session, q="神") == ["MJ018811", "MJ030211"]
    pasted = ids(session, q=" 渡邉\U000e0112 ")
    assert set(beb) < set(pasted)
    assert set(pasted) - set(beb) == set(ids(session, q="渡"))
    assert ids(session, q="\U0001b002") == ["MJ090001"]


def test_the_free_field_takes_points_and_readings(session: Session) -> None:
    assert ids(session, q="1-78-21") == ids(session, x0213="1-78-21")
    assert ids(session, q="へん") == ids(session, reading="ﾍﾝ") == ids(session, q="ヘン")
    assert "MJ026190" in ids(session, q="へん")


def test_conditions_hold_together(session: Session) -> None:
    found = ids(session, strokes="10-12", radical="162")
    assert set(reference.strokes_of(session, found).values()) == {10, 11, 12}
    assert found == ids(session, strokes="１０〜１２画", radical="⾡")
    assert ids(session, q="邉", strokes="17", juki="9089", koseki="445000") == ["MJ026190"]
    assert ids(session, q="邉", strokes="3") == []
    assert ids(session, ucs="9089") == ids(session, q="邉")
    assert ids(session, ucs="博\U000e010a") == ["MJ059399"]


def test_parts_occur_anywhere_in_the_decomposition(session: Session) -> None:
    found = ids(session, parts="辶自")
    assert "MJ026190" in found
    assert found == ids(session, parts="⻌ 自") == ids(session, parts="自辶")
    assert ids(session, parts="辶自", reading="ヘン", strokes="17", q="邉")[0] == "MJ026190"
    assert set(ids(session, parts="辶自穴")) < set(found)
    assert ids(session, parts="辶自", limit=5) == found[:5]
    assert ids(session, parts="辶自", after=found[4], limit=5) == found[5:10]


def test_pages_follow_each_other_by_id(session: Session) -> None:
    whole = ids(session, q="邉")
    first = reference.search(session, CharacterQuery(q="邉"), None, 10)
    assert ([one.id for one in first.items], first.next) == (whole[:10], whole[9])
    second = reference.search(session, CharacterQuery(q="邉"), first.next, 10)
    assert ([one.id for one in second.items], second.next) == (whole[10:], None)
    assert ids(session, limit=3) == ["MJ000001", "MJ000002", "MJ000003"]


def test_a_member_narrows_to_what_its_published_codes_mean(session: Session, actor: Actor) -> None:
    members.add_member(session, actor, "252069", "草津市")
    assert ids(session, member="252069") == []
    code_set = CodeSet(member="252069", name="juki", system="住民記録", group="住民記録系",
                       charset="cp932", options={}, areas=[], charset_digest="0" * 64, changed=1)  # fmt: skip
    session.add(code_set)
    session.flush()
    for place, (id, since) in enumerate((("MJ026190", 1), ("MJ022335", None))):
        code = LocalCode(code_set_id=code_set.id, code=bytes([0xF0, 0x40 + place]), serial=3)
        session.add(code)
        session.flush()
        meaning = Meaning(local_code_id=code.id, valid_from=tables.OPEN_START, listed={})
        session.add(meaning)
        session.flush()
        decision = Decision(serial=3, meaning_id=meaning.id, character=id, actor="test",
                            relationship="equivalent", how="person", at=db.now())  # fmt: skip
        session.add(decision)
        session.flush()
        session.add(MappingRow(meaning_id=meaning.id, character=id, relationship="equivalent",
                               decision_id=decision.id, since=since))  # fmt: skip
    session.flush()
    assert ids(session, member="252069") == ["MJ026190"]
    assert ids(session, member="252069", q="葛") == []
    with pytest.raises(UnknownMember):
        ids(session, member="252077")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("q", "hello"),
        ("q", ""),
        ("q", "J+XYZ"),
        ("q", "U+"),
        ("q", "1-99-99"),
        ("q", "12345"),
        ("q", "邉" * 101),
        ("reading", "abc"),
        ("reading", ""),
        ("strokes", "many"),
        ("strokes", "12-10"),
        ("strokes", "1-2-3"),
        ("radical", "215"),
        ("ucs", "渡邉"),
        ("juki", "J+908"),
        ("koseki", "4450000"),
        ("x0213", "3-01-01"),
        ("parts", "abc"),
        ("parts", "⿰"),
    ],
)
def test_a_condition_in_the_wrong_form_is_refused_with_an_example(
    session: Session, field: str, value: str
) -> None:
    with pytest.raises(InvalidRequest, match="give it like") as caught:
        reference.search(session, CharacterQuery(**{field: value}))
    assert caught.value.where is not None
    assert caught.value.where.field == field or field == "q"


def test_a_cursor_that_is_no_id_is_refused(session: Session) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        ids(session, after="次")
