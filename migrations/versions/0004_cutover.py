"""Where releases are in use, shared CS servers, and how far the rights to a glyph reach, by who handed it in."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LIVE = sa.text("replaced IS NULL")
SILENT: dict[str, Any] = {"supplier": "", "rights": "unknown", "scope": "unknown", "licence": None}
"""What an import says of its glyphs where it says nothing."""


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "sites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("member", sa.String(length=6), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('member', 'system', 'server', 'terminals', 'print')",
            name=op.f("ck_sites_kind"),
        ),
        sa.ForeignKeyConstraint(["member"], ["members.code"], name=op.f("fk_sites_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_sites_kind_name")),
    )
    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sites_member"), ["member"], unique=False)
    op.create_table(
        "site_sets",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("code_set_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_site_sets_site_id")),
        sa.ForeignKeyConstraint(
            ["code_set_id"], ["code_sets.id"], name=op.f("fk_site_sets_code_set_id")
        ),
        sa.PrimaryKeyConstraint("site_id", "code_set_id", name=op.f("pk_site_sets")),
    )
    op.create_table(
        "adoptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("font", sa.String(length=64), nullable=True),
        sa.Column("ground", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("replaced", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_adoptions_site_id")),
        sa.ForeignKeyConstraint(
            ["release"], ["releases.number"], name=op.f("fk_adoptions_release")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adoptions")),
    )
    with op.batch_alter_table("adoptions", schema=None) as batch_op:
        batch_op.create_index(
            "one_adoption",
            ["site_id", "from_day"],
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        )
    op.create_table(
        "cutover_plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("code_sets", sa.JSON(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_cutover_plans_site_id")),
        sa.ForeignKeyConstraint(
            ["release"], ["releases.number"], name=op.f("fk_cutover_plans_release")
        ),
        sa.ForeignKeyConstraint(["rows"], ["blobs.sha256"], name=op.f("fk_cutover_plans_rows")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cutover_plans")),
        sa.UniqueConstraint("site_id", "number", name=op.f("uq_cutover_plans_site_id_number")),
    )
    op.create_table(
        "cutover_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("code_set_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=True),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("replaced", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_cutover_rules_site_id")),
        sa.ForeignKeyConstraint(
            ["code_set_id"], ["code_sets.id"], name=op.f("fk_cutover_rules_code_set_id")
        ),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_cutover_rules_character")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cutover_rules")),
    )
    with op.batch_alter_table("cutover_rules", schema=None) as batch_op:
        batch_op.create_index(
            "one_rule",
            ["site_id", "code_set_id", "character"],
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        )
    op.create_table(
        "cutover_moves",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("member", sa.String(length=6), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_cutover_moves_site_id")),
        sa.ForeignKeyConstraint(["member"], ["members.code"], name=op.f("fk_cutover_moves_member")),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["cutover_plans.id"], name=op.f("fk_cutover_moves_plan_id")
        ),
        sa.PrimaryKeyConstraint("site_id", "member", name=op.f("pk_cutover_moves")),
    )
    _sources_by_code_set()


def _sources_by_code_set() -> None:
    """Give every code set rows of its own for what it handed in, with the terms that its imports told."""
    op.create_table(
        "terms",
        sa.Column("code_set_id", sa.Integer(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.String(), nullable=name == "licence") for name in SILENT),
    )
    if rows := _terms():
        columns: list[Any] = [sa.column(name) for name in ("code_set_id", "blob", *SILENT)]
        op.bulk_insert(sa.table("terms", *columns), rows)
    op.execute("CREATE TABLE sourced AS SELECT glyph, blob FROM glyph_sources")
    op.drop_table("glyph_sources")
    op.create_table(
        "glyph_sources",
        sa.Column("glyph", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("code_set_id", sa.Integer(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("rights", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), server_default="unknown", nullable=False),
        sa.Column("licence", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["blob"], ["blobs.sha256"], name=op.f("fk_glyph_sources_blob")),
        sa.ForeignKeyConstraint(["glyph"], ["glyphs.sha256"], name=op.f("fk_glyph_sources_glyph")),
        sa.ForeignKeyConstraint(
            ["code_set_id"], ["code_sets.id"], name=op.f("fk_glyph_sources_code_set_id")
        ),
        sa.PrimaryKeyConstraint("glyph", "blob", "code_set_id", name=op.f("pk_glyph_sources")),
    )
    with op.batch_alter_table("glyph_sources", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_glyph_sources_code_set_id"), ["code_set_id"], unique=False
        )
    op.execute(
        "INSERT INTO glyph_sources (glyph, blob, code_set_id, supplier, rights, scope, licence) "
        "SELECT s.glyph, s.blob, t.code_set_id, t.supplier, t.rights, t.scope, t.licence "
        "FROM sourced s JOIN terms t ON t.blob = s.blob WHERE EXISTS ("
        "SELECT 1 FROM glyph_uses u JOIN meanings m ON m.id = u.meaning_id "
        "JOIN local_codes l ON l.id = m.local_code_id "
        "WHERE u.glyph = s.glyph AND l.code_set_id = t.code_set_id)"
    )
    op.drop_table("sourced")
    op.drop_table("terms")


def _terms() -> list[dict[str, Any]]:
    """Return what each code set told of each font that it handed in, a later import over an earlier one."""
    bind = op.get_bind()
    query = sa.text(
        "SELECT i.code_set_id, e.body FROM imports i JOIN journal e ON e.serial = i.serial "
        "ORDER BY i.serial"
    )
    terms: dict[tuple[int, str], dict[str, Any]] = {}
    for code_set_id, body in bind.execute(query):
        after = json.loads(body)["after"]
        told = {name: after[name] for name in SILENT if after.get(name) not in (None, SILENT[name])}
        for file in after["files"]:
            if file["role"] == "font":
                key = code_set_id, file["sha256"]
                terms[key] = terms.get(key, SILENT) | told
    return [
        {"code_set_id": code_set_id, "blob": blob, **told}
        for (code_set_id, blob), told in terms.items()
    ]


def downgrade() -> None:
    """Go back."""
    op.execute(
        "CREATE TABLE sourced AS SELECT glyph, blob, supplier, rights FROM glyph_sources s "
        "WHERE code_set_id = (SELECT MIN(code_set_id) FROM glyph_sources o "
        "WHERE o.glyph = s.glyph AND o.blob = s.blob)"
    )
    op.drop_table("glyph_sources")
    op.create_table(
        "glyph_sources",
        sa.Column("glyph", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("rights", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["blob"], ["blobs.sha256"], name=op.f("fk_glyph_sources_blob")),
        sa.ForeignKeyConstraint(["glyph"], ["glyphs.sha256"], name=op.f("fk_glyph_sources_glyph")),
        sa.PrimaryKeyConstraint("glyph", "blob", name=op.f("pk_glyph_sources")),
    )
    op.execute(
        "INSERT INTO glyph_sources (glyph, blob, supplier, rights) "
        "SELECT glyph, blob, supplier, rights FROM sourced"
    )
    op.drop_table("sourced")
    op.drop_table("cutover_moves")
    with op.batch_alter_table("cutover_rules", schema=None) as batch_op:
        batch_op.drop_index("one_rule")
    op.drop_table("cutover_rules")
    op.drop_table("cutover_plans")
    with op.batch_alter_table("adoptions", schema=None) as batch_op:
        batch_op.drop_index("one_adoption")
    op.drop_table("adoptions")
    op.drop_table("site_sets")
    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sites_member"))
    op.drop_table("sites")
