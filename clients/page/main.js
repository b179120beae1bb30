/** The page: takes the key, opens the line, and brings form, list and job together. */

import { connect, UnauthorizedError } from "/client/index.js";

import { Api } from "./api.js";
import { byId, showFault, write } from "./elements.js";
import { JobCard } from "./job-card.js";
import { forgetKey, keepKey, takeKey } from "./key.js";
import { NewJob } from "./new-job.js";
import { Recent } from "./recent.js";
import { lineInWords, stateInWords } from "./words.js";

const SPOKEN_EVERY = 25; // percent
const ONE_COLUMN = "(max-width: 52rem)"; // as in style.css: the job is above the form then

let house = null;

async function enter(key) {
  const api = new Api(key);
  let types;
  let access;
  try {
    [types, access] = await Promise.all([api.types(), api.feedToken()]);
  } catch (problem) {
    stayOutside(problem);
    return;
  }
  keepKey(key);
  byId("door").hidden = true;
  byId("house").hidden = byId("leave").hidden = byId("line").hidden = false;
  house = new House(api, types, access);
}

function stayOutside(problem) {
  byId("door").hidden = false;
  if (problem.status === 401 || problem.status === 403) forgetKey();
  showFault(byId("door-fault"), problem.message);
  byId("key").focus();
}

/** Everything behind the door; there is one at a time. */
class House {
  #api;
  #waymark;
  #card = null;
  #recent;
  #newJob;
  #lineTimer;
  #spokenPercent = 0;
  #hasFeed = true;

  constructor(api, types, access) {
    this.#api = api;
    this.#waymark = this.#connect(access);
    this.#recent = new Recent({ api, follow: (id) => this.follow(id) });
    this.#newJob = new NewJob({ api, submitted: (job) => this.#submitted(job) });
    this.#newJob.show(types);
    this.#recent.load();
    this.#watchAll();
    this.#lineTimer = setInterval(() => this.#showLine(), 1_000);
    this.#open();
    addEventListener("hashchange", this.#open);
  }

  leave() {
    removeEventListener("hashchange", this.#open);
    clearInterval(this.#lineTimer);
    this.#card?.leave();
    this.#recent.leave();
    this.#newJob.leave();
    this.#waymark.close();
    byId("job").hidden = true;
    byId("no-job").hidden = false;
  }

  follow(id) {
    if (new URLSearchParams(location.hash.slice(1)).get("job") === id) this.#open();
    else location.hash = `job=${id}`;
  }

  #connect(access) {
    let first = access;
    const waymark = connect({
      url: access.stream_url,
      whenHidden: "stay", // its title tells how far it is
      token: async () => {
        const given = first ?? (await this.#freshToken());
        first = null;
        return given;
      },
      onState: () => this.#showLine(),
    });
    return waymark;
  }

  async #freshToken() {
    try {
      return await this.#api.feedToken();
    } catch (problem) {
      if (problem.status === 401 || problem.status === 403) throw new UnauthorizedError(problem.message);
      throw problem;
    }
  }

  /** The list lives by the feed; where there is none, by the steps of the job that is open. */
  #watchAll() {
    const feed = this.#waymark.feed();
    feed.on("error", () => (this.#hasFeed = false));
    feed.on("transition", (step) => this.#recent.heard(step));
    feed.on("reset", () => this.#recent.load());
    feed.on("live", () => this.#recent.load());
  }

  #submitted(job) {
    this.#recent.add(job);
    this.follow(job.id);
  }

  #open = () => {
    const id = new URLSearchParams(location.hash.slice(1)).get("job");
    this.#card?.leave();
    this.#card = null;
    byId("no-job").hidden = id !== null;
    byId("job").hidden = id === null;
    this.#recent.follows(id);
    if (id === null) return;
    this.#spokenPercent = 0;
    this.#card = new JobCard(byId("job"), id, {
      api: this.#api,
      waymark: this.#waymark,
      speak: (text) => write(byId("spoken"), text),
      retitle: (view, type) => this.#retitle(view, type),
      changed: () => this.#hasFeed || this.#recent.load(),
      again: () => this.#open(),
    });
    this.#showLine();
    if (matchMedia(ONE_COLUMN).matches) byId("job").scrollIntoView({ block: "start" });
  };

  #retitle({ state, progress, final }, type = "Waymark") {
    const percent = Math.floor(progress?.percent ?? 0);
    const how = !final && progress?.percent ? `${percent} %` : stateInWords(state);
    document.title = `${how} · ${type}`;
    if (final || percent < this.#spokenPercent) this.#spokenPercent = 0;
    else if (percent >= this.#spokenPercent + SPOKEN_EVERY) {
      this.#spokenPercent = percent - (percent % SPOKEN_EVERY);
      write(byId("spoken"), `${this.#spokenPercent} percent`);
    }
  }

  #showLine() {
    if (!this.#waymark) return;
    const { status } = this.#waymark;
    const line = byId("line");
    line.dataset.state = status.state;
    line.title = status.state === "live" ? "" : (status.reason ?? "");
    write(line, lineInWords(status, Date.now()));
    this.#card?.lineIs(status);
  }
}

byId("door-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = byId("key").value.trim();
  if (key) enter(key);
  else showFault(byId("door-fault"), "A key begins with wm_.");
});

byId("leave").addEventListener("click", () => {
  forgetKey();
  house.leave();
  house = null;
  byId("house").hidden = byId("leave").hidden = byId("line").hidden = true;
  byId("door").hidden = false;
  byId("key").value = "";
  document.title = "Waymark";
  history.replaceState(null, "", location.pathname);
  byId("key").focus();
});

addEventListener("hashchange", () => {
  if (!house && new URLSearchParams(location.hash.slice(1)).has("key")) enter(takeKey());
});

const key = takeKey();
if (key) enter(key);
else byId("door").hidden = false;
