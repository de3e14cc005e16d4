"""What lint looks for (点検項目): one row per check, its code, level, sentence and way out.

Codes are stable. Levels: `error` bytes that are no text, `gap` a character that is lost or becomes another one,
`warning` a character that some step on the way changes or a file that is probably another thing, `fit` for
information: nothing is lost by itself. Sentences are filled in with what was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gaiji.charset.charsets import FAMILIES, UNICODE
from gaiji.errors import Text
from gaiji.wire.findings import Level


class Check(NamedTuple):
    """One check: stable code, level, what it says about one subject, and the way out."""

    code: str
    level: Level
    text: Text
    way_out: Text


_ALL = (
    # --- bytes
    Check(
        "malformed",
        "error",
        Text(
            "{subject} は {charset} の文字ではありません。", "{subject} is no character in {charset}."
        ),
        Text(
            "文字コードの指定と切れ目を確かめるか、--malformed escape で変換してください。",
            "Check the charset and whether the file was cut, or convert with --malformed escape.",
        ),
    ),
    Check(
        "cut-off",
        "error",
        Text("入力が文字の途中 {subject} で終わっています。", "The input ends inside a character: {subject}."),
        Text("元のファイルから取り直してください。", "Fetch the file again from where it came."),
    ),
    Check(
        "lone-surrogate",
        "error",
        Text(
            "{subject} はサロゲートの片方か、サロゲートの組を UTF-8 で書いたものです{meant}。",
            "{subject} is half of a surrogate pair, or a pair written in UTF-8{meant}.",
        ),
        Text(
            "文字を二つに切った処理か CESU-8 を書く処理を直し、書き直してください。",
            "Correct the step that cut the character or writes CESU-8, and write the file again.",
        ),
    ),
    Check(
        "only-shift-jis-2004",
        "error",
        Text(
            "{subject} は {charset} になく、Shift_JIS-2004 では {other} です。",
            "{subject} is not in {charset}; Shift_JIS-2004 reads it as {other}.",
        ),
        Text(
            "Shift_JIS-2004 のファイルなら UTF-8 で書き出し直してください。市のデータなら文字を確かめてください。",
            "If the file is Shift_JIS-2004 have it written in UTF-8; if it is a city's, check the character.",
        ),
    ),
    Check(
        "untabled",
        "gap",
        Text(
            "{subject} は {charset} の領域にありますが、対応表がありません。",
            "{subject} lies in an area of {charset} for which there is no table here.",
        ),
        Text(
            "gaiji charset import で体系の表を取り込んでください。",
            "Take in the charset's table with gaiji charset import.",
        ),
    ),
    Check(
        "shift-doubled",
        "warning",
        Text(
            "シフトコード {subject} は、すでにその状態にある所に置かれています。",
            "Shift code {subject} stands where that mode holds already.",
        ),
        Text(
            "変換と復元では控えがこれを覚えます。書いた処理を確かめてください。",
            "Conversion keeps it in the receipt; check the step that wrote it.",
        ),
    ),
    Check(
        "shift-unclosed",
        "warning",
        Text(
            "レコードがシフトコードで1バイトに戻らずに終わっています。",
            "A record ends without the shift code back to single bytes.",
        ),
        Text(
            "レコードの切り出し方を確かめてください。次のレコードは1バイトから読みます。",
            "Check how records were cut; the next one is read from single bytes.",
        ),
    ),
    Check(
        "mark-inside",
        "warning",
        Text(
            "U+FEFF(バイト順マーク)がファイルの途中にあります。",
            "U+FEFF, a byte order mark, stands inside the file.",
        ),
        Text(
            "ファイルをつないだ所なら取り除いてください。見えない文字として氏名の照合を妨げます。",
            "Remove it where files were joined; unseen, it keeps names from comparing equal.",
        ),
    ),
    Check(
        "other-charset",
        "warning",
        Text(
            "{charset} ではなく {subject} のファイルのようです。",
            "This looks like a file in {subject}, not {charset}.",
        ),
        Text("--charset {subject} で点検し直してください。", "Lint it again with --charset {subject}."),
    ),
    Check(
        "already-lost",
        "gap",
        Text(
            "U+FFFD は、前の変換で失われた文字の跡です。",
            "U+FFFD is the trace of a character that an earlier conversion lost.",
        ),
        Text(
            "元のファイルから変換し直してください。ここからは戻せません。",
            "Convert again from the original; from here nothing brings it back.",
        ),
    ),
    Check(
        "geta",
        "warning",
        Text(
            "〓 は、前の変換で置き換えられた文字かもしれません。",
            "〓 may stand for a character that an earlier conversion replaced.",
        ),
        Text(
            "元のファイルと控えを確かめてください。",
            "Compare with the original file and its receipt.",
        ),
    ),
    # --- local codes and double codes
    Check(
        "user-code",
        "gap",
        Text(
            "{subject} は外字領域のコードで、外字セットなしでは意味がありません。",
            "{subject} is a user-defined code, which means nothing without its code set.",
        ),
        Text(
            "外字セットを指定して変換してください: gaiji convert --from 市区町村コード/外字セット。",
            "Convert it as its code set: gaiji convert --from MEMBER/CODESET.",
        ),
    ),
    Check(
        "undecided-code",
        "gap",
        Text(
            "{subject} には、この版で決定された意味がありません。",
            "{subject} has no decided meaning in this release.",
        ),
        Text(
            "gaiji decide で決定して次の版を公布するか、--on-unmapped を選んで変換してください。",
            "Decide it (gaiji decide) and publish, or convert with --on-unmapped.",
        ),
    ),
    Check(
        "shift-jis-2004",
        "warning",
        Text(
            "{subject} は {charset} では {own}、Shift_JIS-2004 では {other} です。",
            "{subject} is {own} in {charset} and {other} in Shift_JIS-2004.",
        ),
        Text(
            "市のデータを Shift_JIS-2004 として読まないでください。相手の体系を確かめてください。",
            "Never read city data as Shift_JIS-2004; ask the other side which of the two it means.",
        ),
    ),
    Check(
        "recoded",
        "warning",
        Text(
            "{subject}({own})は {charset} に書き戻すと {other} になります。",
            "{subject} ({own}) is written back to {charset} as {other}.",
        ),
        Text(
            "元のバイトが要るときは --receipt の控えを残してください。",
            "Keep a receipt (--receipt) where the original bytes matter.",
        ),
    ),
    Check(
        "edition",
        "fit",
        Text(
            "{own} の形は JIS の版で違います。{charset} では {character}、JIS X 0213:2004 では {other} です。",
            "The shape of {own} depends on the JIS edition: {character} in {charset}, {other} in JIS X 0213:2004.",
        ),
        Text(
            "形を守るには --ivs always か mj で変換してください。",
            "Convert with --ivs always or to mj to keep the shape.",
        ),
    ),
    # --- normalization
    Check(
        "nfc-svs",
        "gap",
        Text(
            "{own}({subject}、{character})は NFC で {other} に変わります。",
            "{own} ({subject}, {character}) becomes {other} under NFC.",
        ),
        Text(
            "--to unicode-svs で変換すれば {svs} と書かれ、正規化で変わりません。",
            "Convert with --to unicode-svs: it is written {svs}, which no normalization changes.",
        ),
    ),
    Check(
        "nfc-ideograph",
        "gap",
        Text(
            "互換漢字 {own}({subject})は NFC で {other} に変わります。",
            "The compatibility ideograph {own} ({subject}) becomes {other} under NFC.",
        ),
        Text(
            "共通文字ではないため、正規化する処理を外すか {svs} を受ける相手か確かめてください。",
            "It is no shared character: take out the normalizing step, or ask whether {svs} is understood.",
        ),
    ),
    Check(
        "nfc-equivalent",
        "warning",
        Text(
            "{own}({subject})は NFC で {other} になります(同じ文字の別の書き方)。",
            "{own} ({subject}) becomes {other} under NFC: another spelling of the same character.",
        ),
        Text(
            "受入れの時に一度だけ NFC にし、照合は両方を NFC にして行ってください。",
            "Normalize once, when data comes in, and compare NFC with NFC.",
        ),
    ),
    Check(
        "nfkc",
        "warning",
        Text(
            "{own}({subject})は NFKC で {other} に変わります。",
            "{own} ({subject}) becomes {other} under NFKC.",
        ),
        Text(
            "NFKC は検索用の写しだけに使い、保存する文字列には使わないでください。",
            "Use NFKC for search keys only, never for what is kept.",
        ),
    ),
    # --- variation selectors
    Check(
        "selector-merges",
        "gap",
        Text(
            "{own} は {character} です。異体字セレクタが落ちると {other} になります。",
            "{own} is {character}; without its selector it becomes {other}.",
        ),
        Text(
            "セレクタを残す相手か確かめ、残さない相手には外字セットに変換してください。",
            "Check that the receiver keeps selectors; for one that does not, convert to its code set.",
        ),
    ),
    Check(
        "selector-redundant",
        "fit",
        Text(
            "{own} は {character} で、セレクタが落ちても同じ文字です。",
            "{own} is {character}, and so is the text without its selector.",
        ),
        Text("そのままで構いません。", "Nothing needs to be done."),
    ),
    Check(
        "selector-other-collection",
        "gap",
        Text(
            "{own}({subject})は {collection} の列で、Moji_Joho の列ではありません。",
            "{own} ({subject}) is a sequence of {collection}, not of Moji_Joho.",
        ),
        Text(
            "形を見て Moji_Joho の列を選び直してください: {candidates}。",
            "Look at the shape and choose the Moji_Joho sequence: {candidates}.",
        ),
    ),
    Check(
        "selector-unknown",
        "gap",
        Text(
            "{own}({subject})はどの登録にもない列です。",
            "{own} ({subject}) is registered in no collection.",
        ),
        Text(
            "入力元を確かめ、Moji_Joho の列に直してください: {candidates}。",
            "Ask where it comes from and choose the Moji_Joho sequence: {candidates}.",
        ),
    ),
    Check(
        "selector-misplaced",
        "gap",
        Text(
            "異体字セレクタ {subject} の前に、それが掛かる文字がありません(行頭・重複など)。",
            "Selector {subject} follows no character it could select a shape of (doubled, first of a record).",
        ),
        Text(
            "文字を切った処理か二重に付けた処理を直してください。",
            "Correct the step that cut the text or added it twice.",
        ),
    ),
    Check(
        "combining-misplaced",
        "warning",
        Text(
            "結合文字 {subject} の前に文字がありません。",
            "Combining mark {subject} has no character before it.",
        ),
        Text(
            "項目の切れ目が文字の途中にないか確かめてください。",
            "Check whether a field was cut inside a character.",
        ),
    ),
    Check(
        "pair",
        "fit",
        Text(
            "{own} は JIS X 0213 の一文字ですが、Unicode では二つの符号位置 {subject} です。",
            "{own} is one character of JIS X 0213 and two code points in Unicode: {subject}.",
        ),
        Text(
            "文字数や切れ目を符号位置で数えないでください。",
            "Neither count nor cut by code points.",
        ),
    ),
    # --- other readings
    Check(
        "juki-code",
        "warning",
        Text(
            "{own}({subject})は住基ネット統一文字コードなら {other}({character})です。",
            "{own} ({subject}) would be {other} ({character}) as a Juki-net code.",
        ),
        Text(
            "住基ネットのデータなら --from juki で変換してください。Unicode として読んではいけません。",
            "If this is Juki-net data convert it with --from juki; it must not be read as Unicode.",
        ),
    ),
    Check(
        "juki-trap",
        "fit",
        Text(
            "{own}({subject})は、住基ネットのデータなら {other}({character})です。",
            "{own} ({subject}) is {other} ({character}) if this is Juki-net data.",
        ),
        Text(
            "漢字の範囲で住基ネット統一文字コードと Unicode が違うのは三字だけです。出どころを確かめてください。",
            "Only three kanji codes differ between Juki-net and Unicode; check where the file comes from.",
        ),
    ),
    Check(
        "punctuation",
        "warning",
        Text(
            "{own}({subject})は、{charset} に宣言された読み方では {other} です。",
            "{own} ({subject}) is {other} in the reading declared for {charset}.",
        ),
        Text(
            "外字セットの punctuation(microsoft か jis)を実際の読み方に合わせてください。",
            "Declare the reading in use as the code set's punctuation (microsoft or jis).",
        ),
    ),
    # --- targets
    *(
        Check(
            f"outside-{target}",
            "gap",
            Text(
                f"{{own}}({{subject}}{{character}})は{ja}にありません。",
                f"{{own}} ({{subject}}{{character}}) is not in {en}.",
            ),
            Text("{remedy}", "{remedy}"),
        )
        for target, ja, en in (
            ("x0208", " JIS X 0208 ", "JIS X 0208"),
            ("x0213", " JIS X 0213 ", "JIS X 0213"),
            ("juki", "住基ネット統一文字", "the Juki-net repertoire"),
            *((name, f" {name} ", name) for name in FAMILIES if name not in UNICODE),
        )
    ),
    Check(
        "unified",
        "warning",
        Text(
            "{own}({subject}、{character})は JIS X 0213 では {other} に包摂されます。",
            "{own} ({subject}, {character}) is unified with {other} in JIS X 0213.",
        ),
        Text(
            "元の形が要る相手には unicode か mj で渡してください。",
            "Hand it over as unicode or mj where the shape matters.",
        ),
    ),
)  # fmt: skip

CHECKS: Mapping[str, Check] = {check.code: check for check in _ALL}
"""Every check by its code."""
