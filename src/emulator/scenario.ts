import { duration } from './clock.js';
import { eventShape, type TimelineEntry } from './events.js';
import { type Fault, faultShape } from './faults.js';
import { instanceTree } from './instance.js';
import { type JsonTree, nodeShape, toTree, treeShape } from './jsontree.js';
import { baseShape, type InstanceSettings, instanceSettings } from './options.js';
import { EmulatorOptionError, refused } from './refusal.js';
import { fields, list, objectAt, type Schema, type Shape, text, wholeNumber } from './shape.js';
import { MetadataTree } from './tree.js';

/** What an instance is and what happens to it. As JSON it can be kept in a file. */
export interface Scenario {
  /** URL or path of the JSON Schema, for editors. */
  readonly $schema?: string;
  /** What it shows, in a sentence. */
  readonly description?: string;
  /** What `tree` is laid over: an instance that has every category, or nothing. Default `instance`. */
  readonly base?: 'instance' | 'empty';
  /** The instance's options at the start. */
  readonly options?: InstanceSettings;
  /** Values by path, laid over the base. */
  readonly tree?: JsonTree;
  /** What happens, and when. */
  readonly timeline?: readonly TimelineEntry[];
  /** What goes wrong from the start on. */
  readonly faults?: readonly Fault[];
  /** Decides what is left to chance: the same seed, the same faults. Default 0. */
  readonly seed?: number;
}

const entryShape = timed(eventShape({ at: duration, on: text('the name of a trigger', /^[^\s]{1,100}$/) }));

const scenarioShape = fields(
  {},
  {
    $schema: text(),
    description: text(),
    base: baseShape,
    options: instanceSettings,
    tree: treeShape,
    timeline: list(entryShape),
    faults: list(faultShape),
    seed: wholeNumber(0, 2 ** 32 - 1),
  },
);

const eventAloneShape = eventShape({});

/** The JSON Schema of a scenario. */
export const scenarioSchema: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Scenario of the emulator of the EC2 instance metadata service',
  ...scenarioShape.schema,
  $defs: { duration: duration.definition, fault: faultShape.definition, node: nodeShape.definition },
};

/**
 * Reads a scenario, from JSON or from what was parsed of it.
 *
 * @throws EmulatorOptionError naming the place, such as `timeline[2].at`, and what is accepted there
 */
export function parseScenario(source: unknown): Scenario {
  const value: unknown = typeof source === 'string' ? parseJson(source) : source;
  checkScenario(value);
  checkLayout(value);
  return value;
}

/** @throws EmulatorOptionError if it is no fault */
export function checkFault(fault: Fault): void {
  faultShape.check(fault, 'fault');
}

/** @throws EmulatorOptionError if it is no event */
export function checkEvent(event: unknown): void {
  eventAloneShape.check(event, 'event');
}

function checkScenario(value: unknown): asserts value is Scenario {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused('a scenario', scenarioShape.accepted, value);
  }
  scenarioShape.check(value, '');
}

/** With a time, a trigger, or both. */
function timed(shape: Shape): Shape {
  return {
    accepted: shape.accepted,
    schema: { ...shape.schema, anyOf: [having('at'), having('on')] },
    check(value, path) {
      shape.check(value, path);
      const { at, on } = objectAt(value, path, shape.accepted);
      if (at === undefined && on === undefined) {
        throw new EmulatorOptionError(
          `${path} happens never: it needs at, such as '+30s', or on, the name of a trigger`,
        );
      }
    },
  };
}

function having(name: string): Schema {
  return { type: 'object', properties: { [name]: true }, required: [name] };
}

/** A path cannot be both a value and a directory, whichever way it is spelt. */
function checkLayout({ base = 'instance', tree = {} }: Scenario): void {
  const launched = new Date(0);
  const laid = new MetadataTree();
  if (base === 'instance')
    laid.merge(
      instanceTree(launched, () => ({})),
      launched,
    );
  try {
    laid.merge(toTree(tree, launched), launched);
  } catch (error) {
    throw error instanceof EmulatorOptionError ? new EmulatorOptionError(`tree: ${error.message}`) : error;
  }
}

function parseJson(source: string): unknown {
  try {
    // Editors may begin a file with a byte order mark, which is no part of the text.
    return JSON.parse(source.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new EmulatorOptionError(`a scenario must be JSON: ${error instanceof Error ? error.message : error}`);
  }
}
