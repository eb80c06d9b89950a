import { type Duration, duration, later, milliseconds } from './clock.js';
import { document, instant } from './documents.js';
import { faultShape } from './faults.js';
import { documentPath } from './identity.js';
import { furtherInterface } from './instance.js';
import { scenarioOptions } from './instance-options.js';
import { archive, maintenanceCode, schedule } from './maintenance.js';
import { pathShape } from './path.js';
import { attachedRole, credentialsFrom, eachRole, untrusted } from './roles.js';
import {
  type Fields,
  type ObjectOf,
  oneOf,
  optional,
  type Shape,
  text,
  type UnionOf,
  variants,
  wholeNumber,
} from './shape.js';
import type { State } from './state.js';
import { nodeShape, toNode } from './values.js';

interface Declaration<F extends Fields> {
  readonly fields: F;
  /** Makes the event happen; returns what happens, in words, and the milliseconds until its end, if it has one. */
  run(fields: ObjectOf<F>, state: State, at: Date): string | readonly [detail: string, endsIn: number];
  /** Makes the end of the event happen; returns what happens, in words. */
  end?(fields: ObjectOf<F>, state: State, at: Date): string;
  /** The subject of the event: another event with the same subject cancels its end. */
  about?(fields: ObjectOf<F>): string;
}

/** The declaration of an event. Its type has only the fields, because it becomes part of the published types. */
function event<F extends Fields>(
  fields: F,
  run: Declaration<F>['run'],
  consequences: Pick<Declaration<F>, 'about' | 'end'> = {},
): { readonly fields: F } {
  const declaration: Declaration<F> = { fields, run, ...consequences };
  return declaration;
}

const lifecycleState = oneOf(
  ...(['Detached', 'InService', 'Standby', 'Terminated'] as const),
  ...(['Warmed:Hibernated', 'Warmed:Running', 'Warmed:Stopped', 'Warmed:Terminated'] as const),
);
const usualCode = 'system-reboot';
const usualEventId = 'instance-event-0d59937288b749b33';
const name = text('a name of letters, digits and + = , . @ _ -', /^[\w+=,.@-]{1,128}$/);
const mac = text('a MAC address such as 0e:49:61:0f:c3:99', /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/);
const lifetime = optional(duration);
const interfaces = 'network/interfaces/macs';
const interruption = () => 'interruption';
const noRole = 'there is no role';

const events = {
  set: event({ path: pathShape, value: nodeShape }, ({ path, value }, { tree }, at) => {
    tree.set(path, toNode(value, at), at);
    return `${path} is set`;
  }),

  remove: event({ path: pathShape }, ({ path }, { tree }, at) =>
    tree.remove(path, at) ? `${path} is removed` : `${path} was not there`,
  ),

  configure: event({ options: scenarioOptions }, ({ options }, state) => {
    state.configure(options);
    const words = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : value);
    const changes = Object.entries(options).map(([name, value]) => `${name} ${words(value)}`);
    return changes.join(', ');
  }),

  fault: event({ fault: faultShape }, ({ fault }, { faults }, at) => {
    faults.add(fault, at.getTime());
    return fault.kind;
  }),

  'expire-tokens': event({}, (_, { tokens }) => {
    tokens.voidAll();
    return 'all session tokens are void';
  }),

  /** A Spot interruption is announced, and after `notice` the instance is off until it is resumed. */
  'spot-interruption': event(
    { action: optional(oneOf('terminate', 'stop', 'hibernate')), notice: optional(duration) },
    ({ action = 'terminate', notice = action === 'hibernate' ? 0 : '2m' }, { tree }, at) => {
      const endsIn = milliseconds(notice);
      const time = instant(later(at, endsIn));
      const announced = { 'instance-action': `{"action": "${action}", "time": "${time}"}` };
      // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
      tree.set('spot', action === 'terminate' ? { ...announced, 'termination-time': time } : announced, at);
      return [`${action} at ${time} is announced`, endsIn];
    },
    {
      about: interruption,
      end(_, state) {
        state.isOn = false;
        return 'the instance is gone';
      },
    },
  ),

  rebalance: event({}, (_, { tree }, at) => {
    tree.set('events/recommendations/rebalance', `{"noticeTime": "${instant(at)}"}`, at);
    return 'a rebalance is recommended';
  }),

  /**
   * A maintenance event is scheduled, replacing one with the same ID, and moves to the history at its end, or if
   * canceled, when it would begin.
   */
  maintenance: event(
    {
      code: optional(maintenanceCode),
      eventId: optional(name),
      startsIn: optional(duration),
      lasts: optional(duration),
      outcome: optional(oneOf('completed', 'canceled')),
    },
    ({ code = usualCode, eventId = usualEventId, startsIn = '10m', lasts = '2h', outcome }, { tree }, at) => {
      const begin = later(at, milliseconds(startsIn));
      const end = later(begin, milliseconds(lasts));
      schedule(tree, { code, eventId, begin, end }, at);
      const ended = outcome === 'canceled' ? begin : end;
      return [`${code} at ${instant(begin)} is scheduled`, ended.getTime() - at.getTime()];
    },
    {
      about: ({ eventId = usualEventId }) => `maintenance ${eventId}`,
      end({ code = usualCode, eventId = usualEventId, outcome = 'completed' }, { tree }, at) {
        archive(tree, eventId, outcome, at);
        return `${code} is ${outcome}`;
      },
    },
  ),

  /** The Auto Scaling state that the instance is moving to. */
  autoscaling: event({ state: lifecycleState }, ({ state }, { tree }, at) => {
    tree.set('autoscaling/target-lifecycle-state', state, at);
    return `towards ${state}`;
  }),

  /** An instance profile is attached, replacing any other. Default role `example-role`, profile named like the role. */
  'attach-role': event(
    { role: optional(name), profile: optional(name), lifetime },
    ({ role = 'example-role', profile = role, ...terms }, state, at) => {
      state.tree.set('iam', attachedRole(role, profile, terms, at, state.nextSerial()), at);
      return `the role is ${role}`;
    },
  ),

  /** The instance profile is detached: there is no `iam/`. */
  'detach-role': event({}, (_, { tree }, at) => {
    tree.remove('iam', at);
    return noRole;
  }),

  /** The role's trust policy no longer lets EC2 assume it: its credentials are an error document. */
  'break-trust': event({}, (_, { tree }, at) =>
    eachRole(tree, at, (role) => untrusted(role, at)) ? 'EC2 cannot assume the role' : noRole,
  ),

  /** The role gets new credentials, which are renewed from now on. */
  'rotate-credentials': event({ lifetime }, (terms, state, at) =>
    eachRole(state.tree, at, () => credentialsFrom(terms, at, state.nextSerial()))
      ? 'the role has new credentials'
      : noRole,
  ),

  /** The root volume is replaced from another AMI, named by `ami-id` and the identity document. */
  'replace-root-volume': event({ imageId: name }, ({ imageId }, { tree }, at) => {
    tree.set('ami-id', imageId, at);
    const current = tree.json(documentPath, at);
    // The base's document follows automatically, one set by the user does not.
    if (typeof current === 'object' && current !== null && !('imageId' in current && current.imageId === imageId))
      tree.set(documentPath, document({ ...current, imageId }), at);
    return `the AMI is ${imageId}`;
  }),

  /** A network interface is attached: MAC address and `device-number` 0 at once, everything else after `lag`. */
  'attach-interface': event(
    {
      mac,
      deviceNumber: optional(wholeNumber(0, 255)),
      networkCard: optional(wholeNumber(0, 255)),
      lag: optional(duration),
    },
    ({ mac, deviceNumber = 1, networkCard = 0, lag = '5s' }, { tree }, at) => {
      const { 'interface-id': id = '', 'owner-id': owner = '' } = furtherInterface(mac, deviceNumber, networkCard);
      tree.set(`${interfaces}/${mac}`, { 'device-number': '0', 'interface-id': id, mac, 'owner-id': owner }, at);
      return [`${mac} appears, with device number 0`, milliseconds(lag)];
    },
    {
      about: ({ mac }) => mac,
      end({ mac, deviceNumber = 1, networkCard = 0 }, { tree }, at) {
        tree.set(`${interfaces}/${mac}`, furtherInterface(mac, deviceNumber, networkCard), at);
        return `${mac} is complete, with device number ${deviceNumber}`;
      },
    },
  ),

  'detach-interface': event(
    { mac },
    ({ mac }, { tree }, at) => `${mac} ${tree.remove(`${interfaces}/${mac}`, at) ? 'is gone' : 'was not there'}`,
    { about: ({ mac }) => mac },
  ),

  hibernate: event({}, (_, state) => {
    state.isOn = false;
    return 'the instance hibernates';
  }),

  /** A hibernated or stopped instance is back. All session tokens are void, and there is no interruption notice. */
  resume: event(
    {},
    (_, state, at) => {
      state.tree.remove('spot', at);
      state.tokens.voidAll();
      state.isOn = true;
      return 'the instance is back, all session tokens are void';
    },
    { about: interruption },
  ),
};

/** Something that happens to the instance. */
export type TimelineEvent = UnionOf<'event', typeof events>;

/** An event; with `part`, only its end, since the rest has happened before. */
export type TimelineStep = TimelineEvent & { readonly part?: 'end' };

/** An event, and when it happens. */
export type TimelineEntry = TimelineStep &
  (
    | {
        /** Counted from the emulator's start or, with `on`, from the trigger. Default with `on`: `0s`. */
        readonly at: Duration;
        /** Happens when `emulator.trigger` is called with this name, each time. */
        readonly on?: string;
      }
    | { readonly on: string; readonly at?: Duration }
  );

/** An event, or the end of one, that has happened. */
export interface SeenEvent {
  /** When it was due, by the emulator's clock, in milliseconds since the epoch. */
  readonly at: number;
  /** Its name in the timeline, such as `spot-interruption`. */
  readonly event: TimelineEvent['event'];
  /** The description of what happened. */
  readonly detail: string;
  /** The reason that it could not happen, such as a path below a value. */
  readonly error?: unknown;
}

/** An event; with `common` fields beside its own, and `ending` beside those of an event that has an end. */
export function eventShape<T extends TimelineEvent>(
  common: Fields,
  ending: Fields = {},
  also?: (event: T, path: string) => void,
): Shape<T> {
  const all = Object.entries(events).map(([name, { fields }]) => {
    const isEnding = declarationOf(name as TimelineEvent['event']).end !== undefined;
    return [name, { ...common, ...(isEnding && ending), ...fields }];
  });
  return variants('event', Object.fromEntries(all), also);
}

export const declarationOf = (name: TimelineEvent['event']) => events[name] as Declaration<Fields>;
