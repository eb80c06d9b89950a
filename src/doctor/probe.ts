import { networkInterfaces } from 'node:os';
import { systemClock } from '../client/clock.js';
import type { Events } from '../client/events.js';
import type { EndpointMode } from '../client/options.js';
import type { Settings } from '../client/settings.js';
import { type Granted, tokenHeader, tokenOf, tokenPath, ttlHeader } from '../client/token.js';
import { type Response, Transport } from '../client/transport.js';
import { codeOf, ImdsError, ImdsTimeoutError, ImdsUnreachableError, isImdsError } from '../errors.js';
import { type RoleCredentialsDocument, roleCredentials } from '../metadata/documents.js';
import { look, type Platform } from '../platform.js';
import { linkLocalAllowance, type Statistics } from './allowance.js';
import { type Beacon, connectedSocket, measureDistance, beacons as wellKnownBeacons } from './distance.js';
import { familyOf, wellKnown } from './endpoint.js';

/** Options of a diagnosis, all optional. */
export interface DiagnoseOptions {
  /**
   * Allows one request without a token where nothing else tells: operators alarm on such requests (`MetadataNoToken`).
   * It is never made where a setting forbids IMDSv1. Default true.
   */
  readonly v1Probe?: boolean | undefined;
  /** Ends the diagnosis: the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Called with a line of text before a request without a token is made. */
  readonly announce?: ((message: string) => void) | undefined;
}

/** Input of a diagnosis. */
export interface Input {
  readonly settings: Settings;
  readonly events: Events;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: this machine's. */
  readonly platform?: Platform | undefined;
  /** The services that measure the distance. Default: those beside a well-known endpoint, else none. */
  readonly beacons?: readonly Beacon[] | undefined;
  /** The endpoint to try where no connection is made to the first. Default: the well-known one of the other family, else none. */
  readonly otherEndpoint?: string | undefined;
  /** Counts dropped packets, at a well-known endpoint only. Default: `ethtool`. */
  readonly statistics?: Statistics | undefined;
}

/** Outcome of a request that was repeated while nothing came back. */
export interface Reply {
  /** The first response to any of the attempts. */
  readonly response?: Response;
  /** The most telling failure, when there is none. */
  readonly error?: ImdsError;
  readonly tookMs: number;
  readonly attempts: number;
}

const metadata = '/latest/meta-data/';
const instanceId = `${metadata}instance-id`;
const unknownToken = 'none';
// A lost packet must not pass for a lost reply: a request without a reply is repeated. All together takes less than three
// seconds.
const tokenSchedule = { sendAtMs: [0, 400, 800], timeoutMs: 1300 };
const readSchedule = { sendAtMs: [0, 300], timeoutMs: 650 };
const v1Schedule = { sendAtMs: [0], timeoutMs: 400 };

/** Everything that came back, or did not. */
export type Answers = Awaited<ReturnType<typeof probe>>;

/**
 * Asks everything there is to ask, in less than three seconds.
 *
 * @throws the signal's reason
 */
export async function probe(input: Input, options: DiagnoseOptions) {
  const { signal } = options;
  const { endpoint } = input.settings;
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
  const granted = grantedToken(token)?.token;
  // IMDS answers a token that it never gave 401, whatever `HttpTokens` is: proof that it is there and that its replies
  // arrive. Such a request does not count as one without a token.
  const get = (path: string, given = granted ?? unknownToken, at = endpoint): Promise<Reply> =>
    ask(input, at, path, { [tokenHeader]: given }, readSchedule, signal);
  const isUnreachable = token.error instanceof ImdsUnreachableError;
  const read = isUnreachable ? undefined : await get(instanceId);
  const elsewhere = isUnreachable ? (input.otherEndpoint ?? otherEndpoint(routes, family)) : undefined;
  const other = elsewhere === undefined ? undefined : await get(instanceId, unknownToken, elsewhere);
  const wouldTell =
    token.error instanceof ImdsTimeoutError && read?.error && isSilence(read.error) && distance?.hops !== 1;
  const v1 = wouldTell ? await probeV1(input, options) : undefined;
  const works = granted !== undefined && instanceIdOf(read) !== undefined;
  const details = works
    ? { ...(await readDetails(get)), missing: family ? undefined : await missingIn(token, get) }
    : undefined;
  signal?.throwIfAborted();
  return { routes, allowance, isMeasurable: beacons.length > 0, distance, token, other, read, v1, details };
}

/** The other well-known endpoint, if there is a route to it. */
function otherEndpoint(routes: readonly Awaited<ReturnType<typeof route>>[] = [], asked: EndpointMode | undefined) {
  const { address } = routes.find(({ family, from }) => from && family !== asked) ?? {};
  return address && `http://${address.includes(':') ? `[${address}]` : address}`;
}

/** The things IMDS does that a compatible service does not. */
async function missingIn(
  token: Reply,
  get: (path: string, token?: string) => Promise<Reply>,
): Promise<readonly string[]> {
  const [refusal, document] = await Promise.all([
    get(instanceId, unknownToken),
    get('/latest/dynamic/instance-identity/document'),
  ]);
  return [
    ...(grantedToken(token)?.hasTtl ? [] : ['no TTL with a token']),
    ...(refusal.response?.statusCode === 401 || isThrottled(refusal) ? [] : ['no 401 for a token that it never gave']),
    ...(document.response?.statusCode === 200 || isThrottled(document) ? [] : ['no identity document']),
  ];
}

/** Asks without a token, unless that is forbidden. */
async function probeV1(input: Input, { v1Probe, signal, announce }: DiagnoseOptions) {
  const { endpoint, origins, v1ForbiddenBy } = input.settings;
  if (v1Probe === false) return { withheldBy: 'the caller' };
  // The default forbids version 1 for the client's reads, not for this.
  if (v1ForbiddenBy !== undefined && origins.v1ForbiddenBy !== 'default') return { withheldBy: v1ForbiddenBy };
  signal?.throwIfAborted();
  announce?.(`nothing else tells, so ${instanceId} is read once without a token`);
  return await ask(input, endpoint, instanceId, {}, v1Schedule, signal);
}

/** Further values of a service that works. */
async function readDetails(get: (path: string) => Promise<Reply>) {
  const textOf = ({ response }: Reply): string | undefined =>
    response?.statusCode === 200 ? response.body.toString('utf8').trim() : undefined;
  const roles = `${metadata}iam/security-credentials/`;
  const replies = await Promise.all([get(`${metadata}placement/region`), get(roles), get(`${metadata}tags/instance/`)]);
  const [region, listed, tags] = replies;
  const name = textOf(listed)?.split('\n')[0];
  const credentials = name ? await get(roles + encodeURIComponent(name)) : undefined;
  const document = credentials && documentOf(credentials);
  return {
    // One of these reads was answered 429 or 503.
    isThrottled: [...replies, credentials].some((reply) => reply && isThrottled(reply)),
    region: /^[a-z0-9-]{1,40}$/.exec(textOf(region) ?? '')?.[0],
    // The first that the service lists; without a document when that could not be read.
    role: name ? { name, document } : listed.response ? ('none' as const) : ('unreadable' as const),
    hasTags: textOf(tags) !== undefined,
  };
}

function documentOf({ response }: Reply): RoleCredentialsDocument | undefined {
  try {
    return response?.statusCode === 200 ? roleCredentials(response.body, '') : undefined;
  } catch {
    return undefined;
  }
}

/** Sends a request, and again while nothing comes back; the earlier ones go on. */
async function ask(
  { settings, events }: Input,
  endpoint: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  { sendAtMs, timeoutMs }: typeof tokenSchedule,
  signal: AbortSignal | undefined,
): Promise<Reply> {
  signal?.throwIfAborted();
  const transport = new Transport({ ...settings, endpoint, connectTimeoutMs: timeoutMs }, events, systemClock);
  const method = path === tokenPath ? 'PUT' : 'GET';
  const version = Object.keys(headers).length === 0 ? 1 : 2;
  const start = performance.now();
  const timers: NodeJS.Timeout[] = [];
  const failures: ImdsError[] = [];
  let attempts = 0;
  const end = (): void => transport.close(new ImdsError('ERR_IMDS_CLOSED', 'the diagnosis is over'));
  signal?.addEventListener('abort', end, { once: true });
  try {
    const result = await new Promise<Pick<Reply, 'response' | 'error'>>((resolve, reject) => {
      const attempt = async (at: number): Promise<void> => {
        attempts += 1;
        try {
          resolve({ response: await transport.request({ method, path, headers, version, timeoutMs: timeoutMs - at }) });
        } catch (error) {
          if (!isImdsError(error)) return reject(error);
          failures.push(error);
          // An immediate failure would only be repeated; silence may be a lost packet.
          if (!isSilence(error) || failures.length === sendAtMs.length)
            resolve({ error: failures.find((failure) => failure instanceof ImdsTimeoutError) ?? error });
        }
      };
      for (const at of sendAtMs) timers.push(setTimeout(() => void attempt(at), at));
    });
    return { ...result, tookMs: performance.now() - start, attempts };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    end();
  }
}

/** Nothing came back: neither a connection nor, where there was one, a reply. */
export const isSilence = (error: ImdsError): boolean =>
  error instanceof ImdsTimeoutError || (error instanceof ImdsUnreachableError && codeOf(error.cause) === 'ETIMEDOUT');

/** Answered that there are too many requests. */
export const isThrottled = ({ response }: Reply): boolean => [429, 503].includes(response?.statusCode ?? 0);

/** The session token in a reply, if there is one. */
export const grantedToken = ({ response }: Reply): Granted | undefined => response && tokenOf(response);

/** The instance ID in a reply, if there is one. */
export function instanceIdOf(reply: Reply | undefined): string | undefined {
  if (reply?.response?.statusCode !== 200) return undefined;
  return /^i-[0-9a-f]{8,17}$/.exec(reply.response.body.toString('latin1').trim())?.[0];
}

/**
 * The source address of packets to a well-known address, or the code of why there is none, such as `ENETUNREACH`.
 */
async function route(family: EndpointMode) {
  const address = wellKnown[family];
  try {
    const socket = await connectedSocket(address, 80);
    const from = socket.address().address;
    socket.close();
    const devices = Object.entries(look(networkInterfaces, {}));
    return { family, address, from, device: devices.find(([, all]) => all?.some((one) => one.address === from))?.[0] };
  } catch (error) {
    return { family, address, code: codeOf(error) ?? String(error) };
  }
}
