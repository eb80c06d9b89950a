import { ControlServer } from './control/server.js';
import { Engine } from './engine.js';
import type { TimelineEvent } from './events.js';
import type { FaultHandle } from './fault-list.js';
import { type Fault, faultShape } from './faults.js';
import { handle } from './handler.js';
import { checkOptions, type InstanceOptions, type InstanceSettings, settingFields } from './instance-options.js';
import type { SeenRequest } from './journal.js';
import { type EmulatorOptions, proxyExceptions, readOptions, type Start } from './options.js';
import { eventAloneShape } from './scenario.js';
import { type Handler, Server } from './server.js';
import { newSigner } from './signing.js';
import type { Tree, Value } from './tree.js';

/** An instance metadata service of your own. */
export class Emulator {
  readonly #engine: Engine;
  readonly #servers: Server[] = [];
  #control: ControlServer | undefined;

  private constructor(start: Start) {
    this.#engine = new Engine(start, (isListening) => this.#setListening(isListening));
  }

  /** See `createEmulator`. */
  static async start(options: EmulatorOptions): Promise<Emulator> {
    const start = readOptions(options);
    const emulator = new Emulator({ ...start, signer: start.signIdentity ? await newSigner() : undefined });
    await emulator.#listen().catch(async (error) => {
      await emulator.close();
      throw error;
    });
    return emulator;
  }

  /** Its URL, without a trailing slash, such as `http://127.0.0.1:41253`. */
  get url(): string {
    return this.urls[0] ?? '';
  }

  /** One URL for each `host`. */
  get urls(): readonly string[] {
    return this.#servers.map(({ url }) => url);
  }

  /** The URL of its control service, such as `http://127.0.0.1:41254`; undefined without the option `control`. */
  get controlUrl(): string | undefined {
    return this.#control?.url;
  }

  /** The certificate of the key that signs the identity document, in PEM; undefined without the option `signIdentity`. */
  get certificate(): string | undefined {
    return this.#engine.start.signer?.certificate;
  }

  /**
   * Environment variables that point the AWS SDKs and tools, and this package, to the emulator, bypassing proxies:
   * `NO_PROXY` has its hosts beside those of this process. `IMDS_EMULATOR_CONTROL_URL` is its `controlUrl`.
   */
  get env(): Readonly<Record<string, string>> {
    // Some tools want an IPv6 address with brackets, others without.
    const hosts = [...this.urls, this.controlUrl ?? this.url]
      .map((url) => new URL(url).hostname)
      .flatMap((host) => [host, host.replace(/[[\]]/g, '')]);
    const given = proxyExceptions();
    const all = new Set([...given.flatMap((list) => list.split(',')), ...hosts].filter((host) => host !== ''));
    const passed = given.includes('*') ? '*' : [...all].join();
    return {
      // With a trailing slash: AWS CLI 2.9, as in Debian 12, appends the path without one, and others do not mind.
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `${this.url}/`,
      AWS_EC2_METADATA_DISABLED: 'false',
      NO_PROXY: passed,
      no_proxy: passed,
      ...(this.controlUrl === undefined ? {} : { IMDS_EMULATOR_CONTROL_URL: this.controlUrl }),
    };
  }

  /** The current options of the instance. Changed by `configure`. */
  get options(): InstanceOptions {
    this.#engine.settleDue();
    return this.#engine.state.options;
  }

  /** The latest 10,000 requests, oldest first. Always the same array. */
  get requests(): readonly SeenRequest[] {
    return this.#engine.journal.requests;
  }

  /** The emulator's clock, in milliseconds since the epoch. */
  now(): number {
    return this.#engine.clock.now();
  }

  /**
   * Advances the clock and runs everything due, synchronously. The promise resolves once the sockets, too, listen or
   * do not, as they should.
   */
  async advance(milliseconds: number): Promise<void> {
    this.#engine.advance(milliseconds, 'advance()');
    await this.#engine.settled;
  }

  /**
   * Makes an event happen now, or the events in the scenario's timeline that wait for a trigger of this name.
   *
   * @throws EmulatorOptionError for a name that nothing waits for, and an event that is invalid or cannot happen, such
   *   as a `set` below a value
   */
  trigger(what: string | TimelineEvent): void {
    this.#engine.change((now) => {
      const { timeline } = this.#engine;
      if (typeof what === 'string') timeline.trigger(what, now);
      else timeline.add(eventAloneShape.check(what, 'event'), now);
      this.#engine.settleChange();
    });
  }

  /**
   * Adds a fault, which lasts until it is removed or ends by its own fields.
   *
   * @throws EmulatorOptionError naming the field and what is accepted
   * @example
   * const outage = emulator.fault({ kind: 'status', status: 503, paths: 'iam/**', times: 2 });
   */
  fault(fault: Fault): FaultHandle {
    return this.#engine.change((now) => {
      const { faults } = this.#engine.state;
      const added = faults.add(faultShape.check(fault, 'fault'), now);
      return {
        fault: added.fault,
        get hits() {
          return added.hits;
        },
        remove: () => void this.#engine.change(() => faults.remove(added.id)),
      };
    });
  }

  /**
   * Changes options of the running instance, at once; others are kept.
   *
   * @throws EmulatorOptionError naming the option and what is accepted
   */
  configure(settings: InstanceSettings): void {
    checkOptions(settings, 'configure()', settingFields);
    this.#engine.change(() => this.#engine.state.configure(settings));
  }

  /**
   * Sets a value, or a directory of values, at a path, and replaces what was there.
   *
   * @example
   * emulator.set('spot/instance-action', '{"action": "stop", "time": "2026-11-23T09:30:00Z"}');
   */
  set(path: string, value: Value | Tree): void {
    this.#engine.change((now) => this.#engine.state.tree.set(path, value, new Date(now)));
  }

  /** Removes a value or a directory; its path is then a 404. False if nothing was there. */
  remove(path: string): boolean {
    return this.#engine.change((now) => this.#engine.state.tree.remove(path, new Date(now)));
  }

  /** Voids every session token issued so far, as hibernation does: reads with one of them get a 401. */
  expireTokens(): void {
    this.#engine.change(() => this.#engine.state.tokens.voidAll());
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    this.#engine.close();
    await Promise.all([this.#setListening(false), this.#control?.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    const { hosts, port, control } = this.#engine.start;
    this.#engine.settle();
    const handler: Handler = {
      handle: (request) => handle(this.#engine, request),
      servesIpv6: () => this.#engine.state.options.httpProtocolIpv6 === 'enabled',
    };
    for (const host of hosts) this.#servers.push(await Server.listen(host, port, handler));
    await this.#setListening(this.#engine.isListening);
    if (control) this.#control = await ControlServer.listen(control, this.#engine, this.urls);
  }

  #setListening(isListening: boolean): Promise<unknown> {
    return Promise.all(this.#servers.map((server) => server.setListening(isListening)));
  }
}
