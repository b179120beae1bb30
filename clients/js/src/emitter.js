/** Events, at their smallest: `on` returns the function that takes the listener away. */

export class Emitter {
  #listeners = new Map();

  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  once(type, listener) {
    const off = this.on(type, (event) => {
      off();
      listener(event);
    });
    return off;
  }

  emit(type, event) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        listener(event);
      } catch (fault) {
        // A listener's mistake is its owner's to see, and must not stop what feeds the others.
        queueMicrotask(() => {
          throw fault;
        });
      }
    }
  }
}
