"""Messages to people, and their answers, behind one contract."""
