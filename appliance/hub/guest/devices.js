/* The menus of cameras, microphones and speakers, in the lobby and during the call. */

const CAN_CHOOSE_SPEAKER = "setSinkId" in HTMLMediaElement.prototype;
const NAMES = { videoinput: "Camera", audioinput: "Microphone", audiooutput: "Speaker" };
const REMEMBERED = "salon.devices";

/** Keep the menus in `box` current; `choose(kind, deviceId)` is called when the guest picks one. */
export class DeviceMenus {
  #menus;
  #chosen;

  constructor(box, { chosen, choose }) {
    this.#menus = [...box.querySelectorAll("select[data-kind]")];
    this.#chosen = chosen;
    for (const menu of this.#menus) {
      menu.addEventListener("change", () => {
        remember(menu.dataset.kind, menu.value);
        choose(menu.dataset.kind, menu.value);
      });
    }
    navigator.mediaDevices?.addEventListener("devicechange", () => this.refresh());
    this.refresh();
  }

  async refresh() {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    for (const menu of this.#menus) this.#fill(menu, devices.filter((device) => device.kind === menu.dataset.kind));
  }

  #fill(menu, devices) {
    const { kind } = menu.dataset;
    menu.closest("label").hidden = kind === "audiooutput" && (!CAN_CHOOSE_SPEAKER || devices.length === 0);
    menu.disabled = devices.length === 0 || devices.every((device) => !device.deviceId);
    menu.replaceChildren(...devices.map((device, index) => choice(device, index)));
    if (devices.length === 0) menu.append(new Option(`No ${NAMES[kind].toLowerCase()} found`));
    const wanted = this.#chosen(kind);
    if (devices.some((device) => device.deviceId === wanted)) menu.value = wanted;
  }
}

function choice(device, index) {
  const option = new Option("", device.deviceId);
  option.textContent = device.label || `${NAMES[device.kind]} ${index + 1}`;
  return option;
}

/** The device the guest chose last time, or "". */
export function rememberedDevice(kind) {
  return stored()[kind] ?? "";
}

function remember(kind, deviceId) {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify({ ...stored(), [kind]: deviceId }));
  } catch {
    // A browser without storage asks again next time.
  }
}

function stored() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
  } catch {
    return {};
  }
}
