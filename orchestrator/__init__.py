"""The main service: the only public door, and the durable workflow from a meeting to changes on a board."""
