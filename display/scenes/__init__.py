"""What the TV may show. Each scene is a value built from the room's state; drawing it is the stage's work."""
