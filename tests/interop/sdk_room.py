"""LiveKit's own Python SDK, as the tests' other people use it."""

from livekit import rtc


def sdk_room() -> rtc.Room:
    """A room that keeps every track it was given until the room itself is gone.

    While it leaves, the SDK's native side takes each track's handle away and puts an empty one in its place, not in
    one step (`FfiRoom::close` of livekit-ffi, rust-sdks pull request 539). A track that Python lets go of between
    the two is "unknown", and its destructor fails an assertion.
    """
    room, kept = rtc.Room(), list[rtc.Track]()
    room.on("track_subscribed", lambda track, *_: kept.append(track))
    return room
