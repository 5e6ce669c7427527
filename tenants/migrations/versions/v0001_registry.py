"""The registry: tenants and what belongs to them, the change log and where it stands."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "tenants",
        sa.Column("slug", sa.String(32), primary_key=True),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("deleted_at", sa.Float),
    )
    _create_member_table("issuers", sa.Column("issuer", sa.Text, primary_key=True))
    _create_member_table("backends", sa.Column("name", sa.String(23), primary_key=True))
    _create_member_table("endpoints", sa.Column("name", sa.String(23), primary_key=True))
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("incarnation", sa.String(32), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="meta_has_one_row"),
    )
    op.create_table(
        "changes",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("scope", sa.Text),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
    )


def _create_member_table(name: str, key: sa.Column[str]) -> None:
    op.create_table(
        name,
        sa.Column(
            "tenant",
            sa.String(32),
            sa.ForeignKey("tenants.slug", ondelete="CASCADE"),
            primary_key=True,
        ),
        key,
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
    )
