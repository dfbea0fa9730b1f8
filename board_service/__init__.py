"""Boards behind one contract."""
