import { duration } from './clock.js';
import { eventShape, type TimelineEntry, type TimelineEvent } from './events.js';
import { type Fault, faultShape, mostFaults } from './faults.js';
import { documentPath, identitySignatures } from './identity.js';
import { instanceTree } from './instance.js';
import { type ScenarioOptions, scenarioOptions } from './instance-options.js';
import { EmulatorOptionError, parseJson, refused } from './option-error.js';
import { fields, isObject, list, oneOf, optional, type Schema, text, wholeNumber } from './shape.js';
import type { Signer } from './signing.js';
import { mostPending } from './timeline.js';
import { MetadataTree, type Tree } from './tree.js';
import { type JsonTree, nodeShape, toTree, treeShape } from './values.js';

/** An instance and what happens to it. As JSON, it can be kept in a file. */
export interface Scenario {
  /** URL or path of the JSON Schema, for editors. */
  readonly $schema?: string;
  /** Its description, in a sentence. */
  readonly description?: string;
  /** The base of `tree`: a quiet On-Demand Instance, or nothing. Default `instance`. */
  readonly base?: 'instance' | 'empty';
  /** The instance's options at the start. */
  readonly options?: ScenarioOptions;
  /** Values by path, merged into the base. */
  readonly tree?: JsonTree;
  /** The events, and when they happen. */
  readonly timeline?: readonly TimelineEntry[];
  /** The faults from the start on. */
  readonly faults?: readonly Fault[];
  /** Seed for everything random: the same seed gives the same faults. Default 0. */
  readonly seed?: number;
}

export const triggerName = text('the name of a trigger', /^[^\s]{1,100}$/);

const entry = eventShape<TimelineEntry>(
  { at: optional(duration), on: optional(triggerName) },
  { part: optional(oneOf('end')) },
  ({ at, on }, path) => {
    if (at !== undefined || on !== undefined) return;
    const needed = "it needs at, such as '+30s', or on, the name of a trigger";
    throw new EmulatorOptionError(`${path} happens never: ${needed}`, path);
  },
);
const having = (name: string): Schema => ({ type: 'object', properties: { [name]: true }, required: [name] });
const entryShape = { ...entry, schema: { ...entry.schema, anyOf: [having('at'), having('on')] } };

export const baseShape = oneOf('instance', 'empty');

export const scenarioShape = fields({
  $schema: optional(text()),
  description: optional(text()),
  base: optional(baseShape),
  options: optional(scenarioOptions),
  tree: optional(treeShape),
  timeline: optional(list(entryShape, mostPending)),
  faults: optional(list(faultShape, mostFaults)),
  seed: optional(wholeNumber(0, 2 ** 32 - 1)),
} satisfies { [Name in keyof Scenario]-?: unknown });

export const eventAloneShape = eventShape<TimelineEvent>({});

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
  const value: unknown = typeof source === 'string' ? parseJson(source, 'a scenario') : source;
  if (!isObject(value)) throw refused('a scenario', scenarioShape.accepted, value);
  const scenario = scenarioShape.check(value, '');
  try {
    // A path cannot be both a value and a directory, whichever way it is spelt.
    startTree(scenario, {}, new Date(0));
  } catch (error) {
    throw error instanceof EmulatorOptionError ? new EmulatorOptionError(`tree: ${error.message}`) : error;
  }
  return scenario;
}

/**
 * The tree at the start: the base, with the scenario's tree and then `over` merged in; and before that. A signer
 * signs the identity document, wherever that is from, unless `over` has signatures of its own.
 */
export function startTree(
  { base = 'instance', tree: own = {} }: Scenario,
  over: Tree,
  launched: Date,
  signer?: Signer,
): { readonly tree: MetadataTree; readonly ofScenario: MetadataTree } {
  const tree = new MetadataTree();
  if (base === 'instance') tree.merge(instanceTree(tree, launched), launched);
  tree.merge(toTree(own, launched), launched);
  if (signer) {
    const whole = tree.snapshot();
    whole.merge(over, launched);
    if (whole.find(documentPath)) tree.merge(identitySignatures(tree, signer), launched);
  }
  const ofScenario = tree.snapshot();
  tree.merge(over, launched);
  return { tree, ofScenario };
}
