/** Reads `text/event-stream` as it arrives, however it was cut into pieces. */

export class EventStreamReader {
  #rest = "";
  #data = [];
  #id = null;
  #retry = null;

  /** Takes a piece of text; returns the events that it completes, as `{data, id, retry}`. */
  take(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line) {
    if (line === "") return this.#complete();
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#retry = Number(value);
    return []; // a line that begins with a colon is a sign of life and nothing else
  }

  #complete() {
    const data = this.#data.splice(0);
    return data.length === 0 ? [] : [{ data: data.join("\n"), id: this.#id, retry: this.#retry }];
  }
}
