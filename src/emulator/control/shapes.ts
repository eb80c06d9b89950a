import { type Duration, duration, longestSpan } from '../clock.js';
import { eventShape, type TimelineEvent } from '../events.js';
import { faultShape } from '../faults.js';
import { instanceFields } from '../instance-options.js';
import { noneYet } from '../journal.js';
import { speed } from '../options.js';
import { type Scenario, scenarioShape, triggerName } from '../scenario.js';
import {
  type Fields,
  fields,
  isObject,
  list,
  named,
  numberBetween,
  type ObjectOf,
  oneOf,
  optional,
  type Schema,
  type Shape,
  shape,
  text,
  wholeNumber,
} from '../shape.js';
import { nodeShape } from '../values.js';

/** Shapes of replies, which are not checked. */
const made = <T>(schema: Schema): Shape<T> => shape('', schema, () => true);

const record = <F extends Fields>(name: string, all: F) => named(name, fields(all));
const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const flag = made<boolean>({ type: 'boolean' });
const time = made<string>({ type: 'string', format: 'date-time' });
const asInScenario = 'as in the timeline of a scenario, with its secrets as in a view';

const trigger = fields({ trigger: triggerName });
const event = eventShape<TimelineEvent & { readonly in?: Duration }>({ in: optional(duration) });
type Happening = ObjectOf<{ trigger: Shape<string> }> | (TimelineEvent & { readonly in?: Duration });

/** An event as in a scenario, now or after a time, or the name of a trigger. */
const happening = shape<Happening>(
  'an event such as {"event": "rebalance"}, or {"trigger": NAME}',
  { anyOf: [trigger.schema, event.schema] },
  (value, path) => isObject(value) && ('trigger' in value ? trigger : event).check(value, path) !== undefined,
);

const options = record('options', instanceFields);
const clock = record('clock', { now: time, started: time, speed, paused: flag });
const step = made<object>({ type: 'object', required: ['event'], description: asInScenario });
const pending = record('pending', { id: count, time, event: step });
const placed = record('placed', { id: count, hits: count, over: flag, fault: faultShape });
const seenEvent = record('seenEvent', { time, event: text(), detail: text(), error: optional(text()) });
const request = record('request', {
  number: count,
  time,
  caller: text(),
  method: text(),
  path: text(),
  kind: oneOf('v1', 'v2', 'token', 'other'),
  status: made<number | 'unanswered'>({ anyOf: [{ type: 'integer' }, { const: 'unanswered' }] }),
  reason: optional(text()),
  faults: optional(list(count)),
  hopLimit: optional(fields({ had: count, needed: count })),
  error: optional(text()),
});
const counts = fields(Object.fromEntries(Object.keys(noneYet).map((name) => [name, count])));
const network = made<object>({
  type: 'object',
  properties: { kind: { enum: ['pretended', 'lab'] }, place: { type: 'string' }, hops: { type: 'integer' } },
  required: ['kind'],
});

/** The shapes of all requests and replies, by their name in the OpenAPI document. */
export const shapes = {
  options,
  node: nodeShape,
  fault: faultShape,
  happening: named('happening', happening),
  move: record('move', { in: duration }),
  clockChange: record('clockChange', { advanceMs: optional(numberBetween(0, longestSpan)), speed: optional(speed) }),
  duration,
  clock,
  pending,
  placed,
  seenEvent,
  request,
  consequences: record('consequences', { happened: list(seenEvent), pending: list(pending) }),
  requests: record('requests', { requests: list(request), missed: count }),
  state: record('state', {
    urls: list(text()),
    options,
    network,
    running: flag,
    clock,
    timeline: list(pending),
    triggers: list(step),
    faults: list(placed),
    counts,
    requests: count,
    stream: count,
  }),
  scenario: named<Scenario>('scenario', scenarioShape),
  view: named(
    'view',
    made<unknown>({
      description: 'Text, an object of views by name, {"$base64": …}, or {"$masked": …} for a secret.',
      anyOf: [{ type: 'string' }, { type: 'object', additionalProperties: { $ref: '#/$defs/view' } }],
    }),
  ),
  document: named('document', made<unknown>({ type: 'object' })),
  error: record('error', { error: fields({ message: text(), place: optional(text()) }) }),
};

export type Of<Name extends keyof typeof shapes> = (typeof shapes)[Name] extends Shape<infer T> ? T : never;
