/**
 * What the end of a connection asks for. A close code's range decides, so that codes which this
 * client has never heard of are obeyed too.
 */

export const STOP = "stop";
export const BACK_OFF = "back-off";
export const RESUME = "resume";

export const BAD_TOKEN = 4002;
export const REVOKED = 4007;
export const TOKEN_EXPIRED = 4101;
export const TOO_MANY_CONNECTIONS = 4107;
export const STATE_INVALIDATED = 4202;

/** Our mistakes, not the network's: another try would end the same way. */
const OUR_FAULT = new Set([1003, 1007, 1009]);

export function actionFor(code) {
  if (OUR_FAULT.has(code) || (code >= 4000 && code < 4100)) return STOP;
  if (code >= 4200 && code < 4300) return RESUME;
  return BACK_OFF;
}
