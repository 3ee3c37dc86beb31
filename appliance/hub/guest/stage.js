/* The stage shows what the LiveKit room is at this moment: after every event it is compared and corrected as a whole. */

import { facesAway } from "./capture.js";
import { arrange } from "./layout.js";
import { Tile } from "./tile.js";

export class Stage {
  #box;
  #sounds;
  #tiles = new Map();
  #playing = new Map();
  #room = null;
  #large = null;
  #asked = false;

  /** `box` gets the tiles, `sounds` the audio elements of everybody else. */
  constructor(box, sounds) {
    this.#box = box;
    this.#sounds = sounds;
    new ResizeObserver(() => this.#arrange()).observe(box);
  }

  /** Show this room from now on; null: nothing. */
  show(room) {
    this.#room = room;
    this.#large = null;
    this.#draw();
  }

  /** Something in the room changed; many changes in one go are one correction. */
  refresh() {
    if (this.#asked) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #draw() {
    const models = this.#room ? modelsOf(this.#room) : [];
    if (!models.some((model) => model.key === this.#large)) this.#large = null;
    const focus = this.#focus(models);
    this.#drop(models);
    models.forEach((model, index) => {
      const tile = this.#tiles.get(model.key) ?? this.#add(model);
      tile.update({ ...model, large: index === focus, pickable: models.length > 1 });
      if (this.#box.children[index] !== tile.element) this.#box.insertBefore(tile.element, this.#box.children[index] ?? null);
    });
    this.#arrange();
    this.#hear();
  }

  #focus(models) {
    const wanted = this.#large ?? models.find((model) => model.source === "screen")?.key;
    const index = models.findIndex((model) => model.key === wanted);
    return index < 0 ? null : index;
  }

  #add(model) {
    const tile = new Tile(model, { changed: () => this.#arrange(), pick: () => this.#pick(model.key) });
    this.#tiles.set(model.key, tile);
    return tile;
  }

  #pick(key) {
    const shown = this.#tiles.get(key).element.dataset.large === "true";
    this.#large = shown ? null : key;
    this.#draw();
  }

  #drop(models) {
    const wanted = new Set(models.map((model) => model.key));
    for (const [key, tile] of this.#tiles) {
      if (wanted.has(key)) continue;
      tile.remove();
      this.#tiles.delete(key);
    }
  }

  #arrange() {
    const elements = [...this.#box.children];
    const tiles = elements.map((element) => this.#tiles.get(keyOf(element.dataset.identity, element.dataset.source)));
    const large = elements.findIndex((element) => element.dataset.large === "true");
    const { clientWidth, clientHeight } = this.#box;
    const places = arrange(tiles.map((tile) => tile.aspect), clientWidth, clientHeight, large < 0 ? null : large);
    places.forEach((place, index) => tiles[index].place(place));
  }

  /** Everybody's sound plays from one hidden place, whether or not their tile is visible. */
  #hear() {
    const wanted = new Map(this.#room ? soundsOf(this.#room) : []);
    for (const [sid, { track, element }] of this.#playing) {
      if (wanted.get(sid) === track) continue;
      track.detach(element);
      element.remove();
      this.#playing.delete(sid);
    }
    for (const [sid, track] of wanted) {
      if (this.#playing.has(sid)) continue;
      const element = track.attach();
      this.#sounds.append(element);
      this.#playing.set(sid, { track, element });
    }
  }
}

function keyOf(identity, source) {
  return `${source}/${identity}`;
}

/** Shared screens first, then the others in the order they came, the guest last. */
function modelsOf(room) {
  const others = [...room.remoteParticipants.values()].sort((a, b) => (a.joinedAt ?? 0) - (b.joinedAt ?? 0));
  const everyone = [...others, room.localParticipant];
  const screens = everyone.filter((person) => pictureOf(person, "screen_share")).map((person) => modelOf(person, "screen"));
  return [...screens, ...everyone.map((person) => modelOf(person, "camera"))];
}

function modelOf(person, source) {
  const screen = source === "screen";
  const name = (person.name || person.identity).trim() || "Guest";
  const whose = person.isLocal ? `${name} (you)` : name;
  return {
    key: keyOf(person.identity, source),
    identity: person.identity,
    source,
    local: person.isLocal,
    name,
    words: screen ? `${whose}: screen` : whose,
    track: pictureOf(person, screen ? "screen_share" : "camera"),
    muted: !screen && !person.isMicrophoneEnabled,
    speaking: !screen && person.isSpeaking && person.isMicrophoneEnabled,
    mirrored: !screen && person.isLocal && !facesAway(pictureOf(person, "camera")),
  };
}

function pictureOf(person, source) {
  const publication = person.getTrackPublication(source);
  return publication && !publication.isMuted ? publication.videoTrack ?? null : null;
}

function soundsOf(room) {
  return [...room.remoteParticipants.values()]
    .flatMap((person) => [...person.audioTrackPublications.values()])
    .filter((publication) => publication.audioTrack)
    .map((publication) => [publication.trackSid, publication.audioTrack]);
}
