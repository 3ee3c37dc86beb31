"""The typefaces the TV is drawn with (Inter, SIL Open Font License)."""
