/**
 * The API key: typed in, or in the fragment of the address (`#key=wm_…`), which is never sent
 * anywhere. It is taken out of the address bar at once and lives as long as this tab.
 */

const KEPT_AS = "waymark.key";

export function takeKey() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const key = wanted.get("key");
  if (key) {
    wanted.delete("key");
    const rest = wanted.toString();
    history.replaceState(null, "", location.pathname + location.search + (rest && `#${rest}`));
    keepKey(key);
  }
  return key ?? keptKey();
}

export function keepKey(key) {
  try {
    sessionStorage.setItem(KEPT_AS, key);
  } catch {
    // then it lives as long as the page
  }
}

export function forgetKey() {
  try {
    sessionStorage.removeItem(KEPT_AS);
  } catch {
    // nothing was kept
  }
}

function keptKey() {
  try {
    return sessionStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}
