import { type Duration, duration, milliseconds } from './clock.js';
import { document, documents, eventDate, type Field, instant } from './documents.js';
import { type Fault, faultShape } from './faults.js';
import { attachedRole, furtherInterface, identityTree } from './instance.js';
import { type CredentialsTerms, credentialsFrom, type JsonNode, nodeShape, pathShape, toNode } from './jsontree.js';
import { type InstanceSettings, instanceSettings } from './options.js';
import { oneOf, type Shape, text, variants, wholeNumber } from './shape.js';
import type { MetadataTree, Value } from './tree.js';

/** Something that happens to the instance. */
export type TimelineEvent =
  /** Puts a value or a directory at a path, as `emulator.set` does. */
  | { readonly event: 'set'; readonly path: string; readonly value: JsonNode }
  /** Takes away what is at a path. */
  | { readonly event: 'remove'; readonly path: string }
  /** Changes the instance's options. */
  | { readonly event: 'configure'; readonly options: InstanceSettings }
  /** Puts a fault in place. */
  | { readonly event: 'fault'; readonly fault: Fault }
  /** Voids every session token. */
  | { readonly event: 'expire-tokens' }
  /**
   * A Spot interruption is announced, and after `notice` the instance is gone: nobody listens until it is resumed. Default
   * `terminate`, two minutes ahead; hibernation begins at once.
   */
  | {
      readonly event: 'spot-interruption';
      readonly action?: 'terminate' | 'stop' | 'hibernate';
      readonly notice?: Duration;
    }
  /** A rebalance recommendation. */
  | { readonly event: 'rebalance' }
  /**
   * A maintenance event is scheduled; it begins after `startsIn` (default `10m`) and takes `lasts` (default `2h`). Then it
   * is completed, or at its beginning canceled, and part of the history. Default `system-reboot`, `completed`.
   */
  | {
      readonly event: 'maintenance';
      readonly code?: MaintenanceCode;
      readonly eventId?: string;
      readonly startsIn?: Duration;
      readonly lasts?: Duration;
      readonly outcome?: 'completed' | 'canceled';
    }
  /** The Auto Scaling state that the instance is moving towards. */
  | { readonly event: 'autoscaling'; readonly state: LifecycleState }
  /** An instance profile is attached, in place of the one there was. Default role and profile: `example-role`, its name. */
  | ({ readonly event: 'attach-role'; readonly role?: string; readonly profile?: string } & CredentialsTerms)
  /** The instance profile is detached: there is no `iam/`. */
  | { readonly event: 'detach-role' }
  /** The role's trust policy no longer lets EC2 assume it: its credentials are an error document. */
  | { readonly event: 'break-trust' }
  /** The role gets new credentials, which are renewed from now on. */
  | ({ readonly event: 'rotate-credentials' } & CredentialsTerms)
  /** The root volume is replaced from another AMI: `ami-id` and the identity document name that one. */
  | { readonly event: 'replace-root-volume'; readonly imageId: string }
  /**
   * A network interface is attached. Its MAC address shows at once, with `device-number` 0; the right number and the other
   * leaves follow after `lag`. Default `5s`, device number 2, network card 0.
   */
  | {
      readonly event: 'attach-interface';
      readonly mac: string;
      readonly deviceNumber?: number;
      readonly networkCard?: number;
      readonly lag?: Duration;
    }
  /** A network interface is detached. */
  | { readonly event: 'detach-interface'; readonly mac: string }
  /** The instance hibernates: nobody listens. */
  | { readonly event: 'hibernate' }
  /** A hibernated or stopped instance is back. All session tokens are void, and there is no interruption notice. */
  | { readonly event: 'resume' };

/** An event, and when it happens. */
export type TimelineEntry = TimelineEvent &
  (
    | {
        /** Counted from the emulator's start or, with `on`, from the trigger. Default with `on`: `0s`. */
        readonly at: Duration;
        /** Happens when `emulator.trigger` is called with this name, each time. */
        readonly on?: string;
      }
    | { readonly on: string; readonly at?: Duration }
  );

/** What a maintenance event will do. */
export type MaintenanceCode =
  | 'instance-stop'
  | 'instance-retirement'
  | 'instance-reboot'
  | 'system-reboot'
  | 'system-maintenance';

/** Where Auto Scaling moves an instance. */
export type LifecycleState =
  | 'Detached'
  | 'InService'
  | 'Standby'
  | 'Terminated'
  | 'Warmed:Hibernated'
  | 'Warmed:Running'
  | 'Warmed:Stopped'
  | 'Warmed:Terminated';

/** An event, or a step of one, that has happened. */
export interface SeenEvent {
  /** When it was due, by the emulator's clock, in milliseconds since 1970. */
  readonly at: number;
  /** Its name in the timeline, such as `spot-interruption`. */
  readonly event: TimelineEvent['event'];
  /** What happened, in words. */
  readonly detail: string;
  /** Why it could not happen, such as a path below a value. */
  readonly error?: unknown;
}

const descriptions: Readonly<Record<MaintenanceCode, string>> = {
  'instance-stop': 'The instance is running on degraded hardware',
  'instance-retirement': 'The instance is running on degraded hardware',
  'instance-reboot': 'scheduled reboot',
  'system-reboot': 'scheduled reboot',
  'system-maintenance': 'scheduled maintenance',
};
const name = text('a name of letters, digits and + = , . @ _ -', /^[\w+=,.@-]{1,128}$/);
const mac = text('a MAC address such as 0e:49:61:0f:c3:99', /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/);
const lifetime = { lifetime: duration };

/** An event; with `common` fields beside its own. */
export function eventShape(common: Readonly<Record<string, Shape>>): Shape {
  return variants(
    'event',
    {
      set: [{ path: pathShape, value: nodeShape }, {}],
      remove: [{ path: pathShape }, {}],
      configure: [{ options: instanceSettings }, {}],
      fault: [{ fault: faultShape }, {}],
      'expire-tokens': [{}, {}],
      'spot-interruption': [{}, { action: oneOf('terminate', 'stop', 'hibernate'), notice: duration }],
      rebalance: [{}, {}],
      maintenance: [
        {},
        {
          code: oneOf(...Object.keys(descriptions)),
          eventId: name,
          startsIn: duration,
          lasts: duration,
          outcome: oneOf('completed', 'canceled'),
        },
      ],
      autoscaling: [
        {
          state: oneOf(
            ...['Detached', 'InService', 'Standby', 'Terminated'],
            ...['Warmed:Hibernated', 'Warmed:Running', 'Warmed:Stopped', 'Warmed:Terminated'],
          ),
        },
        {},
      ],
      'attach-role': [{}, { role: name, profile: name, ...lifetime }],
      'detach-role': [{}, {}],
      'break-trust': [{}, {}],
      'rotate-credentials': [{}, lifetime],
      'replace-root-volume': [{ imageId: name }, {}],
      'attach-interface': [
        { mac },
        { deviceNumber: wholeNumber(0, 255), networkCard: wholeNumber(0, 255), lag: duration },
      ],
      'detach-interface': [{ mac }, {}],
      hibernate: [{}, {}],
      resume: [{}, {}],
    },
    common,
  );
}

/** What events act upon. */
export interface World {
  readonly tree: MetadataTree;
  readonly configure: (settings: InstanceSettings) => void;
  readonly plant: (fault: Fault, at: number) => void;
  readonly expireTokens: () => void;
  readonly power: (state: 'on' | 'off') => void;
  /** Number of the next set of credentials. */
  readonly nextSerial: () => number;
}

/** What an event does. */
export interface Effect {
  /** Does it, and says in words what happened. */
  readonly act: (at: Date) => string;
  /** What nothing more is to come of, though an earlier event has begun it. */
  readonly callsOff?: string;
  readonly later?: Sequel;
}

/** What comes of an event later, unless another one calls it off. */
export interface Sequel {
  readonly afterMs: number;
  readonly act: Effect['act'];
  readonly about?: string;
}

/** What an event does. */
export function effectOf(event: TimelineEvent, world: World): Effect {
  const { tree } = world;
  const once = (act: Effect['act']): Effect => ({ act });
  switch (event.event) {
    case 'set':
      return once((at) => {
        tree.set(event.path, toNode(event.value, at), at);
        return `${event.path} is set`;
      });
    case 'remove':
      return once((at) => `${event.path} ${tree.remove(event.path, at) ? 'is removed' : 'was not there'}`);
    case 'configure':
      return once(() => {
        world.configure(event.options);
        const changes = Object.entries(event.options).map(([option, value]) => `${option} ${value}`);
        return changes.join(', ');
      });
    case 'fault':
      return once((at) => {
        world.plant(event.fault, at.getTime());
        return event.fault.kind;
      });
    case 'expire-tokens':
      return once(() => {
        world.expireTokens();
        return 'all session tokens are void';
      });
    case 'spot-interruption':
      return spotInterruption(event, world);
    case 'rebalance':
      return once((at) => {
        tree.set('events/recommendations/rebalance', `{"noticeTime": "${instant(at)}"}`, at);
        return 'a rebalance is recommended';
      });
    case 'maintenance':
      return maintenance(event, tree);
    case 'autoscaling':
      return once((at) => {
        tree.set('autoscaling/target-lifecycle-state', event.state, at);
        return `towards ${event.state}`;
      });
    case 'attach-role':
      return once((at) => {
        const { role = 'example-role', profile = role, lifetime = '6h' } = event;
        const terms = { launched: at, lifetimeMs: milliseconds(lifetime), serial: world.nextSerial() };
        tree.set('iam', attachedRole(role, profile, terms), at);
        return `the role is ${role}`;
      });
    case 'detach-role':
      return once((at) => {
        tree.remove('iam', at);
        return noRole;
      });
    case 'break-trust':
      return once((at) => {
        const isThere = eachRole(tree, at, (role) => untrusted(role, at));
        return isThere ? 'EC2 cannot assume the role' : noRole;
      });
    case 'rotate-credentials':
      return once((at) => {
        const isThere = eachRole(tree, at, () => credentialsFrom(event, at, world.nextSerial()));
        return isThere ? 'the role has new credentials' : noRole;
      });
    case 'replace-root-volume':
      return once((at) => {
        tree.set('ami-id', event.imageId, at);
        const current = objectIn(textAt(tree, 'dynamic/instance-identity/document', at));
        if (current)
          tree.set(
            'dynamic/instance-identity',
            identityTree(() => ({ ...current, imageId: event.imageId }), at),
            at,
          );
        return `the AMI is ${event.imageId}`;
      });
    case 'attach-interface':
      return attachInterface(event, tree);
    case 'detach-interface':
      return {
        act: (at) => `${event.mac} ${tree.remove(`${interfaces}/${event.mac}`, at) ? 'is gone' : 'was not there'}`,
        callsOff: event.mac,
      };
    case 'hibernate':
      return once(() => {
        world.power('off');
        return 'the instance hibernates';
      });
    case 'resume':
      return {
        act(at) {
          tree.remove('spot', at);
          world.expireTokens();
          world.power('on');
          return 'the instance is back, all session tokens are void';
        },
        callsOff: interruption,
      };
  }
}

type Of<Name extends TimelineEvent['event']> = Extract<TimelineEvent, { readonly event: Name }>;

const interfaces = 'network/interfaces/macs';
const interruption = 'interruption';
const noRole = 'there is no role';

function spotInterruption(event: Of<'spot-interruption'>, { tree, power }: World): Effect {
  const { action = 'terminate' } = event;
  const noticeMs = milliseconds(event.notice ?? (action === 'hibernate' ? 0 : '2m'));
  return {
    act(at) {
      const time = instant(new Date(at.getTime() + noticeMs));
      tree.set(
        'spot',
        { 'instance-action': `{"action": "${action}", "time": "${time}"}`, 'termination-time': time },
        at,
      );
      return `${action} at ${time} is announced`;
    },
    callsOff: interruption,
    later: {
      afterMs: noticeMs,
      act() {
        power('off');
        return 'the instance is gone';
      },
      about: interruption,
    },
  };
}

function maintenance(event: Of<'maintenance'>, tree: MetadataTree): Effect {
  const { code = 'system-reboot', eventId = 'instance-event-0d59937288b749b33', outcome = 'completed' } = event;
  const startsInMs = milliseconds(event.startsIn ?? '10m');
  const endsInMs = startsInMs + milliseconds(event.lasts ?? '2h');
  const change = (list: 'scheduled' | 'history', at: Date, edit: (all: readonly Row[]) => readonly Row[]): void => {
    const path = `events/maintenance/${list}`;
    tree.set(path, documents(edit(rowsIn(textAt(tree, `meta-data/${path}`, at)))), at);
  };
  return {
    act(at) {
      const notBefore = new Date(at.getTime() + startsInMs);
      const row = {
        NotBefore: eventDate(notBefore),
        Code: code,
        Description: descriptions[code],
        EventId: eventId,
        NotAfter: eventDate(new Date(at.getTime() + endsInMs)),
        State: 'active',
      };
      change('scheduled', at, (all) => [...all, row]);
      return `${code} at ${instant(notBefore)} is scheduled`;
    },
    later: {
      afterMs: outcome === 'completed' ? endsInMs : startsInMs,
      act(at) {
        const scheduled = rowsIn(textAt(tree, 'meta-data/events/maintenance/scheduled', at));
        const isThis = ({ EventId }: Row): boolean => EventId === eventId;
        const word = outcome === 'completed' ? '[Completed]' : '[Canceled]';
        const past = scheduled
          .filter(isThis)
          .map((row) => ({ ...row, Description: `${word} ${row['Description']}`, State: outcome }));
        change('scheduled', at, (all) => all.filter((row) => !isThis(row)));
        change('history', at, (all) => [...past, ...all]);
        return `${code} is ${outcome}`;
      },
    },
  };
}

function attachInterface(event: Of<'attach-interface'>, tree: MetadataTree): Effect {
  const { mac, deviceNumber = 2, networkCard = 0, lag = '5s' } = event;
  const path = `${interfaces}/${mac}`;
  const whole = furtherInterface(mac, deviceNumber, networkCard);
  return {
    act(at) {
      const { 'interface-id': id = '', 'owner-id': owner = '' } = whole;
      tree.set(path, { 'device-number': '0', 'interface-id': id, mac, 'owner-id': owner }, at);
      return `${mac} shows, with device number 0`;
    },
    callsOff: mac,
    later: {
      afterMs: milliseconds(lag),
      act(at) {
        tree.set(path, whole, at);
        return `${mac} is complete, with device number ${deviceNumber}`;
      },
      about: mac,
    },
  };
}

/** Puts another document in the place of each role's credentials; false if there is no role. */
function eachRole(tree: MetadataTree, at: Date, document: (role: string) => Value): boolean {
  const roles = textAt(tree, 'meta-data/iam/security-credentials', at)?.split('\n') ?? [];
  for (const role of roles) tree.set(`iam/security-credentials/${role}`, document(role), at);
  return roles.length > 0;
}

function untrusted(role: string, at: Date): string {
  const page = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html';
  return document({
    Code: 'AssumeRoleUnauthorizedAccess',
    Message: `EC2 cannot assume the role ${role}. Please see documentation at ${page}#troubleshoot_iam-ec2_errors-info-doc.`,
    LastUpdated: instant(at),
  });
}

type Row = Readonly<Record<string, Field>>;

function textAt(tree: MetadataTree, path: string, at: Date): string | undefined {
  const content = tree.read(path.split('/'), at, undefined)?.content;
  return content === undefined ? undefined : Buffer.from(content).toString();
}

function rowsIn(json: string | undefined): readonly Row[] {
  const list: unknown = parsed(json);
  return Array.isArray(list) ? list : [];
}

function objectIn(json: string | undefined): Row | undefined {
  const found = parsed(json);
  return typeof found === 'object' ? (found ?? undefined) : undefined;
}

/** What somebody's tree holds instead of JSON counts as nothing. */
function parsed(json: string | undefined) {
  try {
    return JSON.parse(json ?? 'null');
  } catch {
    return undefined;
  }
}
