/* One person's picture (or shared screen) on the stage. Names are strangers' words: they only ever become text. */

const WIDE = 16 / 9;
const COLOURS = 6;
const LEAST_VISIBLE = 0.55;

/** An icon of the page's own sprite. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

function make(tag, className, testId) {
  const element = document.createElement(tag);
  element.className = className;
  if (testId) element.dataset.testid = testId;
  return element;
}

export class Tile {
  #track = null;
  #shape = WIDE;

  /** `changed` is called when the picture's shape changed, `pick` when the guest wants the tile large or small again. */
  constructor({ identity, source, local }, { changed, pick }) {
    this.element = make("figure", "tile", "tile");
    Object.assign(this.element.dataset, { identity, source, local: String(local) });
    this.video = make("video", "tile-video", "video");
    Object.assign(this.video, { autoplay: true, playsInline: true, muted: true });
    this.avatar = make("span", "avatar");
    this.avatar.setAttribute("aria-hidden", "true");
    this.avatar.dataset.colour = String(colourOf(identity));
    this.button = make("button", "tile-pick", "tile-pick");
    this.button.type = "button";
    this.button.addEventListener("click", pick);
    this.element.append(this.avatar, this.video, this.#caption(), this.button);
    for (const event of ["loadedmetadata", "resize"]) {
      this.video.addEventListener(event, () => this.#measure() && changed());
    }
    this.video.addEventListener("loadeddata", () => { this.element.dataset.picture = "true"; });
  }

  #caption() {
    const caption = make("figcaption", "caption");
    this.mark = make("span", "muted-mark", "muted");
    this.mark.append(icon("mic-off"));
    this.mark.setAttribute("role", "img");
    this.mark.setAttribute("aria-label", "microphone off");
    this.name = make("bdi", "name", "tile-name");
    caption.append(this.mark, this.name);
    return caption;
  }

  get aspect() {
    return this.#track ? this.#shape : WIDE;
  }

  /** Show what `model` says: `{name, words, track, muted, speaking, mirrored, pickable, large}`. */
  update(model) {
    const { dataset } = this.element;
    dataset.speaking = String(model.speaking);
    dataset.muted = String(model.muted);
    dataset.mirrored = String(model.mirrored);
    dataset.large = String(model.large);
    this.mark.hidden = !model.muted;
    this.name.textContent = model.words;
    this.name.title = model.words;
    this.avatar.textContent = initials(model.name);
    this.button.hidden = !model.pickable;
    this.button.setAttribute("aria-label", model.large ? `Show ${model.words} among the others` : `Show ${model.words} large`);
    this.#show(model.track);
  }

  #show(track) {
    if (track === this.#track) return;
    this.#track?.detach(this.video);
    this.#track = track;
    this.element.dataset.picture = "false";
    this.#shape = WIDE;
    track?.attach(this.video);
  }

  /** Put the tile at its place; cut a picture to fill it unless too much of it would be lost. */
  place({ x, y, w, h, over = false }) {
    const shape = w / h;
    const visible = Math.min(shape / this.aspect, this.aspect / shape);
    const whole = this.element.dataset.source === "screen" || visible < LEAST_VISIBLE;
    this.element.dataset.fit = whole ? "contain" : "cover";
    this.element.dataset.small = String(over);
    Object.assign(this.element.style, { zIndex: over ? "1" : "0", width: `${w}px`, height: `${h}px`, transform: `translate(${x}px, ${y}px)` });
  }

  remove() {
    this.#track?.detach(this.video);
    this.element.remove();
  }

  #measure() {
    const { videoWidth, videoHeight } = this.video;
    const shape = videoWidth && videoHeight ? videoWidth / videoHeight : WIDE;
    const changed = Math.abs(shape - this.#shape) > 0.02;
    this.#shape = shape;
    return changed;
  }
}

/** At most two letters to stand for a person without a picture. */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words.slice(0, 1);
  return chosen.map((word) => /[\p{L}\p{N}]/u.exec(word)[0].toLocaleUpperCase()).join("");
}

function colourOf(identity) {
  let sum = 0;
  for (const character of identity) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return sum % COLOURS;
}
