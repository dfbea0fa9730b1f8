"""From talk to cards: scores in both directions, calibrated decisions, typed differences, learning from decisions."""
