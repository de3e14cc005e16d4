"""Identification by shape: what was measured, what a person found no character for, and decisions taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "identifications",
        sa.Column("glyph", sa.String(length=64), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("ranking", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["glyph"], ["glyphs.sha256"], name=op.f("fk_identifications_glyph")
        ),
        sa.PrimaryKeyConstraint("glyph", "edition", name=op.f("pk_identifications")),
    )
    op.create_table(
        "identification_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meaning_id", sa.Integer(), nullable=False),
        sa.Column("glyph", sa.String(length=64), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["meaning_id"], ["meanings.id"], name=op.f("fk_identification_notes_meaning_id")
        ),
        sa.ForeignKeyConstraint(
            ["glyph"], ["glyphs.sha256"], name=op.f("fk_identification_notes_glyph")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identification_notes")),
    )
    with op.batch_alter_table("identification_notes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identification_notes_meaning_id"), ["meaning_id"], unique=False
        )
    op.add_column("decisions", sa.Column("evidence", sa.JSON(), nullable=True))
    op.add_column("decisions", sa.Column("withdrawn", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Go back: what was measured is lost, and so is which decisions were taken back."""
    op.drop_column("decisions", "withdrawn")
    op.drop_column("decisions", "evidence")
    with op.batch_alter_table("identification_notes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identification_notes_meaning_id"))
    op.drop_table("identification_notes")
    op.drop_table("identifications")
