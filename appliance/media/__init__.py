"""The room's senses and voice: camera, microphone, speaker and WebRTC."""
