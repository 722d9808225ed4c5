"""The real servers, for every test of the register: one of each for all that one process runs."""

from tests.register.engines import bucket, database, postgres, seaweed

__all__ = ["bucket", "database", "postgres", "seaweed"]
