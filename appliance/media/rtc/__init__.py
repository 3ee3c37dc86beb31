"""WebRTC fit for long, lossy meetings: aiortc's transports and signalling, our own way in and out for encoded frames.

Nobody below this package encodes or decodes: what goes in and comes out are whole access units (`EncodedFrame`).
"""
