/* The guest page's root: it names every part and decides which screen is shown. The body's data-state says where we are. */

import { Call } from "./call.js";
import { DeviceMenus } from "./devices.js";
import { exchange, Refused, takeLink } from "./link.js";
import { CAMERA, drawSwitch, Lobby, MICROPHONE } from "./lobby.js";
import { Stage } from "./stage.js";
import { forConnection, forEnd, forRefusal, LINK_REFUSED, NO_LINK, people } from "./words.js";

const TOAST_MS = 7000;
const $ = (id) => document.getElementById(id);

class Page {
  #link;
  #call = new Call();
  #stage = new Stage($("stage"), $("sounds"));
  #lobby = new Lobby({ join: (name) => this.#join(name) });
  #name = "";
  #lock = null;
  #toast = 0;

  async start() {
    this.#wire();
    this.#link = takeLink();
    if (!this.#link) return this.#fail(NO_LINK);
    try {
      this.#titled((await exchange(this.#link, $("name").value || "Guest")).title);
    } catch (refusal) {
      if (refusal.status === 404) return this.#refuse(refusal);
      this.#lobby.warn(forRefusal(refusal));
    }
    this.#show("lobby", "lobby");
    return this.#lobby.open();
  }

  async #join(name) {
    const from = document.body.dataset.state;
    this.#name = name;
    this.#show("joining");
    this.#busy(true);
    try {
      const pass = await exchange(this.#link, name);
      this.#titled(pass.title);
      await this.#call.enter(pass, this.#lobby);
      this.#entered();
    } catch (error) {
      this.#notJoined(error, from);
    } finally {
      this.#busy(false);
    }
  }

  #notJoined(error, from) {
    if (error.status === 404) return this.#refuse(error);
    const sentence = error instanceof Refused ? forRefusal(error) : forConnection(error);
    this.#show(from);
    if (from === "lobby") return this.#lobby.warn(sentence);
    $("rejoin-error").textContent = sentence;
    $("rejoin-error").hidden = false;
    return undefined;
  }

  #entered() {
    this.#show("live", "call");
    this.#stage.show(this.#call.room);
    this.#draw();
    this.#stayAwake();
    $("mic").focus({ preventScroll: true });
  }

  #wire() {
    const call = this.#call;
    call.addEventListener("change", () => this.#draw());
    call.addEventListener("away", () => this.#show("reconnecting"));
    call.addEventListener("back", () => this.#show("live"));
    call.addEventListener("end", ({ detail }) => this.#ended(detail));
    call.addEventListener("said", ({ detail }) => { $("said").textContent = detail; });
    call.addEventListener("trouble", ({ detail }) => this.#say(detail));
    this.#switch($("mic"), this.#lobby.microphone);
    this.#switch($("camera"), this.#lobby.camera);
    $("leave").addEventListener("click", () => call.leave());
    $("hear").addEventListener("click", () => Promise.allSettled([call.room?.startAudio(), call.room?.startVideo()]));
    $("rejoin").addEventListener("click", () => this.#join(this.#name));
    $("retry").addEventListener("click", () => location.reload());
    const menus = new DeviceMenus($("devices-call"), {
      chosen: (kind) => call.room?.getActiveDevice(kind) ?? this.#lobby.chosen(kind),
      choose: (kind, deviceId) => this.#choose(kind, deviceId),
    });
    $("settings").addEventListener("click", () => menus.refresh().then(() => $("devices-call").showModal()));
    window.addEventListener("hashchange", () => location.reload());
    document.addEventListener("visibilitychange", () => this.#call.room && this.#stayAwake());
  }

  #switch(button, capture) {
    button.addEventListener("click", () => this.#call.turn(capture, !capture.on));
    capture.addEventListener("change", () => this.#drawSwitches());
  }

  #choose(kind, deviceId) {
    if (kind === "audiooutput") this.#lobby.speaker = deviceId;
    else (kind === "videoinput" ? this.#lobby.camera : this.#lobby.microphone).deviceId = deviceId;
    return this.#call.choose(kind, deviceId);
  }

  #draw() {
    const { room } = this.#call;
    if (!room) return;
    this.#stage.refresh();
    const count = room.remoteParticipants.size + 1;
    $("count").textContent = people(count);
    document.body.dataset.alone = String(count === 1);
    $("hear").hidden = room.canPlaybackAudio && room.canPlaybackVideo;
    this.#drawSwitches();
  }

  #drawSwitches() {
    const { microphone, camera } = this.#lobby;
    drawSwitch($("mic"), "mic", microphone.on, MICROPHONE, ["Mute", "Unmute"]);
    drawSwitch($("camera"), "camera", camera.on, CAMERA, ["Stop camera", "Start camera"]);
  }

  #ended(reason) {
    this.#stage.show(null);
    $("devices-call").close();
    this.#lock?.release().catch(() => undefined);
    const { title, words } = forEnd(reason);
    $("left-title").textContent = title;
    $("left-words").textContent = words;
    $("rejoin-error").hidden = true;
    this.#show("left", "left");
    $("left-title").focus({ preventScroll: true });
  }

  #refuse(refusal) {
    this.#fail({ title: LINK_REFUSED.title, words: refusal.message || LINK_REFUSED.words });
  }

  #fail({ title, words }) {
    this.#lobby.close();
    $("retry").hidden = !this.#link;
    $("error-title").textContent = title;
    $("error-words").textContent = words;
    this.#show("error", "error");
  }

  #titled(title) {
    const shown = (typeof title === "string" && title.trim()) || "a meeting";
    this.#lobby.title = shown;
    $("call-title").textContent = shown;
    document.title = `${shown} · Salon`;
  }

  #busy(busy) {
    this.#lobby.busy = busy;
    $("rejoin").disabled = busy;
    $("rejoin").textContent = busy ? "Joining…" : "Join again";
  }

  #say(sentence) {
    clearTimeout(this.#toast);
    $("toast").textContent = sentence;
    $("toast").hidden = false;
    this.#toast = setTimeout(() => { $("toast").hidden = true; }, TOAST_MS);
    this.#draw();
  }

  /** A phone must not go to sleep in the middle of a meeting. */
  async #stayAwake() {
    try {
      this.#lock = await navigator.wakeLock?.request("screen");
    } catch {
      // Not allowed now (page hidden, battery low): asked again when the page is visible.
    }
  }

  #show(state, screen = document.body.dataset.screen) {
    Object.assign(document.body.dataset, { state, screen });
    $("reconnecting").textContent = state === "reconnecting" ? "Connection lost. Reconnecting…" : "";
  }
}

await new Page().start();
