"""The touch panel, a Textual application."""
