/** The gateway, with one key. Every answer that is not a success is a `Problem`. */

const WITHIN_MS = 15_000;

export class Problem extends Error {
  /** `errors`: `[{detail, pointer}]`, where a field is wrong; `status` 0: nobody answered. */
  constructor({ status, code, detail, errors = [] }) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}

export class Api {
  #key;

  constructor(key) {
    this.#key = key;
  }

  types = async () => (await this.#ask("GET", "/v1/types")).data;

  job = (id) => this.#ask("GET", `/v1/jobs/${id}`);

  recent = async () => (await this.#ask("GET", "/v1/jobs?limit=8")).data;

  /** `name` makes it safe to send the same again when nobody answered. */
  submit = (job, name) => this.#ask("POST", "/v1/jobs", job, { "idempotency-key": name });

  cancel = (id) => this.#ask("POST", `/v1/jobs/${id}/cancel`, { reason: "asked on the page" });

  retry = (id) => this.#ask("POST", `/v1/jobs/${id}/retry`);

  feedToken = () => this.#ask("POST", "/v1/tokens", { feed: true, ttl_seconds: 900 });

  async #ask(method, path, body, headers = {}) {
    let answer;
    let told;
    try {
      answer = await fetch(path, {
        method,
        headers: {
          authorization: `Bearer ${this.#key}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(WITHIN_MS),
        cache: "no-store",
      });
      told = await answer.json();
    } catch {
      throw new Problem({
        status: answer?.status ?? 0,
        code: "unreachable",
        detail: "The gateway does not answer. Nothing is lost by trying again.",
      });
    }
    if (!answer.ok) throw new Problem({ ...told, status: answer.status });
    return told;
  }
}
