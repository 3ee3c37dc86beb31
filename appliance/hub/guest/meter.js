/* The level of the guest's own microphone as a row of bars, to see before joining that one will be heard. */

const FLOOR_DB = -60;
const CEILING_DB = -12;

export class Meter {
  #bars;
  #context = null;
  #frame = 0;

  constructor(element) {
    this.element = element;
    this.#bars = [...element.children];
  }

  /** Follow this LiveKit audio track; null: rest. */
  follow(track) {
    this.#stop();
    this.element.hidden = !track;
    if (!track) return;
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    this.#context.createMediaStreamSource(new MediaStream([track.mediaStreamTrack])).connect(analyser);
    this.#draw(analyser, new Float32Array(analyser.fftSize), 0);
  }

  #draw(analyser, samples, last) {
    analyser.getFloatTimeDomainData(samples);
    const level = Math.max(loudness(samples), last - 0.02);
    this.element.dataset.level = level.toFixed(2);
    this.#bars.forEach((bar, index) => { bar.dataset.lit = String(level > (index + 0.5) / this.#bars.length); });
    this.#frame = requestAnimationFrame(() => this.#draw(analyser, samples, level));
  }

  #stop() {
    cancelAnimationFrame(this.#frame);
    this.#context?.close();
    this.#context = null;
    this.element.dataset.level = "0";
  }
}

/** 0 for silence to 1 for a loud voice, as ears count. */
function loudness(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(power + 1e-9);
  return Math.min(1, Math.max(0, (decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}
