"""aiortc made fit for a room: encoded frames in and out of one peer connection."""
