"""Events say whom they concern, and in which order they were committed."""

import sqlalchemy as sa
from alembic import op

from models.event import Xid8
from models.migrations import tenancy

revision = "2026_11_25_0004"
down_revision = "2026_11_25_0003"
branch_labels = None
depends_on = None

ROUTED = ("person_id", "team_id", "audience_id")
BATCH = 1000


def upgrade() -> None:
    if not tenancy.has_column("event", "xid"):  # what comes after this part is in no transaction with it
        op.add_column("event", sa.Column("v", sa.Integer(), server_default="1", nullable=False))
        # Which transaction it is does not change within one, so no row is written anew: all that are there are its.
        op.add_column("event", sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False))
        for name in ROUTED:
            op.add_column("event", sa.Column(name, sa.Uuid(), nullable=True))
        op.add_column("event", sa.Column("circle", sa.Text(), nullable=True))
        op.create_table(
            "event_recipient",
            sa.Column("person_id", sa.Uuid(), nullable=False),
            sa.Column("event_id", sa.Uuid(), nullable=False),
            sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
            sa.Column("org_id", sa.Uuid(), nullable=False),
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.ForeignKeyConstraint(
                ["org_id", "person_id"], ["person.org_id", "person.id"], name=op.f("fk_event_recipient_person_id")
            ),
            sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_event_recipient")),
        )
        op.create_index(
            "ix_event_recipient_person", "event_recipient", ["org_id", "person_id", "xid", "event_id"], unique=False
        )
        op.create_index("ix_event_recipient_event", "event_recipient", ["org_id", "event_id"], unique=False)
        op.create_index("ix_event_recipient_at", "event_recipient", ["event_at"], unique=False)
        tenancy.tenant_policy("event_recipient", verbs="SELECT, INSERT")
        for name, table in (("person_id", "person"), ("team_id", "team")):
            op.add_column("critique", sa.Column(name, sa.Uuid(), nullable=True))
            op.create_foreign_key(
                f"fk_critique_{name}",
                "critique",
                table,
                ["org_id", name],
                ["org_id", "id"],
                postgresql_not_valid=True,
            )
        tenancy.run_sql("events.sql")
        tenancy.grant_functions(
            "events_after(xid8, uuid, xid8, timestamptz, integer)",
            "mend_event_order()",
            "drop_event_partitions(integer)",
            "fill_critiques(integer)",
        )
    with op.get_context().autocommit_block():
        tenancy.index_partitions("ix_event_order", "event", "xid, id")
        tenancy.index_partitions("ix_event_audience", "event", "org_id, xid, id", "audience_id IS NOT NULL")
        for column in ("person_id", "team_id", "circle"):
            name = f"ix_event_{column.removesuffix('_id')}"
            tenancy.index_partitions(name, "event", f"org_id, {column}, xid, id", f"{column} IS NOT NULL")
        while op.get_bind().scalar(sa.text("SELECT fill_critiques(:most)"), {"most": BATCH}):
            pass  # each batch is a transaction: nobody waits for more than its rows
        for name in ("person_id", "team_id"):
            op.execute(f"ALTER TABLE critique VALIDATE CONSTRAINT fk_critique_{name}")


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
