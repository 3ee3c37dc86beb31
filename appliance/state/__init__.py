"""The room as values: its state, what may happen to it, and views of it. Standard library only."""
