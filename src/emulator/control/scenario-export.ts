import { type Duration, longestSpan, milliseconds } from '../clock.js';
import type { Engine } from '../engine.js';
import type { TimelineEntry, TimelineStep } from '../events.js';
import type { Placed } from '../fault-list.js';
import type { Fault } from '../faults.js';
import { defaultOptions } from '../instance-options.js';
import { segmentsOf, shortPath } from '../path.js';
import { termsOf } from '../roles.js';
import type { Scenario } from '../scenario.js';
import { contentOf, type Directory, type Leaf, type MetadataTree } from '../tree.js';
import type { JsonNode, JsonTree } from '../values.js';
import { withoutSecrets } from './secrets.js';
import { nodeOf } from './tree-view.js';

const dayMs = 86_400_000;
const units = { d: dayMs, h: 3_600_000, m: 60_000, s: 1000 };
/** Durations from here on have more digits than can be read with a unit. */
const longestWithUnit = 1e12;

/**
 * The current state as a scenario: an emulator started with it now is in the same state. Credentials in it are fake, and
 * random choices start over from the seed.
 */
export function scenarioOf(engine: Engine): Scenario {
  const { start, state, timeline, clock } = engine;
  const now = clock.now();
  const { base = 'instance', seed } = start.scenario;
  const usual: Readonly<Record<string, unknown>> = { ...defaultOptions };
  const options = Object.entries(state.options).filter(([name, value]) => value !== usual[name]);
  const off: readonly TimelineEntry[] = state.isOn ? [] : [{ at: '0s', event: 'hibernate' }];
  const pending = timeline.pending.map(({ at, step }) => ({ at: span(at - now), ...withoutCredentials(step) }));
  return {
    base,
    options: Object.fromEntries(options),
    tree: treeOf(engine, new Date(now)),
    timeline: [...off, ...pending, ...timeline.triggered.map(withoutCredentials)],
    faults: state.faults.all.filter((one) => !state.faults.isOver(one, now)).map((one) => remaining(one, now)),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** A duration in the largest unit that gives a whole number; in milliseconds if there is none or it is very long. */
function span(ms: number): Duration {
  if (ms === 0) return '0s';
  if (!Number.isInteger(ms) || ms < 1000 || ms >= longestWithUnit) return Math.min(ms, longestSpan);
  const [unit, size] = Object.entries(units).find(([, size]) => ms % size === 0) ?? ['s', 1000];
  return `${ms / size}${unit}` as Duration;
}

function withoutCredentials<Step extends TimelineStep>(step: Step): Step {
  return step.event === 'set' ? { ...step, value: exportable(step.value, step.path) } : step;
}

const exportable = (node: JsonNode, path: string): JsonNode =>
  withoutSecrets(node, path, ({ shown, isRole }) => (isRole ? { $credentials: {} } : shown));

/** The rest of a fault, to be added now. */
function remaining({ fault, hits, from, until }: Placed, now: number): Fault {
  const { from: _from, until: _until, ...rest } = fault;
  return {
    ...rest,
    ...('times' in rest && rest.times !== undefined && { times: rest.times - hits }),
    ...(from > now && { from: span(from - now) }),
    ...(until !== Number.POSITIVE_INFINITY && { until: span(until - now) }),
  } as Fault;
}

/** The tree to merge into the base: the scenario's own, with the changes since. */
function treeOf({ start, state }: Engine, now: Date): JsonTree {
  const changed = new Map(changes(rootOf(state.ofScenario), rootOf(state.tree), [], now));
  const hasChanged = (path: string): boolean => {
    const names = segmentsOf(path);
    return names.some((_, index) => changed.has(shortPath(names.slice(0, index + 1))));
  };
  const own = Object.entries(exportable(start.scenario.tree ?? {}, ''));
  return Object.fromEntries([...own.filter(([path]) => !hasChanged(path)), ...changed]);
}

const rootOf = (tree: MetadataTree): Directory => tree.find()?.entry as Directory;

/** The entries of a scenario's tree that turn one directory into another, removals first. */
function* changes(
  before: Directory,
  after: Directory,
  path: readonly string[],
  now: Date,
): Generator<readonly [string, JsonNode | null]> {
  for (const [name, entry] of before) {
    const next = after.get(name);
    if (next === undefined || (next instanceof Map && !(entry instanceof Map)))
      yield [shortPath([...path, name]), null];
  }
  for (const [name, entry] of after) {
    const earlier = before.get(name);
    const names = [...path, name];
    const node = entry instanceof Map || entry === earlier ? undefined : exported(entry, names.join('/'), now);
    if (node !== undefined) yield [shortPath(names), node];
    if (entry instanceof Map) yield* changes(earlier instanceof Map ? earlier : new Map(), entry, names, now);
  }
}

/** `undefined` if a user's function that computes it fails. */
function exported(leaf: Leaf, path: string, now: Date): JsonNode | undefined {
  const terms = termsOf(leaf.value);
  if (terms) return { $credentials: { ...terms, lifetime: span(milliseconds(terms.lifetime)) } };
  try {
    const safe = exportable(nodeOf(contentOf(leaf, path, now).content), path);
    return typeof safe === 'string' && path.startsWith('meta-data/') ? withTimes(safe, now) : safe;
  } catch {
    return undefined;
  }
}

/** Text with its recent times counted from now, so that it is as fresh whenever the scenario starts. */
function withTimes(text: string, now: Date): JsonNode {
  if (text.includes('{{')) return text;
  const template = text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, (instant) => {
    const distance = Date.parse(instant) - now.getTime();
    if (!(Math.abs(distance) < dayMs)) return instant;
    const length = span(Math.abs(distance));
    return `{{${distance < 0 ? '-' : '+'}${typeof length === 'number' ? `${length}ms` : length}}}`;
  });
  return template === text ? text : { $template: template };
}
