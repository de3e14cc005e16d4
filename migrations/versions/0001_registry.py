"""The registry as first published."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("deflated", sa.Boolean(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_blobs")),
    )
    op.create_table(
        "editions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editions")),
        sa.UniqueConstraint("dataset", "edition", name=op.f("uq_editions_dataset_edition")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "journal",
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_journal")),
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_journal_action"), ["action"], unique=False)
        batch_op.create_index(batch_op.f("ix_journal_subject"), ["subject"], unique=False)

    op.create_table(
        "members",
        sa.Column("code", sa.String(length=6), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("candidate", sa.Boolean(), nullable=False),
        sa.Column("successor", sa.String(length=6), nullable=True),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["successor"], ["members.code"], name=op.f("fk_members_successor")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_members")),
    )
    op.create_table(
        "policies",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_policies")),
    )
    op.create_table(
        "principals",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_principals")),
    )
    op.create_table(
        "registry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.String(length=2), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("next_own", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_registry_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry")),
    )
    op.create_table(
        "releases",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.String(length=27), nullable=False),
        sa.Column("published_by", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_releases")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=True),
        sa.Column("revoked", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["principal"], ["principals.name"], name=op.f("fk_api_keys_principal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
    )
    op.create_table(
        "code_sets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member", sa.String(length=6), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("charset", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("charset_digest", sa.String(length=64), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["member"], ["members.code"], name=op.f("fk_code_sets_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_sets")),
        sa.UniqueConstraint("member", "name", name=op.f("uq_code_sets_member_name")),
    )
    op.create_table(
        "descriptions",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("ucs", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("regions", sa.String(), nullable=False),
        sa.Column("ids", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_descriptions_edition_id")
        ),
        sa.PrimaryKeyConstraint("edition_id", "ucs", "position", name=op.f("pk_descriptions")),
    )
    op.create_table(
        "glyphs",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("em_units", sa.Integer(), nullable=False),
        sa.Column("advance", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name=op.f("fk_glyphs_sha256")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_glyphs")),
    )
    op.create_table(
        "sequences",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("meaning", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_sequences_edition_id")
        ),
        sa.PrimaryKeyConstraint("edition_id", "sequence", "collection", name=op.f("pk_sequences")),
    )
    op.create_table(
        "characters",
        sa.Column("id", sa.String(length=8), nullable=False),
        sa.Column("namespace", sa.String(length=2), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("glyph", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["glyph"], ["glyphs.sha256"], name=op.f("fk_characters_glyph")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_characters")),
    )
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
    op.create_table(
        "imports",
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code_set_id", sa.Integer(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["code_set_id"], ["code_sets.id"], name=op.f("fk_imports_code_set_id")
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_imports")),
    )
    with op.batch_alter_table("imports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_imports_code_set_id"), ["code_set_id"], unique=False)

    op.create_table(
        "local_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code_set_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["code_set_id"], ["code_sets.id"], name=op.f("fk_local_codes_code_set_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_codes")),
        sa.UniqueConstraint("code_set_id", "code", name=op.f("uq_local_codes_code_set_id_code")),
    )
    op.create_table(
        "allocations",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("code_point", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_allocations_character")
        ),
        sa.PrimaryKeyConstraint("scope", "character", name=op.f("pk_allocations")),
        sa.UniqueConstraint("scope", "code_point", name=op.f("uq_allocations_scope_code_point")),
    )
    op.create_table(
        "meanings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("local_code_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("listed", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["local_code_id"], ["local_codes.id"], name=op.f("fk_meanings_local_code_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meanings")),
        sa.UniqueConstraint(
            "local_code_id", "valid_from", name=op.f("uq_meanings_local_code_id_valid_from")
        ),
    )
    op.create_table(
        "radicals",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("radical", sa.Integer(), nullable=False),
        sa.Column("inner_strokes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_radicals_character")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_radicals_edition_id")
        ),
        sa.PrimaryKeyConstraint("edition_id", "character", "position", name=op.f("pk_radicals")),
    )
    with op.batch_alter_table("radicals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_radicals_radical"), ["radical"], unique=False)

    op.create_table(
        "readings",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reading", sa.String(), nullable=False),
        sa.Column("hiragana", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_readings_character")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_readings_edition_id")
        ),
        sa.PrimaryKeyConstraint("edition_id", "character", "position", name=op.f("pk_readings")),
    )
    with op.batch_alter_table("readings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_readings_hiragana"), ["hiragana"], unique=False)

    op.create_table(
        "reductions",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("x0213", sa.String(), nullable=True),
        sa.Column("listing", sa.String(), nullable=False),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("hops", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_reductions_character")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_reductions_edition_id")
        ),
        sa.PrimaryKeyConstraint("edition_id", "character", "position", name=op.f("pk_reductions")),
    )
    with op.batch_alter_table("reductions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reductions_target"), ["target"], unique=False)

    op.create_table(
        "reference_characters",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("ucs", sa.String(), nullable=True),
        sa.Column("own_ucs", sa.String(), nullable=True),
        sa.Column("ivs", sa.String(), nullable=True),
        sa.Column("svs", sa.String(), nullable=True),
        sa.Column("koseki", sa.String(), nullable=True),
        sa.Column("juki", sa.String(), nullable=True),
        sa.Column("touki", sa.String(), nullable=True),
        sa.Column("nyukan_seiji", sa.String(), nullable=True),
        sa.Column("nyukan_gaiji", sa.String(), nullable=True),
        sa.Column("x0213", sa.String(), nullable=True),
        sa.Column("x0213_rule", sa.String(), nullable=True),
        sa.Column("x0213_class", sa.Integer(), nullable=True),
        sa.Column("x0212", sa.String(), nullable=True),
        sa.Column("strokes", sa.Integer(), nullable=True),
        sa.Column("kanji_policy", sa.String(), nullable=True),
        sa.Column("compatibility", sa.String(), nullable=True),
        sa.Column("more", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_reference_characters_character")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_reference_characters_edition_id")
        ),
        sa.PrimaryKeyConstraint("edition_id", "character", name=op.f("pk_reference_characters")),
    )
    with op.batch_alter_table("reference_characters", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reference_characters_ivs"), ["ivs"], unique=False)
        batch_op.create_index(batch_op.f("ix_reference_characters_juki"), ["juki"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_reference_characters_koseki"), ["koseki"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_reference_characters_own_ucs"), ["own_ucs"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_reference_characters_strokes"), ["strokes"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_reference_characters_svs"), ["svs"], unique=False)
        batch_op.create_index(batch_op.f("ix_reference_characters_touki"), ["touki"], unique=False)
        batch_op.create_index(batch_op.f("ix_reference_characters_ucs"), ["ucs"], unique=False)
        batch_op.create_index(batch_op.f("ix_reference_characters_x0213"), ["x0213"], unique=False)

    op.create_table(
        "successors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("successor", sa.String(length=8), nullable=False),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("replaced", sa.Integer(), nullable=True),
        sa.Column("since", sa.Integer(), nullable=True),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.CheckConstraint("since < until", name=op.f("ck_successors_interval")),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_successors_character")
        ),
        sa.ForeignKeyConstraint(
            ["successor"], ["characters.id"], name=op.f("fk_successors_successor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_successors")),
    )
    with op.batch_alter_table("successors", schema=None) as batch_op:
        batch_op.create_index(
            "one_live_successor",
            ["character"],
            unique=True,
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )
        batch_op.create_index(
            "one_pending_successor",
            ["character"],
            unique=True,
            sqlite_where=sa.text("since IS NULL AND replaced IS NULL"),
            postgresql_where=sa.text("since IS NULL AND replaced IS NULL"),
        )

    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("meaning_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("relationship", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=True),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("ground", sa.String(), nullable=True),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_decisions_character")
        ),
        sa.ForeignKeyConstraint(
            ["meaning_id"], ["meanings.id"], name=op.f("fk_decisions_meaning_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decisions_meaning_id"), ["meaning_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_decisions_serial"), ["serial"], unique=False)

    op.create_table(
        "glyph_uses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meaning_id", sa.Integer(), nullable=False),
        sa.Column("glyph", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("replaced", sa.Integer(), nullable=True),
        sa.Column("since", sa.Integer(), nullable=True),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.CheckConstraint("since < until", name=op.f("ck_glyph_uses_interval")),
        sa.ForeignKeyConstraint(["glyph"], ["glyphs.sha256"], name=op.f("fk_glyph_uses_glyph")),
        sa.ForeignKeyConstraint(
            ["meaning_id"], ["meanings.id"], name=op.f("fk_glyph_uses_meaning_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glyph_uses")),
    )
    with op.batch_alter_table("glyph_uses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_glyph_uses_glyph"), ["glyph"], unique=False)
        batch_op.create_index(batch_op.f("ix_glyph_uses_meaning_id"), ["meaning_id"], unique=False)
        batch_op.create_index(
            "one_live_glyph",
            ["meaning_id"],
            unique=True,
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )
        batch_op.create_index(
            "one_pending_glyph",
            ["meaning_id"],
            unique=True,
            sqlite_where=sa.text("since IS NULL AND replaced IS NULL"),
            postgresql_where=sa.text("since IS NULL AND replaced IS NULL"),
        )

    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meaning_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=True),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("relationship", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_proposals_character")
        ),
        sa.ForeignKeyConstraint(
            ["meaning_id"], ["meanings.id"], name=op.f("fk_proposals_meaning_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
        sa.UniqueConstraint(
            "meaning_id",
            "how",
            "character",
            "serial",
            name=op.f("uq_proposals_meaning_id_how_character_serial"),
        ),
    )
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proposals_meaning_id"), ["meaning_id"], unique=False)

    op.create_table(
        "spans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meaning_id", sa.Integer(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("replaced", sa.Integer(), nullable=True),
        sa.Column("since", sa.Integer(), nullable=True),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.CheckConstraint("since < until", name=op.f("ck_spans_interval")),
        sa.ForeignKeyConstraint(["meaning_id"], ["meanings.id"], name=op.f("fk_spans_meaning_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spans")),
    )
    with op.batch_alter_table("spans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_spans_meaning_id"), ["meaning_id"], unique=False)
        batch_op.create_index(
            "one_live_span",
            ["meaning_id"],
            unique=True,
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )
        batch_op.create_index(
            "one_pending_span",
            ["meaning_id"],
            unique=True,
            sqlite_where=sa.text("since IS NULL AND replaced IS NULL"),
            postgresql_where=sa.text("since IS NULL AND replaced IS NULL"),
        )

    op.create_table(
        "mappings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meaning_id", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=8), nullable=False),
        sa.Column("relationship", sa.String(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=True),
        sa.Column("superseded", sa.Integer(), nullable=True),
        sa.Column("since", sa.Integer(), nullable=True),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.CheckConstraint("since < until", name=op.f("ck_mappings_interval")),
        sa.ForeignKeyConstraint(
            ["character"], ["characters.id"], name=op.f("fk_mappings_character")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_mappings_decision_id")
        ),
        sa.ForeignKeyConstraint(["ended"], ["decisions.id"], name=op.f("fk_mappings_ended")),
        sa.ForeignKeyConstraint(
            ["meaning_id"], ["meanings.id"], name=op.f("fk_mappings_meaning_id")
        ),
        sa.ForeignKeyConstraint(
            ["superseded"], ["decisions.id"], name=op.f("fk_mappings_superseded")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mappings")),
    )
    with op.batch_alter_table("mappings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mappings_character"), ["character"], unique=False)
        batch_op.create_index(batch_op.f("ix_mappings_meaning_id"), ["meaning_id"], unique=False)
        batch_op.create_index(
            "one_live_meaning",
            ["meaning_id"],
            unique=True,
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )
        batch_op.create_index(
            "one_pending_meaning",
            ["meaning_id"],
            unique=True,
            sqlite_where=sa.text("since IS NULL AND superseded IS NULL"),
            postgresql_where=sa.text("since IS NULL AND superseded IS NULL"),
        )


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("mappings", schema=None) as batch_op:
        batch_op.drop_index(
            "one_pending_meaning",
            sqlite_where=sa.text("since IS NULL AND superseded IS NULL"),
            postgresql_where=sa.text("since IS NULL AND superseded IS NULL"),
        )
        batch_op.drop_index(
            "one_live_meaning",
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_mappings_meaning_id"))
        batch_op.drop_index(batch_op.f("ix_mappings_character"))

    op.drop_table("mappings")
    with op.batch_alter_table("spans", schema=None) as batch_op:
        batch_op.drop_index(
            "one_pending_span",
            sqlite_where=sa.text("since IS NULL AND replaced IS NULL"),
            postgresql_where=sa.text("since IS NULL AND replaced IS NULL"),
        )
        batch_op.drop_index(
            "one_live_span",
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_spans_meaning_id"))

    op.drop_table("spans")
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_proposals_meaning_id"))

    op.drop_table("proposals")
    with op.batch_alter_table("glyph_uses", schema=None) as batch_op:
        batch_op.drop_index(
            "one_pending_glyph",
            sqlite_where=sa.text("since IS NULL AND replaced IS NULL"),
            postgresql_where=sa.text("since IS NULL AND replaced IS NULL"),
        )
        batch_op.drop_index(
            "one_live_glyph",
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_glyph_uses_meaning_id"))
        batch_op.drop_index(batch_op.f("ix_glyph_uses_glyph"))

    op.drop_table("glyph_uses")
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decisions_serial"))
        batch_op.drop_index(batch_op.f("ix_decisions_meaning_id"))

    op.drop_table("decisions")
    with op.batch_alter_table("successors", schema=None) as batch_op:
        batch_op.drop_index(
            "one_pending_successor",
            sqlite_where=sa.text("since IS NULL AND replaced IS NULL"),
            postgresql_where=sa.text("since IS NULL AND replaced IS NULL"),
        )
        batch_op.drop_index(
            "one_live_successor",
            sqlite_where=sa.text("since IS NOT NULL AND until IS NULL"),
            postgresql_where=sa.text("since IS NOT NULL AND until IS NULL"),
        )

    op.drop_table("successors")
    with op.batch_alter_table("reference_characters", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reference_characters_x0213"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_ucs"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_touki"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_svs"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_strokes"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_own_ucs"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_koseki"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_juki"))
        batch_op.drop_index(batch_op.f("ix_reference_characters_ivs"))

    op.drop_table("reference_characters")
    with op.batch_alter_table("reductions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reductions_target"))

    op.drop_table("reductions")
    with op.batch_alter_table("readings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_readings_hiragana"))

    op.drop_table("readings")
    with op.batch_alter_table("radicals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_radicals_radical"))

    op.drop_table("radicals")
    op.drop_table("meanings")
    op.drop_table("allocations")
    op.drop_table("local_codes")
    with op.batch_alter_table("imports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_imports_code_set_id"))

    op.drop_table("imports")
    op.drop_table("glyph_sources")
    op.drop_table("characters")
    op.drop_table("sequences")
    op.drop_table("glyphs")
    op.drop_table("descriptions")
    op.drop_table("code_sets")
    op.drop_table("api_keys")
    op.drop_table("releases")
    op.drop_table("registry")
    op.drop_table("principals")
    op.drop_table("policies")
    op.drop_table("members")
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_journal_subject"))
        batch_op.drop_index(batch_op.f("ix_journal_action"))

    op.drop_table("journal")
    op.drop_table("idempotency_keys")
    op.drop_table("editions")
    op.drop_table("blobs")
