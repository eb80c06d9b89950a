import { isIPv6 } from 'node:net';
import { inspect } from 'node:util';
import { EmulatorOptionError, refused } from './option-error.js';
import {
  either,
  type Fields,
  fields,
  isObject,
  member,
  type Optional,
  oneOf,
  optional,
  shape,
  wholeNumber,
} from './shape.js';

/**
 * Options of the instance, under AWS's names, and the distance of the callers. Each can be changed while the emulator
 * runs.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html
 */
export interface InstanceOptions {
  /** `required`: a read without a session token gets a 401. Default `optional`. */
  readonly httpTokens: 'optional' | 'required';
  /** `disabled`: everything gets a 403. Default `enabled`. */
  readonly httpEndpoint: 'enabled' | 'disabled';
  /** The number of hops that a token reply can travel, 1 to 64. Default 1. */
  readonly httpPutResponseHopLimit: number;
  /** `disabled`: connections to an IPv6 listener are reset. Default `enabled`, unlike on EC2. */
  readonly httpProtocolIpv6: 'enabled' | 'disabled';
  /** `disabled`: there is no `tags/`. Default `enabled`, unlike on EC2. */
  readonly instanceMetadataTags: 'enabled' | 'disabled';
  /**
   * Routers the callers pretend to have between themselves and the instance, 0 to 64: 0 on the instance itself, 1 in a
   * container behind a bridge. A token request is answered only if `httpPutResponseHopLimit` is larger. A table such as
   * `{ '127.0.0.2': 1 }` has them by the caller's address, and at `*` those of all others, else 0. Default 0.
   */
  readonly hops: number | HopsByCaller;
  /**
   * The hypervisor, `nitro` or `xen`: Xen instances use HTTP/1.0 and redirect a directory that is requested without
   * its slash. Default `nitro`.
   */
  readonly system: 'nitro' | 'xen';
}

/** Routers by the caller's address, and at `*` for all others. */
export type HopsByCaller = { readonly [address: string]: number };

/** Some of the instance's options, as a scenario has them. */
export type ScenarioOptions = { readonly [Name in keyof InstanceOptions]?: InstanceOptions[Name] | undefined };

/** Some of the instance's options, as code has them. */
export interface InstanceSettings extends Omit<ScenarioOptions, 'hops'> {
  /**
   * Routers the callers pretend to have between themselves and the instance, 0 to 64: a number, a table by the caller's
   * address, or a function that is given this address, such as `127.0.0.2`, at each request. `options.hops` is then the
   * table of its results. If it throws, or returns anything else, the reply is a 500, with the reason as `error` of the
   * request. Default 0.
   */
  readonly hops?: InstanceOptions['hops'] | HopsOfCaller | undefined;
}

/** The routers between a caller, by its address, and the instance. */
export type HopsOfCaller = (caller: string) => number;

export const defaultOptions: InstanceOptions = Object.freeze({
  httpTokens: 'optional',
  httpEndpoint: 'enabled',
  httpPutResponseHopLimit: 1,
  httpProtocolIpv6: 'enabled',
  instanceMetadataTags: 'enabled',
  hops: 0,
  system: 'nitro',
});

const routers = wholeNumber(0, 64);
const callers = "a caller's address or *";
const byte = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
/** What the schema can say of them. That an IPv6 address is in its one form, `isCaller` says alone. */
const callerPattern = new RegExp(String.raw`^(?:\*|${byte}(?:\.${byte}){3}|[\da-f]*:[\da-f:]*(?:%[^\s/%]+)?)$`);
const hopsByCaller = shape<HopsByCaller>(
  `an object, by ${callers}, of ${routers.accepted} each`,
  { type: 'object', propertyNames: { pattern: callerPattern.source }, additionalProperties: routers.schema },
  (value, path) => {
    if (!isObject(value)) return false;
    for (const [name, hops] of Object.entries(value)) {
      if (!isCaller(name)) throw refused(`the key in ${path}`, callers, name);
      routers.check(hops, member(path, name));
    }
    return true;
  },
);

/** True for `*`, and for an address in the form in which callers are known: `::1`, never `0::1`. */
function isCaller(name: string): boolean {
  const [address = ''] = name.split('%');
  const isInOneForm = () => isIPv6(address) && new URL(`http://[${address}]`).hostname === `[${address}]`;
  return callerPattern.test(name) && (!name.includes(':') || isInOneForm());
}

export const instanceFields = {
  httpTokens: optional(oneOf('optional', 'required')),
  httpEndpoint: optional(oneOf('enabled', 'disabled')),
  httpPutResponseHopLimit: optional(wholeNumber(1, 64)),
  httpProtocolIpv6: optional(oneOf('enabled', 'disabled')),
  instanceMetadataTags: optional(oneOf('enabled', 'disabled')),
  hops: optional(either(routers, hopsByCaller)),
  system: optional(oneOf('nitro', 'xen')),
} satisfies { [Name in keyof InstanceOptions]: Optional<InstanceOptions[Name]> };

/** Some of the instance's options, as a scenario has them. */
export const scenarioOptions = fields(instanceFields);

/** The same as passed by code. */
export const settingFields: Fields = {
  ...instanceFields,
  hops: {
    ...instanceFields.hops,
    check: (value, path) => (typeof value === 'function' ? value : instanceFields.hops.check(value, path)),
  },
};

/** The instance's options after a change by `settings`, which has been checked and may have other fields. */
export function withSettings(current: InstanceOptions, settings: InstanceSettings): InstanceOptions {
  const given = Object.entries(settings).filter(
    ([name, value]) => Object.hasOwn(instanceFields, name) && value !== undefined,
  );
  // For a function, the table of its results.
  const shown = given.map(([name, value]) => [name, typeof value === 'function' ? {} : value]);
  const options: InstanceOptions = { ...current, ...Object.fromEntries(shown) };
  const { hops } = options;
  return Object.freeze({ ...options, hops: typeof hops === 'number' ? hops : Object.freeze({ ...hops }) });
}

/** @throws EmulatorOptionError if the function throws or returns something unusable */
export function askForHops(hopsOf: HopsOfCaller, caller: string): number {
  let hops: unknown;
  try {
    hops = hopsOf(caller);
  } catch (error) {
    const why = error instanceof Error ? error.message : inspect(error);
    throw new EmulatorOptionError(`hops('${caller}') failed: ${why}`, undefined, { cause: error });
  }
  return routers.check(hops, `hops('${caller}')`);
}

/** @throws EmulatorOptionError if it is not an object, has a field that is not an option, or an unusable value */
export function checkOptions(given: unknown, taker: string, known: Fields): void {
  if (!isObject(given)) throw refused(`what ${taker} is given`, 'an object of options', given);
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) {
    throw new EmulatorOptionError(`there is no option '${unknown}'; the options are ${Object.keys(known).join(', ')}`);
  }
  for (const [name, shape] of Object.entries(known)) if (given[name] !== undefined) shape.check(given[name], name);
}
