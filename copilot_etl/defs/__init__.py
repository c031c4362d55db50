"""Everything that knows Dagster; each module wraps the core module of its name."""
