import { latestTime } from './clock.js';
import type { SeenEvent } from './events.js';
import { EmulatorOptionError, refused } from './refusal.js';
import type { SeenRequest } from './requests.js';
import type { Scenario } from './scenario.js';
import type { ScenarioName } from './scenarios.js';
import { fields, objectAt, oneOf, type Shape, wholeNumber } from './shape.js';
import type { Tree } from './tree.js';

/**
 * What can be set on an instance, under AWS's names, and how far away the callers are. Every one can be changed while
 * the emulator runs.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html
 */
export interface InstanceOptions {
  /** `required`: a read without a session token is answered 401. Default `optional`. */
  readonly httpTokens: 'optional' | 'required';
  /** `disabled`: everything is answered 403. Default `enabled`. */
  readonly httpEndpoint: 'enabled' | 'disabled';
  /** How many hops the answer to a token request travels, 1 to 64. Default 1. */
  readonly httpPutResponseHopLimit: number;
  /** `disabled`: connections to an IPv6 listener are reset. Default `enabled`, unlike on EC2. */
  readonly httpProtocolIpv6: 'enabled' | 'disabled';
  /** `disabled`: there is no `tags/`. Default `enabled`, unlike on EC2. */
  readonly instanceMetadataTags: 'enabled' | 'disabled';
  /**
   * Routers the callers pretend to have between themselves and the instance, 0 to 64: 0 on the instance itself, 1 in a
   * container behind a bridge. A token request is answered only if `httpPutResponseHopLimit` is larger. Default 0.
   */
  readonly hops: number;
  /**
   * The hypervisor, `nitro` or `xen`: instances of the Xen generations answer in HTTP/1.0, and redirect a directory that
   * is asked for without its slash. Default `nitro`.
   */
  readonly system: 'nitro' | 'xen';
}

/** Some of the instance's options. */
export type InstanceSettings = { readonly [Name in keyof InstanceOptions]?: InstanceOptions[Name] | undefined };

/** What `createEmulator` takes; every option has a default. */
export interface EmulatorOptions extends InstanceSettings {
  /**
   * Address, or addresses, to listen on; the first is `emulator.url`. Default `127.0.0.1`. Anything but loopback lets
   * the network in.
   */
  readonly host?: string | readonly string[] | undefined;
  /** Port to listen on, the same at every host. Default 0: a free one for each. */
  readonly port?: number | undefined;
  /** What `tree` is laid over: an instance that has every category, or nothing. Default `instance`. */
  readonly base?: 'instance' | 'empty' | undefined;
  /** Values by path, nested or not, laid over the base; `null` takes something away. */
  readonly tree?: Tree | undefined;
  /**
   * What is to happen: the name of a ready scenario, or one of your own. The options given beside it win over its own,
   * and `tree` is laid over its tree. Default: nothing happens.
   */
  readonly scenario?: ScenarioName | Scenario | undefined;
  /** The clock, in milliseconds since 1970: lifetimes, dates and credentials follow it. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** How many times as fast as `now` time passes; 0: only `emulator.advance()` moves it. Default 1. */
  readonly speed?: number | undefined;
  /** Told of each request as it is answered. What it throws surfaces as an uncaught exception, after the answer. */
  readonly onRequest?: ((request: SeenRequest) => void) | undefined;
  /** Told of each event as it happens. What it throws surfaces as an uncaught exception, and the emulator goes on. */
  readonly onEvent?: ((event: SeenEvent) => void) | undefined;
}

const defaults: InstanceOptions = {
  httpTokens: 'optional',
  httpEndpoint: 'enabled',
  httpPutResponseHopLimit: 1,
  httpProtocolIpv6: 'enabled',
  instanceMetadataTags: 'enabled',
  hops: 0,
  system: 'nitro',
};

const instanceShapes: { readonly [Name in keyof InstanceOptions]: Shape } = {
  httpTokens: oneOf('optional', 'required'),
  httpEndpoint: oneOf('enabled', 'disabled'),
  httpPutResponseHopLimit: wholeNumber(1, 64),
  httpProtocolIpv6: oneOf('enabled', 'disabled'),
  instanceMetadataTags: oneOf('enabled', 'disabled'),
  hops: wholeNumber(0, 64),
  system: oneOf('nitro', 'xen'),
};
/** Some of the instance's options, as a scenario has them. */
export const instanceSettings = fields({}, instanceShapes);
export const baseShape = oneOf('instance', 'empty');

const portShape = wholeNumber(0, 65535);
const instanceNames = Object.keys(instanceShapes);
const ofStart = ['host', 'port', 'base', 'tree', 'scenario', 'now', 'speed', 'onRequest', 'onEvent'];
const fastest = 1_000_000;

/** The instance's options after a change. */
export function changeOptions(given: InstanceSettings, current: InstanceOptions): InstanceOptions {
  refuseUnknown(given, 'configure()', instanceNames);
  return pick(given, current);
}

/** @throws EmulatorOptionError if it is no object, or has a field that is no option */
export function checkNames(given: EmulatorOptions): void {
  refuseUnknown(given, 'createEmulator()', [...instanceNames, ...ofStart]);
}

/** The options of a new emulator, checked, with those of its scenario and every default filled in. */
export function readOptions(given: EmulatorOptions, scenario: Scenario) {
  const { host = '127.0.0.1', port = 0, base = scenario.base ?? 'instance', tree = {} } = given;
  const { now = Date.now, speed = 1, onRequest, onEvent } = given;
  const hosts = typeof host === 'string' ? [host] : host;
  if (!Array.isArray(hosts) || hosts.length === 0 || !hosts.every((one) => typeof one === 'string' && one !== '')) {
    throw refused('host', "an address such as '127.0.0.1', or a list of them", host);
  }
  portShape.check(port, 'port');
  baseShape.check(base, 'base');
  if (typeof now !== 'function' || !(now() >= 0 && now() <= latestTime)) {
    throw refused('now', 'a function that returns milliseconds since 1970, to the year 9000 at most', now);
  }
  if (typeof speed !== 'number' || !(speed >= 0 && speed <= fastest)) {
    throw refused('speed', `a number from 0 to ${fastest}`, speed);
  }
  for (const [name, listener] of Object.entries({ onRequest, onEvent })) {
    if (listener !== undefined && typeof listener !== 'function') throw refused(name, 'a function', listener);
  }
  return {
    instance: pick(given, pick(scenario.options ?? {}, defaults)),
    hosts: hosts.map(withoutBrackets),
    port,
    base,
    tree,
    now,
    speed,
    onRequest,
    onEvent,
  };
}

function pick(given: InstanceSettings, current: InstanceOptions): InstanceOptions {
  const values: Readonly<Record<string, unknown>> = given;
  for (const [name, shape] of Object.entries(instanceShapes)) {
    if (values[name] !== undefined) shape.check(values[name], name);
  }
  return Object.freeze({
    httpTokens: given.httpTokens ?? current.httpTokens,
    httpEndpoint: given.httpEndpoint ?? current.httpEndpoint,
    httpPutResponseHopLimit: given.httpPutResponseHopLimit ?? current.httpPutResponseHopLimit,
    httpProtocolIpv6: given.httpProtocolIpv6 ?? current.httpProtocolIpv6,
    instanceMetadataTags: given.instanceMetadataTags ?? current.instanceMetadataTags,
    hops: given.hops ?? current.hops,
    system: given.system ?? current.system,
  });
}

function refuseUnknown(given: unknown, taker: string, known: readonly string[]): void {
  const unknown = Object.keys(objectAt(given, `what ${taker} is given`, 'an object of options')).find(
    (name) => !known.includes(name),
  );
  if (unknown !== undefined) {
    throw new EmulatorOptionError(`there is no option '${unknown}'; the options are ${known.join(', ')}`);
  }
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
