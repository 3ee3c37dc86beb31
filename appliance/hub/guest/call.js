/* The call itself: LiveKit's own SDK, and what the page needs to know of it as events. */

import { forDevice } from "./words.js";

const SWITCH = {
  camera: (person, on, options) => person.setCameraEnabled(on, options),
  microphone: (person, on, options) => person.setMicrophoneEnabled(on, options),
};

/**
 * Fires "change" after anything in the room changed, "away" and "back" around a lost connection, "end" (detail: LiveKit's
 * reason) once the call is over, "said" (detail: sentence) for screen readers and "trouble" (detail: sentence).
 */
export class Call extends EventTarget {
  room = null;
  #captures = {};

  /** Connect, then publish what is switched on; returns when connected. */
  async enter({ url, token }, { camera, microphone, speaker }) {
    // the hub then sends each picture no larger than its tile, and none to a page in the background;
    // the page sends its own only in the sizes that somebody receives
    const room = new window.LivekitClient.Room({ adaptiveStream: true, dynacast: true });
    this.#captures = { camera, microphone };
    this.#listen(room);
    await room.connect(url, token);
    this.room = room;
    if (speaker) this.choose("audiooutput", speaker);
    for (const capture of [microphone, camera]) this.#publish(capture);
  }

  async leave() {
    await this.room?.disconnect();
  }

  /** Switch the camera or microphone; `capture` remembers the choice for joining again. */
  async turn(capture, on) {
    capture.remember(on);
    try {
      await SWITCH[capture.kind](this.room.localParticipant, on, capture.options);
    } catch (error) {
      this.#failed(capture, error);
    }
  }

  async choose(kind, deviceId) {
    try {
      await this.room.switchActiveDevice(kind, deviceId);
    } catch {
      this.#tell("trouble", "That device did not start. Choose another one.");
    }
  }

  async #publish(capture) {
    const track = capture.handOver();
    if (!capture.on) return;
    try {
      if (track) await this.room.localParticipant.publishTrack(track);
      else await SWITCH[capture.kind](this.room.localParticipant, true, capture.options);
    } catch (error) {
      track?.stop();
      this.#failed(capture, error);
    }
    if (!capture.on) await this.turn(capture, false); // switched off while it was being published
    this.#tell("change");
  }

  #failed(capture, error) {
    if (!this.room) return;
    capture.remember(false);
    this.#tell("trouble", forDevice(capture.kind, error, true));
  }

  #listen(room) {
    const { RoomEvent } = window.LivekitClient;
    const changes = [
      "ParticipantConnected", "ParticipantDisconnected", "TrackSubscribed", "TrackUnsubscribed", "TrackPublished", "TrackUnpublished",
      "TrackMuted", "TrackUnmuted", "LocalTrackPublished", "LocalTrackUnpublished", "ActiveSpeakersChanged", "ParticipantNameChanged",
      "AudioPlaybackStatusChanged", "VideoPlaybackStatusChanged", "Reconnected",
    ];
    for (const event of changes) room.on(RoomEvent[event], () => this.#tell("change"));
    room.on(RoomEvent.ParticipantConnected, (person) => this.#tell("said", `${person.name || "Someone"} joined`));
    room.on(RoomEvent.ParticipantDisconnected, (person) => this.#tell("said", `${person.name || "Someone"} left`));
    room.on(RoomEvent.TrackMuted, (publication, person) => this.#muted(publication, person, true));
    room.on(RoomEvent.TrackUnmuted, (publication, person) => this.#muted(publication, person, false));
    room.on(RoomEvent.Reconnecting, () => this.#tell("away"));
    room.on(RoomEvent.SignalReconnecting, () => this.#tell("away"));
    room.on(RoomEvent.Reconnected, () => this.#tell("back"));
    room.on(RoomEvent.Disconnected, (reason) => this.#over(room, reason));
    room.on(RoomEvent.MediaDevicesError, (error, kind) => {
      this.#tell("trouble", forDevice(kind === "videoinput" ? "camera" : "microphone", error, true));
    });
  }

  /** The server, or a device that was unplugged, may mute the guest too: the buttons must say so. */
  #muted({ source }, person, muted) {
    if (person.isLocal) this.#captures[source]?.remember(!muted);
  }

  #over(room, reason) {
    if (this.room !== room) return;
    this.room = null;
    this.#tell("end", reason);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
