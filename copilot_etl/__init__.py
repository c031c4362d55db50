"""GitHub Copilot usage reports, from signed links to a DuckDB warehouse, one day at a time."""

__version__ = "0.1.0"
