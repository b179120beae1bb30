/** As much of React as the hooks use, for one component at a time. */

export function renderer() {
  let slots;
  let at;
  let rerender;
  const effects = [];

  const slot = (make) => {
    if (at === slots.length) slots.push(make());
    at += 1;
    return slots[at - 1];
  };
  const differ = (one, other) => !one || one.some((value, index) => !Object.is(value, other[index]));

  const React = {
    createContext: (value) => {
      const context = { value };
      context.Provider = context;
      return context;
    },
    createElement: (context, { value }) => {
      context.value = value;
    },
    useContext: (context) => context.value,
    useRef: (current) => slot(() => ({ current })),
    useState(initial) {
      const own = slot(() => ({ value: initial }));
      const again = rerender;
      return [own.value, (value) => Object.is(own.value, value) || ((own.value = value), again())];
    },
    useMemo(make, inputs) {
      const own = slot(() => ({}));
      if (differ(own.inputs, inputs)) Object.assign(own, { inputs, value: make() });
      return own.value;
    },
    useEffect(act, inputs) {
      const own = slot(() => ({}));
      if (!differ(own.inputs, inputs)) return;
      own.inputs = inputs;
      effects.push(() => {
        own.undo?.();
        own.undo = act();
      });
    },
    useSyncExternalStore(subscribe, read) {
      const again = rerender;
      React.useEffect(() => subscribe(() => again()), [subscribe]);
      return read();
    },
  };

  React.render = (component) => {
    const own = { slots: [], last: undefined, mounted: true, busy: false };
    const draw = () => {
      if (!own.mounted || own.busy) return void (own.pending = own.mounted);
      own.busy = true;
      do {
        own.pending = false;
        [slots, at, rerender] = [own.slots, 0, draw];
        own.last = component();
        for (const effect of effects.splice(0)) effect();
      } while (own.pending);
      own.busy = false;
    };
    draw();
    own.again = draw;
    own.unmount = () => {
      own.mounted = false;
      for (const each of own.slots) each.undo?.();
    };
    return own;
  };
  return React;
}
