"""Rules of the contracts, and stubs for other languages."""
