import { Clock, isSpan, latestTime, longestSpan } from './clock.js';
import type { Delivery } from './delivery.js';
import type { TimelineEvent } from './events.js';
import type { FaultHandle } from './fault-list.js';
import { type Fault, faultShape } from './faults.js';
import { type Context, type Handled, handle, reject } from './handler.js';
import {
  checkOptions,
  defaultOptions,
  type InstanceOptions,
  type InstanceSettings,
  instanceFields,
  withSettings,
} from './instance-options.js';
import { Journal, type SeenRequest } from './journal.js';
import { EmulatorOptionError, refused } from './option-error.js';
import { type EmulatorOptions, proxyExceptions, readOptions } from './options.js';
import { eventAloneShape, startTree } from './scenario.js';
import { type Handler, Server } from './server.js';
import { State } from './state.js';
import { Timeline } from './timeline.js';
import type { Tree, Value } from './tree.js';

/** Limits of the emulator's timer: not to spin while a clock stands still, and what Node takes. */
const shortestWaitMs = 10;
const longestWaitMs = 2 ** 31 - 1;

/** An instance metadata service of your own. */
export class Emulator {
  readonly #start: ReturnType<typeof readOptions>;
  readonly #clock: Clock;
  readonly #state: State;
  readonly #timeline: Timeline;
  readonly #journal = new Journal();
  readonly #servers: Server[] = [];
  /** Resolved once the sockets listen, or do not, as they should. */
  #settled: Promise<unknown> = Promise.resolve();
  #isListening = true;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: EmulatorOptions) {
    this.#start = readOptions(options);
    const { scenario, settings, tree, now, speed, onEvent } = this.#start;
    this.#clock = new Clock(now, speed);
    const launched = new Date(this.#clock.started);
    this.#state = new State({
      launched,
      tree: startTree(scenario, tree, launched),
      options: withSettings(withSettings(defaultOptions, scenario.options ?? {}), settings),
      seed: scenario.seed ?? 0,
    });
    for (const fault of scenario.faults ?? []) this.#state.faults.add(fault, this.#clock.started);
    this.#timeline = new Timeline(scenario.timeline ?? [], this.#state, (event) => announce(onEvent, event));
  }

  /** See `createEmulator`. */
  static async start(options: EmulatorOptions): Promise<Emulator> {
    const emulator = new Emulator(options);
    emulator.#settle();
    try {
      await emulator.#listen();
    } catch (error) {
      await emulator.close();
      throw error;
    }
    return emulator;
  }

  /** Where it listens, without a slash at the end, such as `http://127.0.0.1:41253`. */
  get url(): string {
    return this.urls[0] ?? '';
  }

  /** One URL for each `host`. */
  get urls(): readonly string[] {
    return this.#servers.map(({ url }) => url);
  }

  /**
   * Environment variables that lead AWS's SDKs and tools, and this package, to the emulator, past any proxy: its hosts join
   * the `NO_PROXY` of this process.
   */
  get env(): Readonly<Record<string, string>> {
    // Some tools want an IPv6 address with its brackets, and others without.
    const hosts = this.urls.map((url) => new URL(url).hostname).flatMap((host) => [host, host.replace(/[[\]]/g, '')]);
    const given = proxyExceptions();
    const all = new Set([...given.flatMap((list) => list.split(',')), ...hosts].filter((host) => host !== ''));
    const passed = given.includes('*') ? '*' : [...all].join();
    return {
      // With a slash at the end: AWS CLI 2.9, as in Debian 12, appends the path without one, and others do not mind.
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `${this.url}/`,
      AWS_EC2_METADATA_DISABLED: 'false',
      NO_PROXY: passed,
      no_proxy: passed,
    };
  }

  /** The instance's options as they are now. Changed by `configure`. */
  get options(): InstanceOptions {
    this.#settle();
    return this.#state.options;
  }

  /** The latest 10,000 requests, oldest first. The same array for the emulator's whole life. */
  get requests(): readonly SeenRequest[] {
    return this.#journal.requests;
  }

  /** The emulator's clock, in milliseconds since 1970. */
  now(): number {
    return this.#clock.now();
  }

  /**
   * Moves the clock forward by so many milliseconds and runs what falls due, synchronously. The promise is resolved once
   * the sockets, too, listen or not as they should.
   */
  async advance(milliseconds: number): Promise<void> {
    if (!isSpan(milliseconds)) {
      throw refused('advance()', `given a number of milliseconds from 0 to ${longestSpan}`, milliseconds);
    }
    if (this.now() + milliseconds > latestTime)
      throw new EmulatorOptionError('advance() cannot go beyond the year 9000');
    this.#clock.advance(milliseconds);
    this.#settle();
    await this.#settled;
  }

  /**
   * Makes an event happen now, or what waits in the scenario's timeline for a trigger of this name.
   *
   * @throws EmulatorOptionError for a name that nothing waits for, or an event that cannot be used
   */
  trigger(what: string | TimelineEvent): void {
    this.#change((now) => {
      if (typeof what === 'string') this.#timeline.trigger(what, now);
      else this.#timeline.add(eventAloneShape.check(what, 'event'), now);
    });
  }

  /**
   * Adds a fault, until it is removed or its own terms end it.
   *
   * @throws EmulatorOptionError naming the field and what is accepted
   * @example
   * const outage = emulator.fault({ kind: 'status', status: 503, paths: 'iam/**', times: 2 });
   */
  fault(fault: Fault): FaultHandle {
    return this.#change((now) => {
      const added = this.#state.faults.add(faultShape.check(fault, 'fault'), now);
      return {
        fault: added.fault,
        get hits() {
          return added.hits;
        },
        remove: () => this.#change(() => added.remove()),
      };
    });
  }

  /**
   * Changes options of the running instance, at once; those not named stay.
   *
   * @throws EmulatorOptionError naming the option and what is accepted
   */
  configure(settings: InstanceSettings): void {
    checkOptions(settings, 'configure()', instanceFields);
    this.#change(() => {
      this.#state.options = withSettings(this.#state.options, settings);
    });
  }

  /**
   * Puts a value, or a directory of values, at a path, in place of what was there.
   *
   * @example
   * emulator.set('spot/instance-action', '{"action": "stop", "time": "2026-11-23T09:30:00Z"}');
   */
  set(path: string, value: Value | Tree): void {
    this.#change((now) => this.#state.tree.set(path, value, new Date(now)));
  }

  /** Removes a value or a directory; the path is then answered 404. False if nothing was there. */
  remove(path: string): boolean {
    return this.#change((now) => this.#state.tree.remove(path, new Date(now)));
  }

  /** Ends every session token issued so far, as hibernation does: reads with one of them are answered 401. */
  expireTokens(): void {
    this.#change(() => this.#state.tokens.voidAll());
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#setListening(false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    const { hosts, port } = this.#start;
    const handler: Handler = {
      handle: (request) => this.#note(handle(request, this.#context())),
      reject: (status, request) => this.#note(reject(status, request, this.#context())),
      servesIpv6: () => this.#state.options.httpProtocolIpv6 === 'enabled',
    };
    for (const host of hosts) this.#servers.push(await Server.listen(host, port, handler));
    await this.#setListening(this.#isListening);
  }

  #context(): Context {
    this.#settle();
    const { hosts, allowedHosts } = this.#start;
    return { hosts: [...hosts, ...allowedHosts], state: this.#state, now: this.now() };
  }

  #note({ delivery, entry }: Handled): Delivery {
    this.#journal.add(entry);
    announce(this.#start.onRequest, entry);
    return delivery;
  }

  /** Every change by a caller: after all that was due before it, and before all that becomes due by it. */
  #change<Result>(change: (now: number) => Result): Result {
    this.#settle();
    const result = change(this.now());
    this.#settle();
    return result;
  }

  /** Runs what is due, has the sockets follow, and sets the timer for what is next. */
  #settle(): void {
    if (this.#isClosed) return;
    const now = this.now();
    this.#timeline.settle(now);
    const isListening = this.#state.absence(now) === undefined;
    if (isListening !== this.#isListening) this.#settled = this.#setListening(isListening);
    const next = Math.min(this.#timeline.next, this.#state.faults.nextChange(now));
    clearTimeout(this.#timer);
    const waitMs = Math.min(Math.max(this.#clock.until(next), shortestWaitMs), longestWaitMs);
    this.#timer = setTimeout(() => this.#settle(), waitMs);
    // A socket that listens keeps the process alive; while none does, the timer must.
    if (isListening) this.#timer.unref();
  }

  #setListening(isListening: boolean): Promise<unknown> {
    this.#isListening = isListening;
    return Promise.all(this.#servers.map((server) => server.setListening(isListening)));
  }
}

/** An error thrown by a listener is uncaught, once the work under way is done. */
function announce<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
