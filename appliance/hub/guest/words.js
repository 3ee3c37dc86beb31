/* Everything the page says when something is not as it should be: one cause, one sentence, one remedy. */

export const NO_LINK = {
  title: "Please open the whole link",
  words: "The link to a meeting ends with a # and 22 letters and digits. Copy all of it from your invitation and open it again.",
};

export const LINK_REFUSED = {
  title: "This link does not open a meeting now",
  words: "The meeting is over, or the link was not copied completely. Please ask whoever invited you for a new one.",
};

/** Why the hub gave no token, for the line above the Join button. */
export function forRefusal(refusal) {
  if (refusal.message) return refusal.message;
  if (refusal.status === 429) return "Too many tries from here just now. Please wait a minute, then try again.";
  if (refusal.status === 0) return "The meeting can't be reached. Check that you are on the room's network, then try again.";
  return "The meeting server has a problem just now. Please try again in a moment.";
}

/** Why the connection did not come up, although the link is good. */
export function forConnection(error) {
  if (error.status === 503) return "The meeting is full. Please try again when someone has left.";
  if (error.status === 507) return "The meeting server holds no more meetings now. Please try again when another one is over.";
  return "The link is good, but the call can't be connected. Check that you are on the room's network, then try again.";
}

/** Why there is no camera, microphone or (kind "both") neither, and what would bring it; `inCall`: joining is past. */
export function forDevice(kind, error, inCall = false) {
  if (!window.isSecureContext) {
    return "To be seen and heard, open the link that begins with https:// and accept the room's own certificate when the "
      + "browser warns about it (Advanced, then Continue). You can also join here just to watch and listen.";
  }
  const both = kind === "both";
  const device = both ? "camera and microphone" : kind;
  const them = both ? "them" : "it";
  const otherwise = inCall ? "" : `, or join without ${them}`;
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return `Your browser blocks the ${device}. Allow ${them} with the icon beside the address${otherwise}.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${both ? "camera and no microphone were" : `${kind} was`} found. Connect ${both ? "them" : "one"}${otherwise}.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${device} ${both ? "are" : "is"} busy, perhaps in another program. Close that and switch ${them} on here${otherwise}.`;
    default:
      return `The ${device} did not start. Switch ${them} on again${otherwise}.`;
  }
}

/** The last screen after a call, by the reason LiveKit gives for the end. */
export function forEnd(reason) {
  const { DisconnectReason } = window.LivekitClient;
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return { title: "You left the meeting", words: "Camera and microphone are off." };
    case DisconnectReason.DUPLICATE_IDENTITY:
      return { title: "You are in the meeting somewhere else", words: "You joined again in another tab or on another device." };
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { title: "You were taken out of the meeting", words: "Someone in the meeting ended the call for you." };
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return { title: "The meeting is over", words: "Camera and microphone are off." };
    case DisconnectReason.SERVER_SHUTDOWN:
      return { title: "The meeting server was stopped", words: "Join again in a moment. Camera and microphone are off." };
    default:
      return { title: "The connection was lost", words: "Check your network, then join again. Camera and microphone are off." };
  }
}

export function people(count) {
  return count === 1 ? "1 person" : `${count} people`;
}
