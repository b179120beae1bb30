/**
 * The client rule of `waymark.v1`, complete and pure: what a frame does to what is known of a job.
 *
 * Progress is thinned out and a connection may break anywhere; with this rule a watcher still sees
 * every step exactly once and in order.
 */

export const APPLIED = "applied";
/** Seen before, or of no concern. */
export const DROPPED = "dropped";
/** Dropped, and something is missing: subscribe the job again. */
export const RESYNC = "resync";

const FINAL = new Set(["succeeded", "failed", "cancelled", "expired"]);

/** Whether nothing follows a state, unless an operator gives the job another life. */
export const isFinal = (state) => FINAL.has(state);

export function nothingKnown(job) {
  return Object.freeze({
    job,
    epoch: null,
    revision: 0,
    step: 0,
    state: "unknown",
    final: false,
    attempt: 0,
    progress: null,
    result: null,
    error: null,
    history: Object.freeze([]),
  });
}

/** What to subscribe: with a cursor, once there is a place to resume from. */
export function subscriptionOf({ job, epoch, revision, step }) {
  return epoch === null ? { job } : { job, epoch, revision, step };
}

/**
 * Returns `{verdict, view, steps, undone}`: the view after the frame (the same object unless
 * APPLIED), the steps that are new with it, oldest first, and those that the server has taken back.
 */
export function take(view, frame) {
  if (frame.type === "snapshot") return replaced(view, frame);
  if (frame.epoch !== view.epoch) return unchanged(view, RESYNC);
  if (frame.revision <= view.revision) return unchanged(view, DROPPED);
  if (frame.type === "transition") {
    return frame.step === view.step + 1 ? advanced(view, frame) : unchanged(view, RESYNC);
  }
  return frame.step === view.step ? progressed(view, frame) : unchanged(view, RESYNC);
}

function unchanged(view, verdict) {
  return { verdict, view, steps: [], undone: [] };
}

function applied(view, steps = [], undone = []) {
  return { verdict: APPLIED, view: Object.freeze(view), steps, undone };
}

function replaced(view, frame) {
  const history = Object.freeze(frame.history.map((past) => Object.freeze({ ...past })));
  const kept = commonLength(view.history, history);
  const last = { attempt: frame.attempt, error: frame.error, result: frame.result };
  const steps = history
    .slice(kept)
    .map((past) => (past.step === frame.step ? { ...past, ...last } : past));
  return applied(
    {
      ...position(view, frame),
      state: frame.state,
      final: isFinal(frame.state),
      attempt: frame.attempt,
      progress: frame.progress ?? null,
      result: frame.result ?? null,
      error: frame.error ?? null,
      history,
    },
    steps,
    view.history.slice(kept),
  );
}

function advanced(view, frame) {
  const { step, state, at, attempt, error = null, result = null } = frame;
  const past = Object.freeze({ step, state, at });
  return applied(
    {
      ...position(view, frame),
      state,
      final: isFinal(state),
      attempt,
      progress: state === "running" ? null : view.progress, // a new attempt begins anew
      result,
      error,
      history: Object.freeze([...view.history, past]),
    },
    [{ ...past, attempt, error, result }],
  );
}

function progressed(view, frame) {
  return applied({ ...view, ...position(view, frame), progress: frame.progress });
}

function position({ job }, { epoch, revision, step }) {
  return { job, epoch, revision, step };
}

function commonLength(known, told) {
  const differs = known.findIndex((past, at) => !isSame(past, told[at]));
  return differs < 0 ? known.length : differs;
}

function isSame(past, other) {
  return other?.step === past.step && other.state === past.state && other.at === past.at;
}
