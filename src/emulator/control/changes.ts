import type { Engine, Observer } from '../engine.js';
import { mostChanged } from '../tree.js';
import type { Stream } from './stream.js';
import { clockView, eventView, requestView } from './views.js';

/** Publishes requests, events and changes of the emulator to a stream. */
export function observing(engine: Engine, stream: Stream): Observer {
  let before = facts(engine);
  const tell = (what: string, news: object = {}): void => stream.publish('change', { what, ...news });
  return {
    onRequest: (request) => stream.publish('request', requestView(request)),
    onEvent: (event) => stream.publish('event', eventView(event)),
    onSettled() {
      const now = facts(engine);
      const { changed } = engine.state.tree;
      if (now.state !== before.state) tell('reset');
      else {
        if (now.options !== before.options) tell('options', { options: now.options });
        if (now.running !== before.running) tell('running', { running: now.running });
        if (now.clock !== before.clock) tell('clock', { clock: clockView(engine.clock) });
        for (const what of ['timeline', 'faults', 'tokens'] as const) if (now[what] !== before[what]) tell(what);
        for (const path of changed.size < mostChanged ? changed : ['']) tell('tree', { path });
      }
      changed.clear();
      before = now;
    },
  };
}

/** The ones that a change replaced. */
function facts({ state, timeline, clock }: Engine) {
  return {
    state,
    options: state.options,
    running: state.isOn,
    clock: clock.settings,
    timeline: timeline.pending,
    faults: state.faults.all,
    tokens: state.tokens.generation,
  };
}
