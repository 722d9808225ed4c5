"""The register in SQL: the searchable index, who may post, and a ledger for a log in PostgreSQL.

The tables are said once (:mod:`~assay.register.database.tables`), for SQLite and for PostgreSQL.
"""
