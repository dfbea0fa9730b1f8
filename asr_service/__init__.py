"""Speech service: turns audio, live or from a file, into turns with words, times and speakers."""
