import { Clock, latestTime, longestSpan } from './clock.js';
import type { TimelineEvent } from './events.js';
import { type Delivery, type Fault, type FaultHandle, Faults } from './faults.js';
import { identityOf, instanceTree } from './instance.js';
import { toTree } from './jsontree.js';
import { type Listener, listen, type Reception } from './listener.js';
import {
  changeOptions,
  checkNames,
  type EmulatorOptions,
  type InstanceOptions,
  type InstanceSettings,
  readOptions,
} from './options.js';
import { EmulatorOptionError, refused } from './refusal.js';
import { type Attended, attend, type Premises, type SeenRequest, turnAway } from './requests.js';
import { checkEvent, checkFault } from './scenario.js';
import { scenarioOf } from './scenarios.js';
import { Timeline } from './timeline.js';
import { SessionTokens } from './tokens.js';
import { MetadataTree, type Tree, type Value } from './tree.js';

export type { Duration } from './clock.js';
export type { LifecycleState, MaintenanceCode, SeenEvent, TimelineEntry, TimelineEvent } from './events.js';
export type { Fault, FaultEffect, FaultHandle, FaultScope, FaultStatus, RefuseFault } from './faults.js';
export type { CredentialsTerms, JsonNode, JsonTree, JsonValue } from './jsontree.js';
export type { EmulatorOptions, InstanceOptions, InstanceSettings } from './options.js';
export { EmulatorOptionError } from './refusal.js';
export type { SeenRequest } from './requests.js';
export { parseScenario, type Scenario } from './scenario.js';
export { type ScenarioName, scenarios } from './scenarios.js';
export type { Refusal } from './service.js';
export type { Content, DatedContent, Tree, Value } from './tree.js';

/** An instance metadata service of your own. */
export interface Emulator {
  /** Where it listens, without a slash at the end, such as `http://127.0.0.1:41253`. */
  readonly url: string;
  /** One URL for each `host`. */
  readonly urls: readonly string[];
  /** Environment variables that lead AWS's SDKs and tools, and this package, to the emulator. */
  readonly env: Readonly<Record<string, string>>;
  /** The instance's options as they are now. Changed by `configure`. */
  readonly options: InstanceOptions;
  /** The latest 10,000 requests, oldest first. The same array for the emulator's whole life. */
  readonly requests: readonly SeenRequest[];
  /** The emulator's clock, in milliseconds since 1970. */
  now(): number;
  /**
   * Moves the clock forward by so many milliseconds, and has happen what falls due. It has when this returns; the promise
   * is kept once the sockets, too, listen or not as they should.
   */
  advance(milliseconds: number): Promise<void>;
  /**
   * Has an event happen now, or what in the scenario's timeline waits for a trigger of this name.
   *
   * @throws EmulatorOptionError for a name that nothing waits for, or an event that cannot be used
   */
  trigger(what: string | TimelineEvent): void;
  /**
   * Lets something go wrong, until it is removed or its own terms end it.
   *
   * @throws EmulatorOptionError naming the field and what is accepted
   * @example
   * const outage = emulator.fault({ kind: 'status', status: 503, paths: 'iam/**', times: 2 });
   */
  fault(fault: Fault): FaultHandle;
  /**
   * Changes options of the running instance, at once; those not named stay.
   *
   * @throws EmulatorOptionError naming the option and what is accepted
   */
  configure(settings: InstanceSettings): void;
  /**
   * Puts a value, or a directory of values, at a path, in place of what was there.
   *
   * @example
   * emulator.set('spot/instance-action', '{"action": "stop", "time": "2026-11-23T09:30:00Z"}');
   */
  set(path: string, value: Value | Tree): void;
  /** Takes a value or a directory away; the path is then answered 404. False if nothing was there. */
  remove(path: string): boolean;
  /** Ends every session token issued so far, as hibernation does: reads with one of them are answered 401. */
  expireTokens(): void;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const requestsKept = 10_000;
/** At least this long between two looks at a clock that may not run by itself. */
const shortestWaitMs = 10;
const longestWaitMs = 2 ** 31 - 1;

/**
 * Starts an emulator of the EC2 instance metadata service, on a free port of the loopback interface unless told
 * otherwise. It keeps the process alive until it is closed.
 *
 * @throws EmulatorOptionError for an option that cannot be used, the system's error if it cannot listen
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
 * @example
 * await using emulator = await createEmulator({ httpTokens: 'required' });
 * await fetch(`${emulator.url}/latest/meta-data/instance-id`); // 401
 */
export async function createEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  checkNames(options);
  const scenario = scenarioOf(options.scenario);
  const { hosts, port, base, tree: laidOver, instance: initial, ...read } = readOptions(options, scenario);
  const clock = new Clock(read.now, read.speed);
  const { now } = clock;
  const launched = new Date(clock.started);
  const tree = new MetadataTree();
  if (base === 'instance')
    tree.merge(
      instanceTree(launched, () => identity()),
      launched,
    );
  tree.merge(toTree(scenario.tree ?? {}, launched), launched);
  tree.merge(laidOver, launched);
  // The identity document tells what was laid over the instance, unless that brought a document of its own.
  const identity = identityOf(tree, launched);
  const tokens = new SessionTokens();
  const faults = new Faults(scenario.seed ?? 0);
  for (const fault of scenario.faults ?? []) faults.plant(fault, clock.started);
  let instance = initial;
  let isOn = true;
  let serial = 0;
  const timeline = new Timeline(
    scenario.timeline ?? [],
    clock.started,
    {
      tree,
      configure: (settings) => {
        instance = changeOptions(settings, instance);
      },
      plant: (fault, at) => faults.plant(fault, at),
      expireTokens: () => tokens.voidAll(),
      power: (state) => {
        isOn = state === 'on';
      },
      nextSerial: () => ++serial,
    },
    (event) => tell(read.onEvent, event),
  );

  const listeners: Listener[] = [];
  let isOpen = true;
  let isClosed = false;
  let doors: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let wake = Number.POSITIVE_INFINITY;

  /** Sets the timer for what is next: nothing but the refusal of connections would wait for it in vain. */
  const arm = (): void => {
    clearTimeout(timer);
    const waitMs = wake === Number.POSITIVE_INFINITY ? undefined : clock.until(wake);
    if (waitMs === undefined || isClosed) return;
    timer = setTimeout(
      () => {
        wake = Number.POSITIVE_INFINITY;
        settle();
      },
      Math.min(Math.max(waitMs, shortestWaitMs), longestWaitMs),
    );
    timer.unref();
  };

  /** Brings everything up to the present. */
  const settle = (): void => {
    timeline.settle(now());
    const shouldOpen = isOn && !faults.isRefusing(now());
    if (shouldOpen !== isOpen) {
      isOpen = shouldOpen;
      doors = Promise.all(listeners.map((listener) => listener.setOpen(isOpen)));
    }
    const next = Math.min(timeline.next, faults.nextChange(now()));
    if (next === wake) return;
    wake = next;
    arm();
  };

  const requests: SeenRequest[] = [];
  const premises = (): Premises => {
    settle();
    return {
      hosts,
      instance: { options: instance, tree, tokens, launched, now },
      faults,
      closed: isOpen ? undefined : isOn ? 'fault: refuse' : 'instance off',
    };
  };
  const noted = ({ delivery, request }: Attended): Delivery => {
    requests.push(request);
    if (requests.length > requestsKept) requests.shift();
    tell(read.onRequest, request);
    return delivery;
  };
  const reception: Reception = {
    answer: (asked) => noted(attend(asked, premises())),
    refuse: (status, asked) => noted(turnAway(status, asked, premises())),
    servesIpv6: () => instance.httpProtocolIpv6 === 'enabled',
  };

  settle();
  const close = async (): Promise<void> => {
    isClosed = true;
    clearTimeout(timer);
    await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  };
  try {
    for (const host of hosts) listeners.push(await listen(host, port, reception));
    await Promise.all(listeners.map((listener) => listener.setOpen(isOpen)));
  } catch (error) {
    await close();
    throw error;
  }
  const urls = Object.freeze(listeners.map((listener) => listener.url));
  const [url = ''] = urls;

  return {
    url,
    urls,
    // With a slash at the end: AWS CLI 2.9, as Debian 12 has it, puts the path right behind, and others do not mind.
    env: Object.freeze({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `${url}/`, AWS_EC2_METADATA_DISABLED: 'false' }),
    requests,
    get options() {
      settle();
      return instance;
    },
    now,
    async advance(span) {
      if (typeof span !== 'number' || !(span >= 0 && span <= longestSpan)) {
        throw refused('advance()', `given a number of milliseconds from 0 to ${longestSpan}`, span);
      }
      if (now() + span > latestTime) throw new EmulatorOptionError('advance() cannot go beyond the year 9000');
      clock.advance(span);
      settle();
      arm();
      await doors;
    },
    trigger(what) {
      settle();
      if (typeof what === 'string') timeline.trigger(what, now());
      else {
        checkEvent(what);
        timeline.add(what, now());
      }
      settle();
    },
    fault(fault) {
      settle();
      checkFault(fault);
      const planted = faults.plant(fault, now());
      settle();
      return {
        fault: planted.fault,
        get hits() {
          return planted.hits;
        },
        remove() {
          planted.remove();
          settle();
        },
      };
    },
    configure(settings) {
      settle();
      instance = changeOptions(settings, instance);
    },
    set(path, value) {
      settle();
      tree.set(path, value, new Date(now()));
    },
    remove(path) {
      settle();
      return tree.remove(path, new Date(now()));
    },
    expireTokens() {
      settle();
      tokens.voidAll();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What a listener throws is no concern of the emulator's: it surfaces once what is under way is done. */
function tell<Told>(listener: ((told: Told) => void) | undefined, told: Told): void {
  try {
    listener?.(told);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
