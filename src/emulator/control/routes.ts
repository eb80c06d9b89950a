import { milliseconds } from '../clock.js';
import type { Engine } from '../engine.js';
import type { SeenEvent } from '../events.js';
import { EmulatorOptionError } from '../option-error.js';
import { toNode } from '../values.js';
import { type Given, type Route, route, type Subject, sinceOf, there } from './route.js';
import { scenarioOf } from './scenario-export.js';
import { type Of, shapes } from './shapes.js';
import { viewOf } from './tree-view.js';
import { clockView, eventView, faultView, pendingView, requestView, stateView } from './views.js';

export const routes: readonly Route[] = [
  route(['GET', '/v1/state'], 'Options, clock, timeline, faults and counts', state, { reply: shapes.state }),
  route(
    ['PATCH', '/v1/options'],
    'Changes options of the instance; those not named stay',
    ({ engine }, { body }) =>
      engine.change(() => {
        const { state } = engine;
        if (body.hops !== undefined && state.network.kind === 'lab') {
          const why = 'what the network of the lab makes it; imds lab --in host|container|nested is the choice';
          throw new EmulatorOptionError(`hops is ${why}`, 'hops');
        }
        state.configure(body);
        return state.options;
      }),
    { body: shapes.options, reply: shapes.options },
  ),
  route(
    ['GET', '/v1/tree'],
    'All values, in the form of a scenario, but for secrets',
    ({ engine }) => viewOf(engine.state.tree, undefined, new Date(engine.clock.now())),
    { reply: shapes.view },
  ),
  route(
    ['GET', '/v1/tree/{path}'],
    'A value, or a directory of values by name',
    ({ engine }, { parameter }) => there(viewOf(engine.state.tree, parameter, new Date(engine.clock.now())), parameter),
    { reply: shapes.view },
  ),
  route(
    ['PUT', '/v1/tree/{path}'],
    'Puts a value or a directory in the place of what was there',
    ({ engine }, { parameter, body }) =>
      engine.change((now) => engine.state.tree.set(parameter, toNode(body, new Date(now)), new Date(now))),
    { body: shapes.node },
  ),
  route(['DELETE', '/v1/tree/{path}'], 'Removes a value or a directory', ({ engine }, { parameter }) => {
    there(
      engine.change((now) => engine.state.tree.remove(parameter, new Date(now))),
      parameter,
    );
  }),
  route(
    ['POST', '/v1/faults'],
    'Adds a fault',
    ({ engine }, { body }) =>
      engine.change((now) => {
        const { faults } = engine.state;
        return faultView(faults.add(body, now), faults, now);
      }),
    { body: shapes.fault, reply: shapes.placed, status: 201 },
  ),
  route(['DELETE', '/v1/faults/{id}'], 'Ends a fault', ({ engine }, { parameter }) => {
    there(
      engine.change(() => engine.state.faults.remove(Number(parameter))),
      `fault ${parameter}`,
    );
  }),
  route(
    ['POST', '/v1/events'],
    'Makes an event happen now or after a time, or what waits for a trigger',
    ({ engine }, { body }) =>
      consequences(engine, (now) => {
        if ('trigger' in body) return void engine.timeline.trigger(body.trigger, now);
        const { in: after = 0, ...event } = body;
        engine.timeline.add(event, now + milliseconds(after));
      }),
    { body: shapes.happening, reply: shapes.consequences },
  ),
  route(
    ['PATCH', '/v1/events/{id}'],
    'Moves an event that is still to come',
    ({ engine }, { parameter, body }) =>
      consequences(
        engine,
        (now) => there(engine.timeline.move(Number(parameter), now + milliseconds(body.in)), `event ${parameter}`),
        Number(parameter),
      ),
    { body: shapes.move, reply: shapes.consequences },
  ),
  route(['DELETE', '/v1/events/{id}'], 'Takes away an event that is still to come', ({ engine }, { parameter }) => {
    there(
      engine.change(() => engine.timeline.remove(Number(parameter))),
      `event ${parameter}`,
    );
  }),
  route(
    ['POST', '/v1/clock'],
    'Moves the clock forward, and changes its speed',
    ({ engine }, { body: { advanceMs, speed } }) => {
      engine.change(() => {
        if (advanceMs !== undefined) engine.advance(advanceMs, 'advanceMs');
        if (speed !== undefined) engine.clock.speed = speed;
      });
      return clockView(engine.clock);
    },
    { body: shapes.clockChange, reply: shapes.clock },
  ),
  route(['POST', '/v1/tokens/expire'], 'Voids all session tokens', ({ engine }) => {
    engine.change(() => engine.state.tokens.voidAll());
  }),
  route(
    ['POST', '/v1/reset'],
    'Back to how the emulator started',
    (subject) => {
      subject.engine.reset();
      return state(subject);
    },
    { reply: shapes.state },
  ),
  route(['GET', '/v1/requests'], 'The latest requests, after the one of this number', requests, {
    reply: shapes.requests,
    query: 'since',
  }),
  route(['GET', '/v1/stream'], 'Requests, events and changes as they come', () => {}, {
    status: 200,
    query: 'since',
    isStream: true,
  }),
  route(
    ['GET', '/v1/scenario'],
    'The present state as a scenario, without its secrets',
    ({ engine }) => scenarioOf(engine),
    { reply: shapes.scenario },
  ),
  route(['GET', '/v1/openapi.json'], 'This description', ({ openapi }) => openapi(), { reply: shapes.document }),
];

function state({ engine, urls, last }: Subject): Of<'state'> {
  return stateView(engine, urls, last());
}

function requests({ engine: { journal } }: Subject, { query }: Given<unknown>): Of<'requests'> {
  const since = sinceOf(query) ?? journal.cleared;
  const kept = journal.requests;
  const first = journal.last - kept.length + 1;
  return {
    requests: kept.slice(Math.max(0, since + 1 - first)).map(requestView),
    missed: Math.max(0, first - 1 - since),
  };
}

/** Makes a change of the timeline; `moved` is the ID of the event that it is about. */
function consequences(engine: Engine, change: (now: number) => unknown, moved?: number): Of<'consequences'> {
  const { timeline } = engine;
  const before = timeline.lastId;
  let happened: readonly SeenEvent[] = [];
  engine.change(change, (events) => {
    happened = events;
  });
  const failed = happened.find(({ error }) => error !== undefined);
  if (failed) throw new EmulatorOptionError(failed.detail);
  return {
    happened: happened.map(eventView),
    pending: timeline.pending.filter(({ id }) => id > before || id === moved).map(pendingView),
  };
}
