"""Tests of Planerka; `door.py` is shared by those with real processes."""
