"""The `planerka` command: a client of the orchestrator, and the launcher of the whole mesh on one machine."""
