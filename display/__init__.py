"""The room's face (TV) and hands (touch panel)."""
