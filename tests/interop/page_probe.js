// What the tests ask of a page: is this video alive, whose picture is it, what does this sound like?
// The mark's geometry is that of hardware/camera/mark.py; a test there and here reads the same pictures.
"use strict";

const GRID = { w: 32, h: 18, left: 8, top: 1, bits: 16, grey: 128 };
const [SILENT_DB, AUDIBLE_DB] = [-200, -60];

window.probe = {
  /** The mark in what a video, canvas or image shows now: {source, count}, or null. */
  mark(picture) {
    const width = picture.videoWidth || picture.naturalWidth || picture.width;
    const height = picture.videoHeight || picture.naturalHeight || picture.height;
    if (!width || !height) return null;
    const top = Math.floor((height * GRID.top) / GRID.h);
    const rows = Math.ceil((height * 3) / GRID.h) + 1;
    const canvas = new OffscreenCanvas(width, rows);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, top, width, rows, 0, 0, width, rows);
    const { data } = context.getImageData(0, 0, width, rows);
    const [source, count, check] = [0, 1, 2].map((row) => number(data, { width, height, top, row: GRID.top + row }));
    return ((source * 31 + count * 17 + 0x5a17) & 0xffff) === check ? { source, count } : null;
  },

  /** Watch a video for a while: how many frames came, how many looked new, and every mark seen. */
  async watch(video, seconds) {
    const seen = { frames: 0, changes: 0, marks: [], width: 0, height: 0 };
    let before = null;
    let running = true;
    const onFrame = () => {
      if (!running) return;
      seen.frames += 1;
      const now = thumbnail(video);
      if (before && now.some((value, at) => Math.abs(value - before[at]) > 24)) seen.changes += 1;
      before = now;
      const mark = this.mark(video);
      if (mark) seen.marks.push(mark);
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
    await pause(seconds);
    running = false;
    return { ...seen, width: video.videoWidth, height: video.videoHeight };
  },

  /** Listen to a media element's stream: how loud it got (dB), which pitch (Hz) it had then, and how often. */
  async listen(element, seconds) {
    const context = new AudioContext({ sampleRate: 48000 });
    await context.resume();
    const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0, minDecibels: -120 });
    context.createMediaStreamSource(element.srcObject).connect(analyser);
    const spectrum = new Float32Array(analyser.frequencyBinCount);
    const looks = [];
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await pause(0.03);
      analyser.getFloatFrequencyData(spectrum);
      // the first 8 bins, below 94 Hz, are hum
      const at = spectrum.reduce((best, db, bin) => (bin > 8 && db > spectrum[best] ? bin : best), 8);
      looks.push({ hz: (at * context.sampleRate) / analyser.fftSize, db: spectrum[at] });
    }
    await context.close();
    const db = Math.max(...looks.map((look) => look.db), SILENT_DB);
    const loud = looks.filter((look) => db > AUDIBLE_DB && look.db > db - 12).map((look) => look.hz);
    loud.sort((a, b) => a - b);
    return { db, hz: loud[loud.length >> 1] ?? 0, share: loud.length / looks.length };
  },

  /** What a video shows now, as a PNG data URL. */
  picture(video) {
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    return canvas.toDataURL("image/png");
  },
};

function number(data, { width, height, top, row }) {
  const y0 = Math.floor((height * (row + 0.25)) / GRID.h) - top;
  const y1 = Math.floor((height * (row + 0.75)) / GRID.h) + 1 - top;
  let value = 0;
  for (let column = GRID.left; column < GRID.left + GRID.bits; column += 1) {
    const x0 = Math.floor((width * (column + 0.25)) / GRID.w);
    const x1 = Math.floor((width * (column + 0.75)) / GRID.w) + 1;
    value = (value << 1) | (meanLuma(data, width, { x0, x1, y0, y1 }) > GRID.grey ? 1 : 0);
  }
  return value;
}

function meanLuma(data, width, { x0, x1, y0, y1 }) {
  let sum = 0;
  for (let y = y0; y < y1; y += 1) {
    for (let x = x0; x < x1; x += 1) sum += luma(data, (y * width + x) * 4);
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

function luma(data, at) {
  return 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
}

function thumbnail(video) {
  const [width, height] = [64, 36];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, at) => luma(data, at * 4));
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
