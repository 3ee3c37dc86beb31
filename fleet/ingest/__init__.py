"""Takes in what rooms say and stores it: each record once, acknowledged when it is safe."""
