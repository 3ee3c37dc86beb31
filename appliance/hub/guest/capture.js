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
  #attempt = 0;

  constructor(kind, deviceId) {
    super();
    this.kind = kind;
    this.deviceId = deviceId;
  }

  get options() {
    return this.deviceId ? { deviceId: this.deviceId } : {};
  }

  async turnOn() {
    const attempt = this.begin();
    try {
      this.settle(attempt, await MAKE[this.kind](this.options));
    } catch (error) {
      this.fail(attempt, error);
    }
  }

  turnOff() {
    this.#attempt += 1;
    this.track?.stop();
    this.#become({ on: false, track: null, problem: null });
  }

  /** An attempt to open begins. Whatever the guest does meanwhile makes its outcome void: off stays off. */
  begin() {
    this.#attempt += 1;
    this.#become({ on: true, problem: null });
    return this.#attempt;
  }

  settle(attempt, track) {
    if (attempt !== this.#attempt) return track.stop();
    this.track?.stop();
    return this.#become({ on: true, track, problem: null });
  }

  fail(attempt, error) {
    if (attempt === this.#attempt) this.#become({ on: false, track: null, problem: error });
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
    const { track } = this;
    this.#attempt += 1;
    this.#become({ track: null });
    return track;
  }

  /** The call switched the device; keep that for joining again. */
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
  const attempts = new Map([camera, microphone].map((capture) => [capture, capture.begin()]));
  try {
    const tracks = await window.LivekitClient.createLocalTracks({ video: camera.options, audio: microphone.options });
    for (const track of tracks) {
      const capture = track.kind === "video" ? camera : microphone;
      capture.settle(attempts.get(capture), track);
    }
  } catch (error) {
    await Promise.all([...attempts].map(([capture, attempt]) => openAlone(capture, attempt, error)));
  }
}

async function openAlone(capture, attempt, error) {
  const blocked = !navigator.mediaDevices || (error.name === "NotAllowedError" && !(await isGranted(capture.kind)));
  if (blocked) capture.fail(attempt, error);
  else if (capture.on) await capture.turnOn();
}

async function isGranted(kind) {
  try {
    return (await navigator.permissions.query({ name: kind })).state === "granted";
  } catch {
    return false; // This browser does not tell; asking again would only show the question twice.
  }
}

/** Whether a camera looks away from the guest: then its picture is not a mirror. */
export function facesAway(track) {
  return track?.mediaStreamTrack.getSettings().facingMode === "environment";
}
