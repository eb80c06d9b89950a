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
  /** The clock, in milliseconds since 1970: lifetimes, dates and credentials follow it. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** An option cannot be used; the message names it and says what is accepted. */
export class EmulatorOptionError extends TypeError {
  /** Stable identifier of this failure. */
  readonly code = 'ERR_EMULATOR_OPTION';
  override readonly name = 'EmulatorOptionError';
}

const defaults: InstanceOptions = {
  httpTokens: 'optional',
  httpEndpoint: 'enabled',
  httpPutResponseHopLimit: 1,
  httpProtocolIpv6: 'enabled',
  instanceMetadataTags: 'enabled',
  hops: 0,
};

const checks: { readonly [Name in keyof InstanceOptions]: (value: unknown) => InstanceOptions[Name] } = {
  httpTokens: oneOf('httpTokens', 'optional', 'required'),
  httpEndpoint: oneOf('httpEndpoint', 'enabled', 'disabled'),
  httpPutResponseHopLimit: integer('httpPutResponseHopLimit', 1, 64),
  httpProtocolIpv6: oneOf('httpProtocolIpv6', 'enabled', 'disabled'),
  instanceMetadataTags: oneOf('instanceMetadataTags', 'enabled', 'disabled'),
  hops: integer('hops', 0, 64),
};

const checkBase = oneOf('base', 'instance', 'empty');
const checkPort = integer('port', 0, 65535);
const instanceNames = Object.keys(checks);
const emulatorNames = [...instanceNames, 'host', 'port', 'base', 'tree', 'now'];

/** The instance's options after a change. */
export function changeOptions(given: InstanceSettings, current: InstanceOptions = defaults): InstanceOptions {
  refuseUnknown(given, instanceNames);
  return pick(given, current);
}

/** The options of a new emulator, checked, with every default filled in. */
export function readOptions(given: EmulatorOptions) {
  refuseUnknown(given, emulatorNames);
  const { host = '127.0.0.1', port = 0, base = 'instance', tree = {}, now = Date.now } = given;
  const hosts = typeof host === 'string' ? [host] : host;
  if (!Array.isArray(hosts) || hosts.length === 0 || !hosts.every((one) => typeof one === 'string' && one !== '')) {
    throw refused('host', "an address such as '127.0.0.1', or a list of them", host);
  }
  if (typeof now !== 'function' || !Number.isFinite(now())) {
    throw refused('now', 'a function that returns milliseconds since 1970', now);
  }
  return {
    instance: pick(given, defaults),
    hosts: hosts.map(withoutBrackets),
    port: checkPort(port),
    base: checkBase(base),
    tree,
    now,
  };
}

function pick(given: InstanceSettings, current: InstanceOptions): InstanceOptions {
  const read = <Name extends keyof InstanceOptions>(name: Name): InstanceOptions[Name] =>
    given[name] === undefined ? current[name] : checks[name](given[name]);
  return Object.freeze({
    httpTokens: read('httpTokens'),
    httpEndpoint: read('httpEndpoint'),
    httpPutResponseHopLimit: read('httpPutResponseHopLimit'),
    httpProtocolIpv6: read('httpProtocolIpv6'),
    instanceMetadataTags: read('instanceMetadataTags'),
    hops: read('hops'),
  });
}

function oneOf<Word extends string>(name: string, ...accepted: readonly Word[]) {
  return (value: unknown): Word => {
    const found = accepted.find((word) => word === value);
    if (found === undefined) throw refused(name, accepted.map((word) => `'${word}'`).join(' or '), value);
    return found;
  };
}

function integer(name: string, least: number, most: number) {
  return (value: unknown): number => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw refused(name, `a whole number from ${least} to ${most}`, value);
  };
}

function refuseUnknown(given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new EmulatorOptionError(`there is no option '${unknown}'; the options are ${known.join(', ')}`);
  }
}

function refused(name: string, accepted: string, value: unknown): EmulatorOptionError {
  const shown =
    typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return new EmulatorOptionError(`${name} must be ${accepted}, not ${shown}`);
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
