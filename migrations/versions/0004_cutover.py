"""Where releases are in use, shared CS servers, and how far the rights to a glyph reach."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LIVE = sa.text("replaced IS NULL")


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
    with op.batch_alter_table("glyph_sources", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("scope", sa.String(), server_default="unknown", nullable=False)
        )
        batch_op.add_column(sa.Column("licence", sa.String(), nullable=True))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("glyph_sources", schema=None) as batch_op:
        batch_op.drop_column("licence")
        batch_op.drop_column("scope")
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
