/* Where each tile goes on the stage: pure geometry in CSS pixels. */

const WIDE = 16 / 9;
const SHAPES = [WIDE, 4 / 3, 1, 3 / 4];
const NARROWEST = 0.8;
const GAP = 10;
const SMALLEST = 56;

/**
 * Place tiles of the given picture shapes (width / height) as large as fits, losing as little of each picture as possible.
 * `focus` is the index of the one to show large, or null. Returns `{x, y, w, h, over}` in the given order;
 * `over` is true for a tile that lies over another.
 */
export function arrange(aspects, width, height, focus = null) {
  if (aspects.length === 0 || width <= 0 || height <= 0) return [];
  if (aspects.length === 2 && width > height) return inset(aspects, width, height, focus ?? 0);
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

/** How good a tile is: its area, and much less when over a quarter of the picture must be cut away to fill it. */
function worth(tile, aspect) {
  const shape = tile.w / tile.h;
  const visible = Math.min(shape / aspect, aspect / shape);
  return tile.w * tile.h * (visible > 0.74 ? 1 : visible ** 2);
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
  const spare = Math.min(1, width / (columns * (w + GAP) - GAP)) * Math.min(1, height / (rows * (h + GAP) - GAP));
  return { tiles, score: score(tiles, aspects) * spare ** 3 };
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

/** Two on a wide stage: the other one as large as fits, the guest in the corner of that or beside it. */
function inset(aspects, width, height, focus) {
  const large = fit(aspects[focus], width, height);
  const w = Math.floor(Math.min(280, Math.max(SMALLEST, width * 0.2)));
  const h = Math.floor(w / Math.min(WIDE, Math.max(NARROWEST, aspects[1 - focus])));
  const right = large.x + large.w;
  const beside = width - right >= w + GAP;
  const x = Math.floor(beside ? width - w : right - w - 1.6 * GAP);
  const corner = { x, y: Math.floor(large.y + large.h - h - (beside ? 0 : 1.6 * GAP)), w, h, over: true };
  return focus === 0 ? [large, corner] : [corner, large];
}

/** One tile large, the others in a gallery beside it (wide stage) or below it (upright stage). */
function focused(aspects, width, height, focus) {
  const others = aspects.filter((_, index) => index !== focus);
  const [large, rest] = (width > height ? beside : below)(aspects[focus], others, width, height);
  return [...rest.slice(0, focus), large, ...rest.slice(focus)];
}

function beside(aspect, others, width, height) {
  const rest = best(others, width / 4, height);
  const first = Math.min(...rest.map((tile) => tile.x));
  const used = Math.max(...rest.map((tile) => tile.x + tile.w)) - first;
  const aside = Math.floor(width - used) - first;
  return [fit(aspect, width - used - GAP, height), rest.map((tile) => ({ ...tile, x: tile.x + aside }))];
}

function below(aspect, others, width, height) {
  const large = fit(aspect, width, height * 0.62);
  const rest = best(others, width, height - large.h - GAP);
  const first = Math.min(...rest.map((tile) => tile.y));
  const used = Math.max(...rest.map((tile) => tile.y + tile.h)) - first;
  const top = Math.max(0, Math.floor((height - large.h - GAP - used) / 2));
  return [{ ...large, y: top }, rest.map((tile) => ({ ...tile, y: tile.y - first + top + large.h + GAP }))];
}

function fit(aspect, width, height) {
  const shape = Math.min(Math.max(aspect, 9 / 16), 21 / 9);
  const w = Math.min(width, height * shape);
  const h = w / shape;
  return { x: Math.round((width - w) / 2), y: Math.round((height - h) / 2), w: Math.floor(w), h: Math.floor(h) };
}
