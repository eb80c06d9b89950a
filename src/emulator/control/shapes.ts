import { type Duration, duration, longestSpan } from '../clock.js';
import { eventShape, type TimelineEvent } from '../events.js';
import { faultShape } from '../faults.js';
import { instanceFields } from '../instance-options.js';
import { speed } from '../options.js';
import { type Scenario, scenarioShape, triggerName } from '../scenario.js';
import {
  fields,
  list,
  named,
  numberBetween,
  type ObjectOf,
  objectAt,
  oneOf,
  optional,
  type Schema,
  type Shape,
  simple,
  text,
  wholeNumber,
} from '../shape.js';
import { nodeShape } from '../values.js';

/** Of what only this service makes, which nobody checks. */
const made = <T>(schema: Schema): Shape<T> => simple('', schema, () => true);

const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const flag = made<boolean>({ type: 'boolean' });
const time = made<string>({ type: 'string', format: 'date-time' });
const asInScenario = 'as in the timeline of a scenario, what is secret in it as in a view';

const trigger = fields({ trigger: triggerName });
const event = eventShape<TimelineEvent & { readonly in?: Duration }>({ in: optional(duration) });
type Happening = ObjectOf<{ trigger: Shape<string> }> | (TimelineEvent & { readonly in?: Duration });

/** An event as in a scenario, now or after a time, or the name of a trigger. */
const happening: Shape<Happening> = {
  accepted: 'an event such as {"event": "rebalance"}, or {"trigger": NAME}',
  schema: { anyOf: [trigger.schema, event.schema] },
  check: (value, path) =>
    ('trigger' in objectAt(value, path, happening.accepted) ? trigger : event).check(value, path) as Happening,
};

const options = named('options', fields(instanceFields));
const clock = named('clock', fields({ now: time, started: time, speed, paused: flag }));
const step = made<object>({ type: 'object', required: ['event'], description: asInScenario });
const pending = named('pending', fields({ id: count, time, event: step }));
const placed = named('placed', fields({ id: count, hits: count, over: flag, fault: faultShape }));
const seenEvent = named('seenEvent', fields({ time, event: text(), detail: text(), error: optional(text()) }));
const request = named(
  'request',
  fields({
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
  }),
);
const counts = fields({
  total: count,
  v1: count,
  v2: count,
  token: count,
  other: count,
  refused: count,
  unanswered: count,
});
const network = made<object>({
  type: 'object',
  properties: { kind: { enum: ['pretended', 'lab'] }, place: { type: 'string' }, hops: { type: 'integer' } },
  required: ['kind'],
});

/** Everything that is sent to the service and comes from it, by its name in the OpenAPI document. */
export const shapes = {
  options,
  node: nodeShape,
  fault: faultShape,
  happening: named('happening', happening),
  move: named('move', fields({ in: duration })),
  clockChange: named(
    'clockChange',
    fields({ advanceMs: optional(numberBetween(0, longestSpan)), speed: optional(speed) }),
  ),
  duration,
  clock,
  pending,
  placed,
  seenEvent,
  request,
  consequences: named('consequences', fields({ happened: list(seenEvent), pending: list(pending) })),
  requests: named('requests', fields({ requests: list(request), missed: count })),
  state: named(
    'state',
    fields({
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
  ),
  scenario: named<Scenario>('scenario', scenarioShape),
  view: named(
    'view',
    made<unknown>({
      description: 'Text, an object of views by name, {"$base64": …}, or {"$masked": …} for what is secret.',
      anyOf: [{ type: 'string' }, { type: 'object', additionalProperties: { $ref: '#/$defs/view' } }],
    }),
  ),
  document: named('document', made<unknown>({ type: 'object' })),
  error: named('error', fields({ error: fields({ message: text(), place: optional(text()) }) })),
};

/** What a shape describes. */
export type Of<Name extends keyof typeof shapes> = (typeof shapes)[Name] extends Shape<infer T> ? T : never;
