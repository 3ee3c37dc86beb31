/* The guest's own camera and microphone before the call: opened for the preview, handed over to the call on joining. */

const MAKE = {
  camera: (options) => window.LivekitClient.createLocalVideoTrack(options),
  microphone: (options) => window.LivekitClient.createLocalAudioTrack(options),
};

/** One device. Fires "change" whenever `on`, `track` or `problem` (the error that kept it from opening) changed. */
export class Capture extends EventTarget {
  on = false;
  track = null;
  problem = null;
  #opening = 0;

  constructor(kind, deviceId) {
    super();
    this.kind = kind;
    this.deviceId = deviceId;
  }

  get options() {
    return this.deviceId ? { deviceId: this.deviceId } : {};
  }

  async turnOn() {
    const opening = ++this.#opening;
    this.#become({ on: true, problem: null });
    try {
      const track = await MAKE[this.kind](this.options);
      if (opening === this.#opening) this.adopt(track);
      else track.stop();
    } catch (error) {
      if (opening === this.#opening) this.fail(error);
    }
  }

  turnOff() {
    this.#opening += 1;
    this.track?.stop();
    this.#become({ on: false, track: null, problem: null });
  }

  adopt(track) {
    this.track?.stop();
    this.#become({ on: true, track, problem: null });
  }

  fail(error) {
    this.#become({ on: false, track: null, problem: error });
  }

  /** Use another device from now on; the preview follows. */
  async choose(deviceId) {
    this.deviceId = deviceId;
    if (!this.on) return;
    this.track?.stop();
    this.track = null;
    await this.turnOn();
  }

  /** Give the open track away: from now on the call stops and starts it. */
  handOver() {
    const track = this.track;
    this.#opening += 1;
    this.track = null;
    this.#become({});
    return track;
  }

  remember(on) {
    this.#become({ on, problem: null });
  }

  #become(values) {
    Object.assign(this, values);
    this.dispatchEvent(new Event("change"));
  }
}

/** Open both with one question to the guest; what one lacks does not cost the other. */
export async function openBoth(camera, microphone) {
  if (!navigator.mediaDevices) {
    const error = new DOMException("no devices on this page", "NotSupportedError");
    camera.fail(error);
    microphone.fail(error);
    return;
  }
  try {
    const tracks = await window.LivekitClient.createLocalTracks({ video: camera.options, audio: microphone.options });
    for (const track of tracks) (track.kind === "video" ? camera : microphone).adopt(track);
  } catch (error) {
    await Promise.all([camera, microphone].map((capture) => openAlone(capture, error)));
  }
}

async function openAlone(capture, error) {
  const blocked = error.name === "NotAllowedError" && !(await isGranted(capture.kind));
  if (blocked) capture.fail(error);
  else await capture.turnOn();
}

async function isGranted(kind) {
  try {
    return (await navigator.permissions.query({ name: kind })).state === "granted";
  } catch {
    return false; // This browser does not tell; asking again would only show the question twice.
  }
}
