// Joins a LiveKit server with the SDK's defaults, but for the Room options it is given, and publishes camera and microphone. Everybody else's tracks become
// elements of #others: data-person says whose, data-source what ("camera", "microphone"). #state tells how it goes.
"use strict";

const { Room, RoomEvent } = window.LivekitClient;

function say(words) {
  document.querySelector("#state").textContent = words;
}

function show(track, publication, person) {
  const element = track.attach();
  Object.assign(element.dataset, { person: person.identity, source: publication.source });
  document.querySelector("#others").append(element);
}

function hide(track) {
  for (const element of track.detach()) element.remove();
}

window.join = async (url, token, options) => {
  const room = new Room(options);
  window.room = room;
  room
    .on(RoomEvent.TrackSubscribed, show)
    .on(RoomEvent.TrackUnsubscribed, hide)
    .on(RoomEvent.Disconnected, () => {
      document.querySelector("#others").replaceChildren();
      say("left");
    });
  try {
    await room.connect(url, token);
    await room.localParticipant.enableCameraAndMicrophone();
    say("joined");
  } catch (error) {
    say(`failed: ${error.message}`);
    throw error;
  }
};

window.leave = () => window.room.disconnect();
