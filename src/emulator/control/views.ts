import type { Clock } from '../clock.js';
import type { SeenEvent, TimelineStep } from '../events.js';
import { type Faults, faultIds, type Placed } from '../fault-list.js';
import { kindOf, type SeenRequest } from '../journal.js';
import type { Pending } from '../timeline.js';
import type { Context } from './route.js';
import { withoutSecrets } from './secrets.js';
import type { Of } from './shapes.js';
import { masked } from './tree-view.js';

/** The service's replies, as JSON. None contains a session token or credentials. */

const longestError = 1000;
const time = (at: number): string => new Date(at).toISOString();
const failure = (error: unknown): { error?: string } =>
  error === undefined ? {} : { error: String(error).slice(0, longestError) };

export function clockView(clock: Clock): Of<'clock'> {
  const { started, speed } = clock;
  return { now: time(clock.now()), started: time(started), speed, paused: speed === 0 };
}

function stepView<Step extends TimelineStep>(step: Step): object {
  return step.event === 'set' ? { ...step, value: withoutSecrets(step.value, step.path, masked) } : step;
}

export function pendingView({ id, at, step }: Pending): Of<'pending'> {
  return { id, time: time(at), event: stepView(step) };
}

export function faultView(placed: Placed, faults: Faults, now: number): Of<'placed'> {
  const { id, hits, fault } = placed;
  return { id, hits, over: faults.isOver(placed, now), fault };
}

export function eventView({ at, event, detail, error }: SeenEvent): Of<'seenEvent'> {
  return { time: time(at), event, detail, ...failure(error) };
}

export function requestView(seen: SeenRequest): Of<'request'> {
  const { at, version: _, faults, error, ...shown } = seen;
  const ids = faults?.flatMap((fault) => faultIds.get(fault) ?? []);
  return { ...shown, time: time(at), kind: kindOf(seen), ...(ids && { faults: ids }), ...failure(error) };
}

export function stateView({ engine, urls, stream }: Context): Of<'state'> {
  const { state, timeline, clock, journal } = engine;
  const { options, network, isOn, faults } = state;
  return {
    urls,
    options,
    network,
    running: isOn,
    clock: clockView(clock),
    timeline: timeline.pending.map(pendingView),
    triggers: timeline.triggered.map(stepView),
    faults: faults.all.map((placed) => faultView(placed, faults, clock.now())),
    counts: journal.counts,
    requests: journal.last,
    stream: stream.last,
  };
}
