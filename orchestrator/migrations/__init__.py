"""Migrations of the orchestrator's tables: forward only, run at every start."""
