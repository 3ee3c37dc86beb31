// Tries the guest page's layout with many stages and people; returns every case where a tile is off the stage or lies on another.
async () => {
  const { arrange } = await import(new URL("layout.js", location.href));
  const shapes = [16 / 9, 4 / 3, 9 / 16];
  const stages = [[370, 690], [300, 420], [1420, 756], [758, 340], [800, 1020]];
  const counts = Array.from({ length: 9 }, (_, index) => index + 1);
  const cases = stages.flatMap((stage) => counts.flatMap((count) => [null, 0, count - 1].map((focus) => ({ stage, count, focus }))));
  const fits = ({ x, y, w, h }, [width, height]) => x >= 0 && y >= 0 && w > 40 && h > 40 && x + w <= width + 1 && y + h <= height + 1;
  const meet = (a, b) => !a.over && !b.over && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  return cases.filter(({ stage, count, focus }) => {
    const tiles = arrange(Array.from({ length: count }, (_, index) => shapes[index % 3]), ...stage, focus);
    const apart = tiles.every((one, index) => tiles.slice(index + 1).every((other) => !meet(one, other)));
    return tiles.length !== count || !apart || !tiles.every((tile) => fits(tile, stage));
  });
}
