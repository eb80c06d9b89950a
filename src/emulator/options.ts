import { isIP } from 'node:net';
import { latestTime } from './clock.js';
import type { SeenEvent } from './events.js';
import { checkOptions, type InstanceOptions, type InstanceSettings, settingFields } from './instance-options.js';
import type { SeenRequest } from './journal.js';
import { baseShape, type Scenario } from './scenario.js';
import { type ScenarioName, scenarioOf } from './scenarios.js';
import { either, fields, list, numberBetween, optional, type Shape, shape, text, wholeNumber } from './shape.js';
import type { Signer } from './signing.js';
import type { Network } from './state.js';
import type { Tree } from './tree.js';

/** Options of `createEmulator`; each has a default. */
export interface EmulatorOptions extends InstanceSettings {
  /**
   * Address, or addresses, to listen on; the first is `emulator.url`. Default `127.0.0.1`. Any other than loopback lets
   * the network in.
   */
  readonly host?: string | readonly string[] | undefined;
  /** Names that callers may use in their `Host` header, besides its hosts and `localhost`. Default none. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Port to listen on, the same at every host. Default 0: a free one for each. */
  readonly port?: number | undefined;
  /** The base of `tree`: a quiet On-Demand Instance, or nothing. Default `instance`. */
  readonly base?: 'instance' | 'empty' | undefined;
  /** Values by path, nested or not, merged into the base; `null` removes. */
  readonly tree?: Tree | undefined;
  /**
   * Events and faults: the name of a built-in scenario, or one of your own. Other options win over the scenario's,
   * and `tree` is merged into its tree. Default: nothing happens.
   */
  readonly scenario?: ScenarioName | Scenario | undefined;
  /** The clock, in milliseconds since the epoch: lifetimes, dates and credentials follow it. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Speed of time relative to `now`; 0: only `emulator.advance()` moves it. Default 1. */
  readonly speed?: number | undefined;
  /**
   * `true`: the identity document is signed, in all its forms, with a new RSA key whose certificate is
   * `emulator.certificate`. Default `false`: the signatures do not verify.
   */
  readonly signIdentity?: boolean | undefined;
  /**
   * `true`, or where to listen: requests to `emulator.controlUrl` change the emulator while it runs, and show what it does,
   * for programs in any language. Default `false`.
   */
  readonly control?: boolean | ControlOptions | undefined;
  /** Called with each request as it is answered. An error it throws is uncaught, after the answer. */
  readonly onRequest?: ((request: SeenRequest) => void) | undefined;
  /** Called with each event as it happens. An error it throws is uncaught, and the emulator goes on. */
  readonly onEvent?: ((event: SeenEvent) => void) | undefined;
  /**
   * Called with the instance's options after a change by an event, `configure`, the result of a function `hops` for a
   * caller, or the control service, whose reply waits for the promise. An error it throws is uncaught.
   */
  readonly onOptions?: ((options: InstanceOptions) => void | Promise<void>) | undefined;
}

/** The address of the control service. */
export interface ControlOptions {
  /** An address. Default `127.0.0.1`. Any other than loopback lets the network in, which can then change everything. */
  readonly host?: string | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
  /** Set by `imds lab`, where callers are at a real distance. Default: the distance is `hops`. */
  readonly network?: Network | undefined;
}

/** True for an address, in brackets or not, or the name of one. */
const isHost = (value: unknown): boolean =>
  typeof value === 'string' && (isIP(value.replace(/^\[(.*)\]$/, '$1')) > 0 || /^[\w.-]{1,253}$/.test(value));
const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= latestTime;
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const aFunction = shape('a function', {}, (value) => typeof value === 'function');
/** For options that are checked where they are used. */
const anything = shape('anything', {}, () => true);

const port = wholeNumber(0, 65535);
export const speed = numberBetween(0, 1_000_000);
const controlShape = fields({
  host: optional(shape("an address such as '127.0.0.1', without a port", {}, isHost)),
  port: optional(port),
  network: optional(anything),
});

const startFields = {
  host: shape(
    "an address such as '127.0.0.1', without a port, or a list of them",
    {},
    (value) => isHost(value) || (Array.isArray(value) && value.length > 0 && value.every(isHost)),
  ),
  allowedHosts: list(text('a host name such as imds', /^[\w.-]{1,253}$/), 100),
  port,
  base: baseShape,
  tree: anything,
  scenario: anything,
  now: shape(
    'a function that returns milliseconds since the epoch, up to the year 9000',
    {},
    (value) => typeof value === 'function' && isTime(value()),
  ),
  speed,
  signIdentity: shape('true or false', {}, isBoolean),
  control: either(shape(controlShape.accepted, {}, isBoolean), controlShape),
  onRequest: aFunction,
  onEvent: aFunction,
  onOptions: aFunction,
} satisfies { [Name in Exclude<keyof EmulatorOptions, keyof InstanceSettings>]: Shape };

/** The checked options of an emulator, and its signer. */
export type Start = ReturnType<typeof readOptions> & { readonly signer: Signer | undefined };

/** The options checked, with the scenario in full, and defaults filled in. */
export function readOptions(given: EmulatorOptions) {
  checkOptions(given, 'createEmulator()', { ...settingFields, ...startFields });
  const { host = '127.0.0.1', allowedHosts = [], port = 0, base, tree = {}, now = Date.now, speed = 1 } = given;
  const scenario = scenarioOf(given.scenario);
  return {
    ...given,
    hosts: [host].flat().map((one) => one.replace(/^\[(.*)\]$/, '$1')),
    allowedHosts,
    port,
    scenario: base === undefined ? scenario : { ...scenario, base },
    tree,
    now,
    speed,
    control: given.control === true ? {} : given.control || undefined,
  };
}

/** Hosts that bypass proxies, as listed in this process's environment in either spelling. */
export const proxyExceptions = (): readonly string[] => [process.env['NO_PROXY'] ?? '', process.env['no_proxy'] ?? ''];
