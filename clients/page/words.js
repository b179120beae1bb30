/** How things are said: states, times, errors. Pure. */

const STATES = {
  unknown: "Looking it up",
  scheduled: "Scheduled",
  blocked: "Waiting for others",
  queued: "Queued",
  running: "Running",
  retrying: "Waiting to try again",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
  expired: "Expired",
};

export const stateInWords = (state) => STATES[state] ?? state;

/** How the line is, in a few words; `now` in ms since 1970. */
export function lineInWords({ state, retryAt }, now) {
  switch (state) {
    case "live":
      return "Live";
    case "connecting":
    case "auth":
      return "Connecting …";
    case "resuming":
      return "Reconnecting …";
    case "offline":
      return `Offline${inSeconds(retryAt, now)}`;
    case "closed":
      return "Disconnected";
    default:
      return "Resting";
  }
}

function inSeconds(retryAt, now) {
  const seconds = Math.ceil((retryAt - now) / 1000);
  return retryAt && seconds > 0 ? ` · next try in ${seconds} s` : " · trying …";
}

export function clockTime(at) {
  return new Date(at).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
}

/** "0.8 s", "12 s", "3 min 20 s", "2 h 5 min". */
export function duration(ms) {
  if (ms < 0) return "0 s";
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function ago(at, now) {
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** What an error says of itself; without an operator's key only its code is told. */
export function errorInWords(error) {
  if (!error) return null;
  const code = (error.code ?? "error").replaceAll("_", " ");
  return error.message ? `${error.message}` : `It ended with “${code}”.`;
}

/** What progress says: "1,200 of 4,000" where it says nothing itself. */
export function progressInWords(progress) {
  if (!progress) return "";
  const { current, total, message } = progress;
  const count = total === null || total === undefined
    ? number(current)
    : `${number(current)} of ${number(total)}`;
  return message ? `${message} · ${count}` : count;
}

const number = (value) => (typeof value === "number" ? value.toLocaleString("en") : String(value));
