import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../client/clock.js';
import { Closing } from '../client/closing.js';
import type { Events } from '../client/events.js';
import type { EndpointMode } from '../client/options.js';
import type { Settings } from '../client/settings.js';
import { tokenHeader, tokenOf, tokenPath, ttlHeader } from '../client/token.js';
import { type Response, Transport } from '../client/transport.js';
import { codeOf, ImdsError, ImdsTimeoutError, ImdsUnreachableError, isImdsError } from '../errors.js';
import { json } from '../metadata/decode.js';
import { type RoleCredentialsDocument, roleCredentials } from '../metadata/documents.js';
import { look, type Platform } from '../platform.js';
import { linkLocalAllowance, type Statistics } from './allowance.js';
import { type Beacon, connectedSocket, measureDistance, beacons as wellKnownBeacons } from './distance.js';
import { familyOf, urlOf, wellKnown } from './endpoint.js';

/** Options of a diagnosis, all optional. */
export interface DiagnoseOptions {
  /**
   * Allows one request without a token where nothing else is conclusive: operators have alarms on such requests
   * (`MetadataNoToken`). Never made if a setting forbids IMDSv1. Default true.
   */
  readonly v1Probe?: boolean | undefined;
  /** Ends the diagnosis: the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Called with a line of text before a request without a token is sent. */
  readonly announce?: ((message: string) => void) | undefined;
}

/** Input of a diagnosis. */
export interface Input {
  readonly settings: Settings;
  readonly events: Events;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: this machine's. */
  readonly platform?: Platform | undefined;
  /** The services that measure the distance. Default: those next to a well-known endpoint, else none. */
  readonly beacons?: readonly Beacon[] | undefined;
  /** The endpoint to try if the first has no connection. Default: the well-known one of the other family, else none. */
  readonly otherEndpoint?: string | undefined;
  /** Counts dropped packets, at a well-known endpoint only. Default: `ethtool`. */
  readonly statistics?: Statistics | undefined;
}

/** Outcome of a request, repeated while nothing came back. */
export type Reply = Awaited<ReturnType<typeof ask>>;

const metadata = '/latest/meta-data/';
const instanceId = `${metadata}instance-id`;
const unknownToken = 'none';
// A lost packet must not look like a lost reply, so a request without a reply is repeated.
const tokenSchedule = { sendAtMs: [0, 400, 800], timeoutMs: 1300 };
const readSchedule = { sendAtMs: [0, 300], timeoutMs: 650 };
// A service that has given a token answers, if slowly.
const grantedSchedule = { sendAtMs: [0, 300, 600], timeoutMs: 1000 };
const v1Schedule = { sendAtMs: [0], timeoutMs: 400 };
const mostMs = 2900;
const leastReadMs = 300;

/** Everything that came back, or did not. */
export type Answers = Awaited<ReturnType<typeof probe>>;

/**
 * Sends all requests that a diagnosis needs, in less than three seconds.
 *
 * @throws the signal's reason
 */
export async function probe(input: Input, options: DiagnoseOptions) {
  const { signal } = options;
  const { endpoint } = input.settings;
  const endAt = systemClock.running() + mostMs;
  const family = familyOf(endpoint);
  const beacons = input.beacons ?? (family ? wellKnownBeacons[family] : []);
  const routes = family && (await Promise.all([route('IPv4'), route('IPv6')]));
  const device = routes?.find((each) => each.family === family)?.device;
  const [distance, token, allowance] = await Promise.all([
    measureDistance(beacons, signal),
    // A minute is enough for what follows.
    ask(input, endpoint, tokenPath, { [ttlHeader]: '60' }, tokenSchedule, signal),
    family && linkLocalAllowance(device, signal, input.statistics),
  ]);
  // IMDS replies 401 to a token it never issued, whatever `HttpTokens` is: proof that it is there and that its replies
  // arrive. Such a request does not count as one without a token.
  const { granted } = token;
  const get = (path: string, given = granted?.token ?? unknownToken, at = endpoint) => {
    const schedule = granted ? grantedSchedule : readSchedule;
    // Slow replies leave less time to the reads after them, and the least to the last.
    const leftMs = Math.max(leastReadMs, endAt - leastReadMs - systemClock.running());
    const timeoutMs = Math.min(schedule.timeoutMs, leftMs);
    return ask(input, at, path, { [tokenHeader]: given }, { ...schedule, timeoutMs }, signal);
  };
  const isUnreachable = token.error instanceof ImdsUnreachableError;
  const read = isUnreachable ? undefined : await get(instanceId);
  const elsewhere = isUnreachable ? (input.otherEndpoint ?? otherEndpoint(routes, family)) : undefined;
  const other = elsewhere === undefined ? undefined : await get(instanceId, unknownToken, elsewhere);
  const wouldTell = isLost(token.error) && read?.error && isSilence(read.error) && distance?.hops !== 1;
  const v1 = wouldTell ? await probeV1(input, options) : undefined;
  const [details, missing] =
    granted && read?.instanceId
      ? await Promise.all([readDetails(get), family ? undefined : missingIn(token, get)])
      : [];
  signal?.throwIfAborted();
  return { routes, allowance, isMeasurable: beacons.length > 0, distance, token, other, read, v1, details, missing };
}

/** The other well-known endpoint, if there is a route to it. */
function otherEndpoint(routes: readonly Awaited<ReturnType<typeof route>>[] = [], asked: EndpointMode | undefined) {
  const { address } = routes.find(({ family, from }) => from && family !== asked) ?? {};
  return address && urlOf(address);
}

/** The features of IMDS that a compatible service lacks. */
async function missingIn(
  token: Reply,
  get: (path: string, token?: string) => Promise<Reply>,
): Promise<readonly string[]> {
  const [refusal, document] = await Promise.all([
    get(instanceId, unknownToken),
    get('/latest/dynamic/instance-identity/document'),
  ]);
  return [
    ...(token.granted?.hasTtl ? [] : ['no TTL with a token']),
    ...(refusal.status === 401 || refusal.isThrottled ? [] : ['no 401 for a token that it never issued']),
    ...(document.status === 200 || document.isThrottled ? [] : ['no identity document']),
  ];
}

/** Sends a read without a token, unless that is forbidden. */
async function probeV1(input: Input, { v1Probe, signal, announce }: DiagnoseOptions) {
  const { endpoint, origins, v1ForbiddenBy } = input.settings;
  if (v1Probe === false) return { withheldBy: 'the caller' };
  // The default forbids version 1 for the client's reads, not for this request.
  if (v1ForbiddenBy !== undefined && origins.v1ForbiddenBy !== 'default') return { withheldBy: v1ForbiddenBy };
  signal?.throwIfAborted();
  announce?.(`nothing else tells, so ${instanceId} is read once without a token`);
  return await ask(input, endpoint, instanceId, {}, v1Schedule, signal);
}

/** Further values of a service that works. */
async function readDetails(get: (path: string) => Promise<Reply>) {
  const roles = `${metadata}iam/security-credentials/`;
  const replies = await Promise.all([get(`${metadata}placement/region`), get(roles), get(`${metadata}tags/instance/`)]);
  const [region, listed, tags] = replies;
  const name = listed.text?.split('\n')[0];
  const credentials = name ? await get(roles + encodeURIComponent(name)) : undefined;
  const document = credentials && documentIn(credentials);
  return {
    // One of these reads got a 429 or 503.
    isThrottled: [...replies, credentials].some((reply) => reply?.isThrottled),
    region: /^[a-z0-9-]{1,40}$/.exec(region.text ?? '')?.[0],
    // The first one listed; without a document if that could not be read.
    role: name ? { name, document } : absence(listed),
    tags: tags.text ? 'served' : absence(tags),
  };
}

/** A 404 or an empty list says that there is nothing; any other failure does not. */
const absence = ({ status }: Reply): 'none' | 'unreadable' =>
  status === 200 || status === 404 ? 'none' : 'unreadable';

function documentIn({ status, response }: Reply): RoleCredentialsDocument | undefined {
  try {
    return response && status === 200 ? json(roleCredentials)(response.body, '') : undefined;
  } catch {
    return undefined;
  }
}

/** Sends a request, and again while nothing comes back; earlier ones stay pending. */
async function ask(
  input: Input,
  endpoint: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  { sendAtMs, timeoutMs }: typeof tokenSchedule,
  signal: AbortSignal | undefined,
) {
  signal?.throwIfAborted();
  const closing = new Closing();
  const settings = () => ({ ...input.settings, endpoint, connectTimeoutMs: timeoutMs });
  const transport = new Transport({ settings, events: input.events, clock: systemClock, closing });
  const method = path === tokenPath ? 'PUT' : 'GET';
  const start = systemClock.now();
  const over = new AbortController();
  let attempts = 0;
  const attempt = async (at: number): Promise<Response | ImdsError> => {
    await delay(at, undefined, { signal: over.signal });
    attempts += 1;
    try {
      return await transport.request({ method, path, headers, timeoutMs: timeoutMs - at });
    } catch (error) {
      // An immediate failure would only repeat; silence may be a lost packet.
      if (!isImdsError(error) || isSilence(error)) throw error;
      return error;
    }
  };
  const end = (): void => {
    over.abort();
    closing.close(new ImdsError('ERR_IMDS_CLOSED', 'the diagnosis is over'));
  };
  signal?.addEventListener('abort', end, { once: true });
  try {
    const outcome = await Promise.any(sendAtMs.filter((at) => at < timeoutMs).map(attempt)).catch(mostTelling);
    signal?.throwIfAborted();
    // Nothing was sent, for instance because got cannot be loaded.
    if (outcome instanceof Error && !isImdsError(outcome)) throw outcome;
    return { ...contentOf(outcome), tookMs: systemClock.now() - start, attempts };
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

/** Of several attempts without a reply, the one that connected. */
const mostTelling = ({ errors }: AggregateError): ImdsError => errors.find(isLost) ?? errors[0];

/** The first response to any of the attempts, or the failure of all. */
function contentOf(outcome: Response | ImdsError) {
  const [response, error] = isImdsError(outcome) ? [undefined, outcome] : [outcome];
  const status = response?.statusCode;
  const text = status === 200 ? response?.body.toString('utf8').trim() : undefined;
  const instanceId = /^i-[0-9a-f]{8,17}$/.exec(text ?? '')?.[0];
  const granted = response && tokenOf(response);
  return { response, error, status, text, granted, instanceId, isThrottled: status === 429 || status === 503 };
}

/** Connected and requested, but not one byte came back. A reply that begins and stalls has passed all routers. */
export const isLost = (error: ImdsError | undefined): boolean =>
  error instanceof ImdsTimeoutError && error.phase === 'response';

/** Nothing came back: no connection, or no reply to the request. */
export const isSilence = (error: ImdsError): boolean =>
  isLost(error) || (error instanceof ImdsUnreachableError && codeOf(error.cause) === 'ETIMEDOUT');

/**
 * The source address of packets to a well-known address, or the error code if there is none, such as `ENETUNREACH`.
 */
async function route(family: EndpointMode) {
  const address = wellKnown[family];
  try {
    const socket = await connectedSocket(address, 80);
    let from: string;
    try {
      from = socket.address().address;
    } finally {
      socket.close();
    }
    const devices = Object.entries(look(networkInterfaces, {}));
    return { family, address, from, device: devices.find(([, all]) => all?.some((one) => one.address === from))?.[0] };
  } catch (error) {
    return { family, address, code: codeOf(error) ?? String(error) };
  }
}
