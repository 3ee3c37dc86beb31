"""The fleet side: reads what rooms report."""
