import { milliseconds } from '../clock.js';
import { EmulatorOptionError } from '../option-error.js';
import { toNode } from '../values.js';
import { openapi } from './openapi.js';
import { type Context, type Route, route, sinceOf, there } from './route.js';
import { scenarioOf } from './scenario-export.js';
import { type Of, shapes } from './shapes.js';
import { viewOf } from './tree-view.js';
import { clockView, eventView, faultView, pendingView, requestView, stateView } from './views.js';

export const routes: readonly Route[] = [
  route('GET /v1/state', 'Options, clock, timeline, faults and counts', { reply: shapes.state }, stateView),
  route(
    'PATCH /v1/options',
    'Changes options of the instance; others are kept',
    { body: shapes.options, reply: shapes.options },
    ({ state, body }) => {
      if (body.hops !== undefined && state.network.kind === 'lab') {
        const why = 'determined by the network of the lab; use imds lab --in host|container|nested';
        throw new EmulatorOptionError(`hops is ${why}`, 'hops');
      }
      state.configure(body);
      return state.options;
    },
  ),
  route('GET /v1/tree', 'All values, in the form of a scenario, without secrets', { reply: shapes.view }, treeView),
  route('GET /v1/tree/{path}', 'A value, or a directory of values by name', { reply: shapes.view }, treeView),
  route(
    'PUT /v1/tree/{path}',
    'Sets a value or a directory, and replaces what was there',
    { body: shapes.node },
    ({ state, parameter, body, date }) => state.tree.set(parameter, toNode(body, date), date),
  ),
  route('DELETE /v1/tree/{path}', 'Removes a value or a directory', {}, ({ state, parameter, date }) =>
    there(state.tree.remove(parameter, date), parameter),
  ),
  route(
    'POST /v1/faults',
    'Adds a fault',
    { body: shapes.fault, reply: shapes.placed, status: 201 },
    ({ state: { faults }, body, now }) => faultView(faults.add(body, now), faults, now),
  ),
  route('DELETE /v1/faults/{id}', 'Ends a fault', {}, ({ state, id }) => there(state.faults.remove(id), `fault ${id}`)),
  route(
    'POST /v1/events',
    'Makes an event happen now, later, or by trigger',
    { body: shapes.happening, reply: shapes.consequences },
    (context) =>
      consequences(context, ({ engine: { timeline }, body, now }) => {
        if ('trigger' in body) return timeline.trigger(body.trigger, now);
        const { in: after = 0, ...event } = body;
        timeline.add(event, now + milliseconds(after));
      }),
  ),
  route(
    'PATCH /v1/events/{id}',
    'Moves a pending event',
    { body: shapes.move, reply: shapes.consequences },
    (context) =>
      consequences(context, ({ engine, id, body, now }) =>
        there(engine.timeline.move(id, now + milliseconds(body.in)), `event ${id}`),
      ),
  ),
  route('DELETE /v1/events/{id}', 'Removes a pending event', {}, ({ engine, id }) =>
    there(engine.timeline.remove(id), `event ${id}`),
  ),
  route(
    'POST /v1/clock',
    'Advances the clock, and changes its speed',
    { body: shapes.clockChange, reply: shapes.clock },
    ({ engine, body: { advanceMs, speed } }) => {
      if (advanceMs !== undefined) engine.advance(advanceMs, 'advanceMs');
      if (speed !== undefined) engine.clock.speed = speed;
      return clockView(engine.clock);
    },
  ),
  route('POST /v1/tokens/expire', 'Voids all session tokens', {}, ({ state }) => state.tokens.voidAll()),
  route('POST /v1/reset', 'Resets the emulator to its start', { reply: shapes.state }, (context) => {
    context.engine.reset();
    return stateView(context);
  }),
  route(
    'GET /v1/requests',
    'The latest requests, after the one with this number',
    { reply: shapes.requests, hasSince: true },
    requestsView,
  ),
  route(
    'GET /v1/stream',
    'Requests, events and changes as they happen',
    { status: 200, hasSince: true, isStream: true },
    () => {},
  ),
  route(
    'GET /v1/scenario',
    'The current state as a scenario, without its secrets',
    { reply: shapes.scenario },
    ({ engine }) => scenarioOf(engine),
  ),
  route('GET /v1/openapi.json', 'This description', { reply: shapes.document }, ({ url }) => openapi(routes, url)),
];

function treeView({ state, parameter, date }: Context): unknown {
  return there(viewOf(state.tree, parameter, date), parameter);
}

function requestsView({ engine: { journal }, query }: Context): Of<'requests'> {
  const since = sinceOf(query) ?? journal.cleared;
  const kept = journal.requests;
  const first = journal.last - kept.length + 1;
  return {
    requests: kept.slice(Math.max(0, since + 1 - first)).map(requestView),
    missed: Math.max(0, first - 1 - since),
  };
}

/** Changes the timeline, and shows what happened, and what is now pending or, with an ID, was moved. */
function consequences<Body>(context: Context<Body>, change: (context: Context<Body>) => unknown): Of<'consequences'> {
  const { engine, id: moved } = context;
  const before = engine.timeline.lastId;
  change(context);
  const happened = engine.settleChange();
  return {
    happened: happened.map(eventView),
    pending: engine.timeline.pending.filter(({ id }) => id > before || id === moved).map(pendingView),
  };
}
