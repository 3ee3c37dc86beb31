/* Where each tile goes on the stage: pure geometry in CSS pixels. */

const WIDE = 16 / 9;
const SHAPES = [WIDE, 4 / 3, 1, 3 / 4];
const NARROWEST = 0.8;
const GAP = 10;
const SMALLEST = 84;

/**
 * Place tiles of the given picture shapes (width / height) as large as fits, losing as little of each picture as possible.
 * `focus` is the index of the one to show large, or null. Returns `{x, y, w, h}` in the given order.
 */
export function arrange(aspects, width, height, focus = null) {
  if (aspects.length === 0 || width <= 0 || height <= 0) return [];
  if (focus === null || aspects.length === 1) return best(aspects, width, height);
  return focused(aspects, width, height, focus);
}

function best(aspects, width, height) {
  let found = column(aspects, width, height);
  for (const shape of SHAPES) {
    for (let columns = 1; columns <= aspects.length; columns += 1) {
      const candidate = grid(aspects, width, height, columns, shape);
      if (candidate && (!found || candidate.score > found.score + 1)) found = candidate;
    }
  }
  return found.tiles;
}

/** How good a tile is: its area, less where the picture must be cut to fill it. */
function worth(tile, aspect) {
  const shape = tile.w / tile.h;
  return tile.w * tile.h * Math.sqrt(Math.min(shape / aspect, aspect / shape));
}

function grid(aspects, width, height, columns, shape) {
  const count = aspects.length;
  const rows = Math.ceil(count / columns);
  if (rows > 1 && columns * rows - count >= columns) return null;
  const byWidth = (width - GAP * (columns - 1)) / columns;
  const byHeight = ((height - GAP * (rows - 1)) / rows) * shape;
  const w = Math.floor(Math.max(SMALLEST, Math.min(byWidth, byHeight)));
  const h = Math.floor(w / shape);
  const top = Math.max(0, (height - rows * (h + GAP) + GAP) / 2);
  const tiles = aspects.map((_, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = (width - inRow * (w + GAP) + GAP) / 2;
    return { x: Math.round(left + (index - row * columns) * (w + GAP)), y: Math.round(top + row * (h + GAP)), w, h };
  });
  return { tiles, score: score(tiles, aspects) };
}

/** One under the other, each in the shape of its own picture: a wide room over an upright phone. */
function column(aspects, width, height) {
  const heights = aspects.map((aspect) => width / Math.min(WIDE, Math.max(NARROWEST, aspect)));
  const free = height - GAP * (aspects.length - 1);
  const wanted = heights.reduce((sum, one) => sum + one, 0);
  const scale = Math.min(1, free / wanted);
  if (aspects.length > 3 || scale < 0.85) return null;
  let y = (free - wanted * scale) / 2;
  const tiles = heights.map((one) => {
    const tile = { x: 0, y: Math.round(y), w: Math.floor(width), h: Math.floor(one * scale) };
    y += one * scale + GAP;
    return tile;
  });
  return { tiles, score: score(tiles, aspects) };
}

function score(tiles, aspects) {
  return tiles.reduce((sum, tile, index) => sum + worth(tile, aspects[index]), 0);
}

/** One tile large, the others in a strip beside it (wide stage) or below it (upright stage). */
function focused(aspects, width, height, focus) {
  const others = aspects.length - 1;
  const beside = width > height;
  const strip = beside ? stripSize(height, others, 1 / WIDE, width / 4) : stripSize(width, others, WIDE, height / 5);
  const main = beside ? { w: width - strip.depth - GAP, h: height } : { w: width, h: height - strip.depth - GAP };
  const large = fit(aspects[focus], main.w, main.h);
  let place = 0;
  return aspects.map((_, index) => {
    if (index === focus) return large;
    const along = Math.round(strip.start + place * (strip.length + GAP));
    place += 1;
    return beside
      ? { x: Math.round(width - strip.depth), y: along, w: Math.floor(strip.depth), h: Math.floor(strip.length) }
      : { x: along, y: Math.round(height - strip.depth), w: Math.floor(strip.length), h: Math.floor(strip.depth) };
  });
}

/** Tiles of `count` along a strip of `room` pixels; `shape` is a tile's length over its depth. */
function stripSize(room, count, shape, deepest) {
  const longest = (room - GAP * (count - 1)) / count;
  const length = Math.max(SMALLEST * Math.min(1, shape), Math.min(longest, deepest * shape));
  const depth = Math.min(deepest, Math.max(SMALLEST, length / shape));
  return { length, depth, start: Math.max(0, (room - count * (length + GAP) + GAP) / 2) };
}

function fit(aspect, width, height) {
  const shape = Math.min(Math.max(aspect, 9 / 16), 21 / 9);
  const w = Math.min(width, height * shape);
  const h = w / shape;
  return { x: Math.round((width - w) / 2), y: Math.round((height - h) / 2), w: Math.floor(w), h: Math.floor(h) };
}
