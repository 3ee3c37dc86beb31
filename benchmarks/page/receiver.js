// Joins with LiveKit's SDK and puts everybody's camera into a grid, which is shown or hidden; says what was decoded.
"use strict";

const { Room, RoomEvent } = window.LivekitClient;
const tiles = document.querySelector("#tiles");
const tracks = new Map();
let decodedNow = new Map();
window.seen = [];

window.join = async (url, token, look) => {
  tiles.className = look;
  window.room = new Room({ adaptiveStream: false, dynacast: false });
  window.room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
    const element = track.attach();
    if (track.kind !== "video") return;
    tracks.set(track.sid, { track, element });
    tiles.append(tile(element, participant.name));
    tiles.style.gridTemplateColumns = `repeat(${Math.ceil(Math.sqrt(tracks.size))}, 1fr)`;
    tiles.style.gridTemplateRows = `repeat(${Math.ceil(tracks.size / Math.ceil(Math.sqrt(tracks.size)))}, 1fr)`;
  });
  await window.room.connect(url, token);
  count();
};

function tile(element, name) {
  const [box, label] = [document.createElement("div"), document.createElement("div")];
  [box.className, label.className, label.textContent] = ["tile", "name", name];
  box.append(element, label);
  return box;
}

/** How many pictures of everybody were decoded so far, and how many reached the screen. */
window.pictures = async () => {
  await count();
  const all = [...tracks.values()].map(({ element }) => element.getVideoPlaybackQuality());
  return [
    [...decodedNow.values()].reduce((sum, frames) => sum + frames, 0),
    all.reduce((sum, quality) => sum + quality.totalVideoFrames - quality.droppedVideoFrames, 0),
  ];
};

/** How many people's pictures are being decoded. */
window.decoding = () => {
  count();
  return [...decodedNow.values()].filter((frames) => frames > 0).length;
};

/** Note every new picture of the first tile: when it is on the screen, and its stamp. */
window.watch = () => {
  const { element } = tracks.values().next().value;
  const onFrame = (now, metadata) => {
    const mark = window.probe.mark(element);
    if (mark && window.seen.at(-1)?.[1] !== mark.count) {
      window.seen.push([performance.timeOrigin + metadata.expectedDisplayTime, mark.count]);
    }
    element.requestVideoFrameCallback(onFrame);
  };
  element.requestVideoFrameCallback(onFrame);
};

async function count() {
  const found = new Map();
  for (const [sid, { track }] of tracks) {
    const report = await track.getRTCStatsReport();
    for (const stats of report?.values() ?? []) if (stats.type === "inbound-rtp") found.set(sid, stats.framesDecoded);
  }
  decodedNow = found;
}

/** Send the camera: {width, height, fps, kbps, codec, keepsSize}. */
window.publish = ({ width, height, fps, kbps, codec, keepsSize }) =>
  window.room.localParticipant.setCameraEnabled(
    true,
    { resolution: { width, height, frameRate: fps } },
    {
      videoCodec: codec.toLowerCase(),
      simulcast: false,
      videoEncoding: { maxBitrate: kbps * 1000, maxFramerate: fps },
      ...(keepsSize ? { degradationPreference: "maintain-resolution" } : {}),
    },
  );
