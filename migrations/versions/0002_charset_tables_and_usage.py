"""Imported charset tables, and how often codes stand in the cities' files."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "charset_tables",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("charset", sa.String(), nullable=False),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["blob"], ["blobs.sha256"], name=op.f("fk_charset_tables_blob")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_charset_tables")),
        sa.UniqueConstraint("name", name=op.f("uq_charset_tables_name")),
    )
    # SQLite could add the key only by copying the table, which the rows that point to it forbid.
    op.execute(
        "ALTER TABLE code_sets ADD COLUMN charset_table VARCHAR(64) "
        "CONSTRAINT fk_code_sets_charset_table REFERENCES charset_tables (digest)"
    )
    op.create_table(
        "usage_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code_set_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("layout", sa.String(length=64), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("malformed", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["code_set_id"], ["code_sets.id"], name=op.f("fk_usage_files_code_set_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_files")),
        sa.UniqueConstraint(
            "code_set_id", "sha256", name=op.f("uq_usage_files_code_set_id_sha256")
        ),
    )
    op.create_table(
        "code_uses",
        sa.Column("usage_file_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["usage_file_id"], ["usage_files.id"], name=op.f("fk_code_uses_usage_file_id")
        ),
        sa.PrimaryKeyConstraint("usage_file_id", "code", name=op.f("pk_code_uses")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("code_uses")
    op.drop_table("usage_files")
    op.execute("ALTER TABLE code_sets DROP COLUMN charset_table")
    op.drop_table("charset_tables")
