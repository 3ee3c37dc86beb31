"""Where a finished canvas goes: a window, a PNG file, or nowhere."""
