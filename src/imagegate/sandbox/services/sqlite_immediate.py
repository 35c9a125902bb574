# mypy: ignore-errors
"""Import to make oslo.db open its SQLite transactions with the write lock already taken.

oslo.db sends a plain BEGIN. A transaction that reads first and writes later then fails at once with
"database is locked" when another thread has written in between, whatever the time-out says.
"""

from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _immediate(connection, cursor, statement, parameters, context, executemany):  # noqa: PLR0917  # SQLAlchemy calls it so
    return ("BEGIN IMMEDIATE" if statement == "BEGIN" else statement), parameters
