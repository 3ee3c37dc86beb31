/* The lobby: who the guest is, what the others will see and hear, and the Join button. */

import { Capture, facesAway, openBoth } from "./capture.js";
import { DeviceMenus, rememberedDevice } from "./devices.js";
import { Meter } from "./meter.js";
import { icon } from "./tile.js";
import { forDevice } from "./words.js";

const NAME = "salon.name";
export const MICROPHONE = ["Mute microphone", "Unmute microphone"];
export const CAMERA = ["Stop camera", "Start camera"];
const $ = (id) => document.getElementById(id);

export class Lobby {
  /** `join(name)` is called when the guest asks to join. */
  constructor({ join }) {
    this.camera = new Capture("camera", rememberedDevice("videoinput"));
    this.microphone = new Capture("microphone", rememberedDevice("audioinput"));
    this.speaker = rememberedDevice("audiooutput");
    this.meter = new Meter($("meter"));
    this.menus = new DeviceMenus($("devices-lobby"), {
      chosen: (kind) => this.chosen(kind),
      choose: (kind, deviceId) => this.choose(kind, deviceId),
    });
    $("name").value = rememberedName();
    $("join-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(join);
    });
    $("name").addEventListener("input", () => this.warn(""));
    for (const [capture, button] of [[this.camera, "lobby-camera"], [this.microphone, "lobby-mic"]]) {
      $(button).addEventListener("click", () => (capture.on ? capture.turnOff() : capture.turnOn()));
      capture.addEventListener("change", () => this.#draw());
    }
    this.#draw();
  }

  /** Ask for camera and microphone and show them. */
  async open() {
    if (!$("name").value) $("name").focus({ preventScroll: true });
    await openBoth(this.camera, this.microphone);
    await this.menus.refresh();
  }

  /** Let go of camera and microphone. */
  close() {
    this.camera.turnOff();
    this.microphone.turnOff();
  }

  set title(title) {
    $("lobby-title").textContent = title;
  }

  set busy(busy) {
    $("join").disabled = busy;
    $("join").textContent = busy ? "Joining…" : "Join";
  }

  warn(sentence) {
    $("join-error").textContent = sentence;
    $("join-error").hidden = !sentence;
    $("name").removeAttribute("aria-invalid");
  }

  chosen(kind) {
    const devices = { videoinput: this.camera.deviceId, audioinput: this.microphone.deviceId, audiooutput: this.speaker };
    return devices[kind];
  }

  choose(kind, deviceId) {
    if (kind === "audiooutput") this.speaker = deviceId;
    else (kind === "videoinput" ? this.camera : this.microphone).choose(deviceId);
  }

  #submit(join) {
    const name = $("name").value.trim();
    if (name) {
      rememberName(name);
      this.warn("");
      join(name);
      return;
    }
    this.warn("Please say who you are: the others see this name.");
    $("name").setAttribute("aria-invalid", "true");
    $("name").focus();
  }

  #draw() {
    this.#drawPicture();
    this.meter.follow(this.microphone.track);
    drawSwitch($("lobby-mic"), "mic", this.microphone.on, MICROPHONE);
    drawSwitch($("lobby-camera"), "camera", this.camera.on, CAMERA);
    $("notice").textContent = this.#problems().join(" ");
    $("notice").hidden = !$("notice").textContent;
  }

  #problems() {
    const failed = [this.camera, this.microphone].filter((capture) => capture.problem);
    const same = failed.length === 2 && failed[0].problem.name === failed[1].problem.name;
    if (same) return [forDevice("both", failed[0].problem)];
    return failed.map((capture) => forDevice(capture.kind, capture.problem));
  }

  #drawPicture() {
    const video = $("preview-video");
    const { track, on, problem } = this.camera;
    if (track && !track.attachedElements.includes(video)) track.attach(video);
    if (!track) video.srcObject = null;
    video.hidden = !track;
    video.dataset.mirrored = String(!facesAway(track));
    $("preview-words").textContent = track ? "" : problem ? "No camera" : on ? "Starting your camera…" : "Your camera is off";
  }
}

/** Draw a switch: the icon shows how it is, the label (and the word in it, where there is room) what pressing does. */
export function drawSwitch(button, name, on, labels, words = null) {
  if (button.dataset.on === String(on)) return;
  const which = on ? 0 : 1;
  button.dataset.on = String(on);
  button.setAttribute("aria-label", labels[which]);
  button.title = labels[which];
  button.replaceChildren(icon(on ? name : `${name}-off`));
  if (words) button.append(Object.assign(document.createElement("span"), { textContent: words[which] }));
}

function rememberedName() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function rememberName(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // A browser without storage asks again next time.
  }
}
