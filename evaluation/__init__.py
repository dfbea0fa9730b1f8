"""Measures of speech recognition and diarization on data in standard layouts; no service depends on this package."""
