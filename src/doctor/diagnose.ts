import { createSocket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { systemClock } from '../client/clock.js';
import type { Events } from '../client/events.js';
import type { Settings } from '../client/settings.js';
import { type Response as Answer, Transport } from '../client/transport.js';
import {
  codeOf,
  ImdsError,
  ImdsResponseError,
  ImdsTimeoutError,
  ImdsUnreachableError,
  isImdsError,
} from '../errors.js';
import { type Platform, platformOnce } from '../platform.js';
import { type Allowance, type Counters, linkLocalAllowance } from './allowance.js';
import { type Beacon, beacons, type Distance, measureDistance } from './distance.js';
import {
  type Case,
  type Fix,
  fixesOf,
  hostOf,
  neededLimit,
  type Outcomes,
  pathOf,
  type Station,
  socketOf,
  summaryOf,
  type Verdict,
  verdictOf,
} from './verdict.js';

export type { Fix, Station, Verdict } from './verdict.js';

/** What one check found. */
export interface Finding {
  /** Which check, such as `token`. */
  readonly id: string;
  /** `skip`: it was not made, because it was pointless or not allowed. */
  readonly status: 'ok' | 'warn' | 'fail' | 'skip';
  /** In words, without a secret. */
  readonly detail: string;
}

/** What is known about the way from this process to IMDS. The names of verdicts, checks and properties are stable. */
export interface Diagnosis {
  readonly verdict: Verdict;
  /** The verdict in a sentence or two. */
  readonly summary: string;
  /** Measured hops from here to IMDS: 1 on the instance itself, one more behind each router. Absent if not measured. */
  readonly distance?: number;
  /** The `HttpPutResponseHopLimit` that this process needs; absent if not known. */
  readonly hopLimit?: number;
  /** The places on the way, this process first. */
  readonly path: readonly Station[];
  readonly findings: readonly Finding[];
  /** What helps, the likeliest first; empty when nothing has to be done. */
  readonly fix: readonly Fix[];
}

/** How a diagnosis may be made. */
export interface DiagnoseOptions {
  /**
   * Whether one request without a token may be made where nothing else tells: operators alarm on such requests
   * (`MetadataNoToken`). Never made where a setting forbids IMDSv1. Default true.
   */
  readonly v1Probe?: boolean | undefined;
  /** Ends the diagnosis: the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of a request without a token before it is made. */
  readonly announce?: ((message: string) => void) | undefined;
}

/** What a diagnosis is made from. */
export interface Patient {
  readonly settings: Settings;
  readonly events: Events;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: told from this machine. */
  readonly platform?: Platform | undefined;
  /** What measures the distance. Default: the well-known services, if the endpoint is a well-known one, else nothing. */
  readonly beacons?: readonly Beacon[] | undefined;
  /** What counts dropped packets, looked at only if the endpoint is a well-known one. Default: this machine. */
  readonly counters?: Counters | undefined;
}

const tokenPath = '/latest/api/token';
const tokenHeader = 'x-aws-ec2-metadata-token';
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
const metadata = '/latest/meta-data/';
// A lost packet must not pass for a lost reply: what is not answered is asked again before it is given up. All together
// stays below three seconds.
const tokenPatience: Patience = { startAtMs: [0, 400, 800], totalMs: 1300 };
const readPatience: Patience = { startAtMs: [0, 300], totalMs: 650 };
const v1Patience: Patience = { startAtMs: [0], totalMs: 400 };
// Signatures are refused at a difference of five minutes ("Troubleshoot SigV4 requests", IAM User Guide).
const clockFailsMs = 5 * 60_000;
const clockWarnsMs = 60_000;
const slowMs = 500;
const wellKnown: Readonly<Record<string, 'IPv4' | 'IPv6'>> = {
  '169.254.169.254': 'IPv4',
  'fd00:ec2::254': 'IPv6',
};

/**
 * Finds out whether IMDSv2 works for this process, and if not why, and what helps. Takes well below a second where all
 * is well and at most three; never throws because of what it finds, and gives no secret.
 */
export async function diagnose(patient: Patient, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  options.signal?.throwIfAborted();
  const { settings, env, platform = platformOnce(env) } = patient;
  const family = wellKnownFamily(settings.endpoint);
  const findings: Finding[] = [];
  const note = (id: string, status: Finding['status'], detail: string): void => {
    findings.push({ id, status, detail });
  };

  noteSettings(settings, note);
  noteProxies(env, settings, note);
  notePlatform(platform, family !== undefined, note);
  const otherCredentials = noteCredentialsElsewhere(env, note);
  const context: Case = {
    verdict: 'inconclusive',
    outcomes: {
      settings: settings.disabledBy ? 'disabled' : 'usable',
      platform: platform.isEnclave
        ? 'enclave'
        : platform.onEc2
          ? 'ec2'
          : platform.isElsewhere
            ? 'elsewhere'
            : 'unknown',
      endpoint: family ? 'well-known' : 'custom',
      connection: 'skipped',
      token: 'skipped',
      read: 'skipped',
      responder: 'unknown',
      distance: 'unknown',
      v1: 'skipped',
    },
    endpoint: settings.endpoint,
    platform,
    distance: undefined,
    instanceId: platform.instanceId,
    region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'],
    disabledBy: settings.disabledBy,
    otherCredentials,
    connectionDetail: '',
    tokenDetail: '',
    complaints: [],
    v1Withheld: false,
  };
  if (settings.disabledBy) return conclude(context, findings);

  const wire = new Wire(patient, options.signal);
  try {
    const [distance, exchange, allowance] = await Promise.all([
      measureDistance(patient.beacons ?? (family ? beacons[family] : []), options.signal),
      requestToken(wire),
      family ? linkLocalAllowance(patient.counters, options.signal) : undefined,
      family ? noteRoutes(family, note) : undefined,
    ]);
    const read = await readAnything(wire, exchange);
    const responder = responderOf(exchange, read);
    options.signal?.throwIfAborted();

    noteConnection(exchange, settings.endpoint, note);
    note('token', exchange.status, exchange.detail);
    noteResponder(responder, note);
    noteDistance(distance, exchange, family, patient, note);
    if (allowance) noteAllowance(allowance, note);
    note('read', read.status, read.detail);

    let outcomes: Outcomes = {
      ...context.outcomes,
      connection: exchange.connection,
      token: exchange.outcome,
      read: read.outcome,
      responder: responder.kind,
      distance: distance === undefined ? 'unknown' : distance.hops === 1 ? 'near' : 'far',
    };
    const withheldBy =
      options.v1Probe === false
        ? 'the caller'
        : settings.origins.v1ForbiddenBy === 'default'
          ? undefined
          : settings.v1ForbiddenBy;
    const wouldTell = exchange.outcome === 'lost' && read.outcome === 'silent' && outcomes.distance !== 'near';
    if (wouldTell && withheldBy === undefined) {
      options.announce?.(`nothing else tells, so ${metadata}instance-id is read once without a token`);
      outcomes = { ...outcomes, v1: await probeV1(wire, note) };
    } else {
      note(
        'v1',
        'skip',
        wouldTell
          ? `not asked without a token: forbidden by ${withheldBy}`
          : 'not asked without a token: it would tell nothing more',
      );
    }

    let instanceId = platform.instanceId ?? read.instanceId;
    let region = context.region;
    if (exchange.token !== undefined && read.outcome === 'answered') {
      noteIdentity(read.instanceId, platform, note);
      instanceId = read.instanceId ?? instanceId;
      region = (await notePlaceAndRole(wire, exchange.token, note)) ?? region;
    }
    noteClock(exchange.answer ?? read.answer, note);
    options.signal?.throwIfAborted();
    return conclude(
      {
        ...context,
        outcomes,
        distance: distance?.hops,
        instanceId,
        region,
        connectionDetail: exchange.connectionDetail,
        tokenDetail: exchange.outcome === 'granted' ? read.detail : exchange.detail,
        complaints: findings
          .filter(({ id, status }) => status === 'fail' && lateChecks.has(id))
          .map(({ id, detail }) => `${id}: ${detail}`),
        v1Withheld: wouldTell && withheldBy !== undefined,
      },
      findings,
    );
  } finally {
    wire.close();
  }
}

function conclude(unjudged: Case, findings: readonly Finding[]): Diagnosis {
  const found: Case = { ...unjudged, verdict: verdictOf(unjudged.outcomes) };
  const hopLimit = neededLimit(found);
  return {
    verdict: found.verdict,
    summary: summaryOf(found),
    ...(found.distance === undefined ? {} : { distance: found.distance }),
    ...(hopLimit === undefined ? {} : { hopLimit }),
    path: pathOf(found),
    findings,
    fix: fixesOf(found),
  };
}

type Note = (id: string, status: Finding['status'], detail: string) => void;

// ---- what is known without a request

const settingNames: Readonly<Record<string, (settings: Settings) => unknown>> = {
  endpoint: ({ endpoint }) => endpoint,
  allowV1: ({ allowV1 }) => allowV1,
  tokenTtlSeconds: ({ tokenTtlSeconds }) => tokenTtlSeconds,
  connectTimeoutMs: ({ connectTimeoutMs }) => connectTimeoutMs,
  requestTimeoutMs: ({ requestTimeoutMs }) => requestTimeoutMs,
  maxAttempts: ({ maxAttempts }) => maxAttempts,
  retryDelayMs: ({ retryDelayMs }) => retryDelayMs,
  deadlineMs: ({ deadlineMs }) => deadlineMs,
  roleName: ({ roleName }) => roleName,
};

function noteSettings(settings: Settings, note: Note): void {
  if (settings.disabledBy) {
    note('settings', 'fail', `${settings.disabledBy} is true; the AWS SDKs do not ask IMDS either`);
    return;
  }
  const origins: Readonly<Record<string, string>> = settings.origins;
  const given = Object.entries(settingNames)
    .filter(([name]) => (origins[name] ?? 'default') !== 'default')
    .map(([name, read]) => `${name} ${String(read(settings))} (${origins[name]})`);
  // Where the option itself forbids it, the option has been told of.
  const { v1ForbiddenBy, allowV1 } = settings.origins;
  const v1 = v1ForbiddenBy === allowV1 ? [] : [`no IMDSv1 (${settings.v1ForbiddenBy})`];
  const all = [...given, ...v1];
  note('settings', 'ok', all.length === 0 ? `all by default: ${settings.endpoint}` : all.join(', '));
}

/** `imds` never uses a proxy; other tools send metadata requests to one unless told not to. */
function noteProxies(env: Patient['env'], { endpoint }: Settings, note: Note): void {
  const proxies = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].filter((name) => env[name]);
  const exempt = `${env['NO_PROXY'] ?? ''},${env['no_proxy'] ?? ''}`.split(/[\s,]+/).filter(Boolean);
  const host = hostOf(endpoint);
  if (proxies.length === 0) note('proxy', 'ok', 'none in the environment');
  else if (socketOf(endpoint)) note('proxy', 'ok', `${proxies.join(', ')} set, which a Unix socket does not heed`);
  else if (exempt.includes('*') || exempt.includes(host))
    note('proxy', 'ok', `${proxies.join(', ')} set, NO_PROXY exempts ${host}`);
  else
    note(
      'proxy',
      'warn',
      `${proxies.join(', ')} set and NO_PROXY lacks ${host}: not used by imds, but other tools may send it there`,
    );
}

function notePlatform(platform: Platform, isExpected: boolean, note: Note): void {
  const { onEc2, isElsewhere, why, instanceId, container, hasHostNetwork, isEnclave, isWsl } = platform;
  note(
    'machine',
    onEc2 ? 'ok' : isElsewhere && isExpected ? 'warn' : 'skip',
    `${onEc2 ? 'EC2' : 'not known as EC2'}: ${why}${instanceId ? ` (${instanceId})` : ''}`,
  );
  const kind = {
    none: 'no container',
    kubernetes: 'a Kubernetes pod',
    ecs: 'an ECS task',
    fargate: 'a Fargate task, which has no IMDS',
    docker: 'a Docker container',
    podman: 'a Podman container',
    container: 'a container',
  }[container];
  const network =
    container === 'none' ? '' : hasHostNetwork ? ', on the network of its host' : ', with a network of its own';
  const more = `${isEnclave ? '; a Nitro Enclave' : ''}${isWsl ? '; WSL' : ''}`;
  note('container', container === 'fargate' || isEnclave || isWsl ? 'warn' : 'ok', kind + network + more);
}

function noteCredentialsElsewhere(env: Patient['env'], note: Note): string | undefined {
  const uri = env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
  const source = env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']
    ? 'the role of the ECS task'
    : /169\.254\.170\.23|fd00:ec2::23/.test(uri)
      ? 'EKS Pod Identity'
      : uri
        ? 'AWS_CONTAINER_CREDENTIALS_FULL_URI'
        : env['AWS_WEB_IDENTITY_TOKEN_FILE'] && env['AWS_ROLE_ARN']
          ? 'a role for the service account (IRSA)'
          : env['AWS_ACCESS_KEY_ID'] && env['AWS_SECRET_ACCESS_KEY']
            ? 'keys in the environment'
            : undefined;
  note(
    'credentials',
    'ok',
    source
      ? `the environment offers ${source}: SDKs need no IMDS for them`
      : 'none in the environment, so SDKs turn to IMDS',
  );
  return source;
}

// ---- the way

async function noteRoutes(family: 'IPv4' | 'IPv6', note: Note): Promise<void> {
  const described = await Promise.all(
    Object.entries(wellKnown).map(async ([address, its]) => {
      const source = await sourceAddress(address);
      const from = source.address && `from ${source.address}${interfaceOf(source.address)}`;
      return {
        ok: its !== family || source.address !== undefined,
        text: `${address} ${from ?? `no route (${source.code})`}`,
      };
    }),
  );
  note('route', described.every(({ ok }) => ok) ? 'ok' : 'fail', described.map(({ text }) => text).join('; '));
}

/** The address from which packets to another would go; connecting a datagram socket sends nothing. */
function sourceAddress(target: string): Promise<{ address?: string; code?: string }> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(target) ? 'udp6' : 'udp4');
    const end = (result: { address?: string; code?: string }): void => {
      socket.close();
      resolve(result);
    };
    socket.once('error', (error: NodeJS.ErrnoException) => end({ code: error.code ?? error.message }));
    socket.once('connect', () => end({ address: socket.address().address }));
    socket.connect(80, target);
  });
}

function interfaceOf(address: string): string {
  const found = Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.address === address));
  return found ? ` (${found[0]})` : '';
}

const wellKnownFamily = (endpoint: string): 'IPv4' | 'IPv6' | undefined => wellKnown[hostOf(endpoint)];

// ---- requests

interface Patience {
  /** When it is asked, and asked anew while nothing came back. */
  readonly startAtMs: readonly number[];
  readonly totalMs: number;
}

interface Asked {
  /** The first answer of any of the requests. */
  readonly answer?: Answer;
  /** Why there is none: the failure that tells most. */
  readonly error?: ImdsError;
  readonly tookMs: number;
  readonly requests: number;
}

/** Makes requests that are repeated while nothing comes back, the earlier ones going on. */
class Wire {
  readonly #patient: Patient;
  readonly #signal: AbortSignal | undefined;
  readonly #open = new Set<Transport>();

  constructor(patient: Patient, signal: AbortSignal | undefined) {
    this.#patient = patient;
    this.#signal = signal;
    signal?.addEventListener('abort', this.close, { once: true });
  }

  readonly close = (): void => {
    this.#signal?.removeEventListener('abort', this.close);
    const over = new ImdsError('ERR_IMDS_CLOSED', 'the diagnosis is over');
    for (const transport of this.#open) transport.close(over);
    this.#open.clear();
  };

  async ask(
    method: 'GET' | 'PUT',
    path: string,
    headers: Readonly<Record<string, string>>,
    patience: Patience,
  ): Promise<Asked> {
    this.#signal?.throwIfAborted();
    const { settings, events } = this.#patient;
    const transport = new Transport({ ...settings, connectTimeoutMs: patience.totalMs }, events, systemClock);
    this.#open.add(transport);
    const start = performance.now();
    const timers: NodeJS.Timeout[] = [];
    let requests = 0;
    const version = Object.keys(headers).length === 0 ? 1 : 2;
    try {
      return await new Promise<Asked>((resolve, reject) => {
        const failures: ImdsError[] = [];
        const end = (result: Pick<Asked, 'answer' | 'error'>): void =>
          resolve({ ...result, tookMs: performance.now() - start, requests });
        const request = async (timeoutMs: number): Promise<void> => {
          requests += 1;
          try {
            end({ answer: await transport.request({ method, path, headers, version, timeoutMs }) });
          } catch (error) {
            if (!isImdsError(error)) {
              reject(error);
              return;
            }
            failures.push(error);
            // What answers at once, if by a failure, answers the same again; silence may be a lost packet.
            if (!isSilence(error) || failures.length === patience.startAtMs.length)
              end({ error: failures.find((failure) => failure instanceof ImdsTimeoutError) ?? error });
          }
        };
        for (const at of patience.startAtMs) timers.push(setTimeout(() => void request(patience.totalMs - at), at));
      });
    } finally {
      for (const timer of timers) clearTimeout(timer);
      transport.close(new ImdsError('ERR_IMDS_CLOSED', 'answered meanwhile'));
      this.#open.delete(transport);
    }
  }
}

const isSilence = (error: ImdsError): boolean =>
  error instanceof ImdsTimeoutError || (error instanceof ImdsUnreachableError && systemCode(error) === 'ETIMEDOUT');

const systemCode = ({ cause }: ImdsError): string | undefined => codeOf(cause);

interface Exchange {
  readonly connection: Outcomes['connection'];
  readonly connectionDetail: string;
  readonly outcome: Outcomes['token'];
  readonly status: Finding['status'];
  readonly detail: string;
  readonly answer: Answer | undefined;
  readonly token: string | undefined;
  /** False when what came back was not HTTP. */
  readonly isHttp: boolean;
}

async function requestToken(wire: Wire): Promise<Exchange> {
  // A minute is enough for what follows.
  const asked = await wire.ask('PUT', tokenPath, { [ttlHeader]: '60' }, tokenPatience);
  const { answer, error, tookMs, requests } = asked;
  const took = `${Math.round(tookMs)} ms`;
  if (answer === undefined) {
    const isHttp = !(error instanceof ImdsResponseError && error.fault === 'not-http');
    const none = { answer, token: undefined, isHttp };
    if (error instanceof ImdsUnreachableError)
      return { ...none, ...unreachable(error, took), outcome: 'skipped', status: 'skip', detail: 'not asked for' };
    const connection = { connection: 'made', connectionDetail: 'made' } as const;
    if (error instanceof ImdsTimeoutError)
      return {
        ...none,
        ...connection,
        outcome: 'lost',
        status: 'fail',
        detail: `asked for ${requests} times in ${took}: connected, and no reply came`,
      };
    return { ...none, ...connection, outcome: 'unusable', status: 'fail', detail: faultOf(error) };
  }
  const { statusCode } = answer;
  const common = {
    connection: 'made',
    connectionDetail: 'made',
    answer,
    token: undefined,
    isHttp: true,
    status: 'fail',
  } as const;
  const token = answer.body.toString('latin1').trim();
  const ttl = answer.header(ttlHeader);
  const again = requests > 1 ? `, at the ${requests}. request: packets get lost` : '';
  if (statusCode === 200 && ttl !== undefined && /^\d+$/.test(ttl) && /^[\x21-\x7e]{1,4096}$/.test(token))
    return {
      ...common,
      token,
      outcome: 'granted',
      status: requests > 1 || tookMs > slowMs ? 'warn' : 'ok',
      detail: `granted in ${took} for ${ttl} s${again}`,
    };
  const refused = (outcome: Outcomes['token'], meaning: string): Exchange => ({
    ...common,
    outcome,
    detail: `the request was answered ${statusCode}: ${meaning}`,
  });
  if (statusCode === 400) return refused('malformed', 'taken for malformed');
  if (statusCode === 401 || statusCode === 403) return refused('forbidden', 'refused');
  if ([404, 405, 501, 502].includes(statusCode)) return refused('unsupported', 'no session token is given there');
  if (statusCode === 429 || statusCode === 503) return refused('throttled', 'too many requests');
  return refused('unusable', statusCode === 200 ? 'but that is no session token' : 'which is no answer of IMDS');
}

function unreachable(error: ImdsUnreachableError, took: string): Pick<Exchange, 'connection' | 'connectionDetail'> {
  const code = systemCode(error) ?? 'unknown';
  if (code === 'ETIMEDOUT')
    return { connection: 'silent', connectionDetail: `none within ${took}: packets are dropped` };
  const ofSocket = socketFaults[code];
  if (ofSocket) return { connection: 'refused', connectionDetail: `${ofSocket} (${code})` };
  // The kernel's own firewall gives these for a rejection; without any route there is no source address either.
  const connection = /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EINVAL)$/.test(code) ? 'no-route' : 'refused';
  return { connection, connectionDetail: `${connection === 'refused' ? 'refused' : 'no way there'} (${code})` };
}

const socketFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ENOTSOCK: 'that is no socket',
  EACCES: 'this user may not open it',
};

const faultOf = (error: ImdsError | undefined): string =>
  error instanceof ImdsResponseError
    ? {
        status: `the answer was ${error.statusCode}`,
        redirect: 'the answer was a redirect',
        'too-large': 'the answer was too large',
        cut: 'the answer was cut short',
        reset: 'the connection was closed without an answer',
        'not-http': 'the answer was not HTTP',
      }[error.fault]
    : (error?.message ?? '');

interface Read {
  readonly outcome: Outcomes['read'];
  readonly status: Finding['status'];
  readonly detail: string;
  readonly answer: Answer | undefined;
  readonly instanceId: string | undefined;
}

/**
 * Reads the instance ID, with the token or one that IMDS never gave. The latter is no request without a token, and IMDS
 * answers it 401 whatever `HttpTokens` is: proof that it is there and that its replies arrive.
 */
async function readAnything(wire: Wire, { outcome, connection, token }: Exchange): Promise<Read> {
  const nothing = { answer: undefined, instanceId: undefined };
  if (connection !== 'made') return { ...nothing, outcome: 'skipped', status: 'skip', detail: 'no connection' };
  const { answer, error } = await wire.ask(
    'GET',
    `${metadata}instance-id`,
    { [tokenHeader]: token ?? 'none' },
    readPatience,
  );
  if (answer === undefined) {
    const isSilent = error !== undefined && isSilence(error);
    return {
      ...nothing,
      outcome: isSilent ? 'silent' : 'unusable',
      status: 'fail',
      detail: isSilent ? 'not answered' : faultOf(error),
    };
  }
  const { statusCode } = answer;
  const body = answer.body.toString('latin1').trim();
  const instanceId = statusCode === 200 && /^i-[0-9a-f]{8,17}$/.test(body) ? body : undefined;
  const read = (its: Outcomes['read'], status: Finding['status'], detail: string): Read => ({
    outcome: its,
    status,
    detail: `${detail} (${statusCode})`,
    answer,
    instanceId,
  });
  if (statusCode === 200 && instanceId === undefined)
    return read('unusable', 'fail', 'answered, but not with an instance ID');
  if (statusCode === 200 && outcome !== 'granted')
    return read('token-ignored', 'warn', 'answered without regard to the token');
  if (statusCode === 200) return read('answered', 'ok', 'answered');
  if (statusCode === 401)
    return read(
      'token-demanded',
      token ? 'fail' : 'ok',
      token ? 'the fresh token is refused' : 'reads are answered: a valid token is demanded',
    );
  if (statusCode === 403) return read('forbidden', 'fail', 'refused');
  if (statusCode === 429 || statusCode === 503) return read('throttled', 'fail', 'too many requests');
  return read('unusable', 'fail', 'no answer of IMDS');
}

/** The checks of what a service gives that works. */
const lateChecks: ReadonlySet<string> = new Set(['role', 'clock']);

/** The one request without a token. */
async function probeV1(wire: Wire, note: Note): Promise<Outcomes['v1']> {
  const { answer } = await wire.ask('GET', `${metadata}instance-id`, {}, v1Patience);
  const known = answer?.statusCode === 200 || answer?.statusCode === 401;
  note(
    'v1',
    known ? 'ok' : 'fail',
    `asked once without a token: ${answer ? `answered ${answer.statusCode}` : 'not answered'}`,
  );
  return known ? 'answered' : 'silent';
}

// ---- what the answers say

function noteConnection({ connection, connectionDetail }: Exchange, endpoint: string, note: Note): void {
  note('connection', connection === 'made' ? 'ok' : 'fail', `to ${endpoint}: ${connectionDetail}`);
}

interface Responder {
  readonly kind: Outcomes['responder'];
  readonly server: string | undefined;
}

function responderOf(exchange: Exchange, read: Read): Responder {
  if (!exchange.isHttp) return { kind: 'other', server: undefined };
  const received = [exchange.answer, read.answer].filter((answer) => answer !== undefined);
  if (received.length === 0) return { kind: 'unknown', server: undefined };
  const servers = received.map((answer) => answer.header('server'));
  return servers.includes('EC2ws')
    ? { kind: 'ec2', server: 'EC2ws' }
    : { kind: 'other', server: servers.find(Boolean) };
}

function noteResponder({ kind, server }: Responder, note: Note): void {
  if (kind === 'ec2') note('responder', 'ok', 'calls itself EC2ws, as IMDS does');
  else if (kind === 'unknown') note('responder', 'skip', 'nothing answered');
  else
    note(
      'responder',
      'warn',
      `${server ? `calls itself ${server.slice(0, 40)}` : 'gives no name'}, IMDS calls itself EC2ws: an emulator, an interceptor or another cloud`,
    );
}

function noteDistance(
  distance: Distance | undefined,
  { outcome }: Exchange,
  family: 'IPv4' | 'IPv6' | undefined,
  patient: Patient,
  note: Note,
): void {
  if (distance === undefined) {
    if (!family && !patient.beacons) note('distance', 'skip', 'not measured: the endpoint is not the well-known one');
    else
      note(
        'distance',
        outcome === 'lost' ? 'warn' : 'ok',
        'not measured: neither the time service nor the DNS beside IMDS answers',
      );
    return;
  }
  const by = distance.by.speaks === 'NTP' ? 'the time service' : 'the DNS';
  const where = isIP(distance.by.address) ? ` at ${distance.by.address}` : '';
  note(
    'distance',
    outcome === 'lost' && distance.hops > 1 ? 'fail' : 'ok',
    `${distance.hops} ${distance.hops === 1 ? 'hop' : 'hops'}, measured by ${by}${where}: the hop limit has to be ${distance.hops}`,
  );
}

function noteAllowance(allowance: Allowance, note: Note): void {
  if ('why' in allowance) note('allowance', 'skip', `dropped packets are not counted: ${allowance.why}`);
  else if (allowance.dropped === 0)
    note('allowance', 'ok', `${allowance.device} has dropped none of the packets to IMDS`);
  else
    note(
      'allowance',
      'warn',
      `${allowance.device} has dropped ${allowance.dropped} packets since it came up: more than 1024 a second went to ` +
        'IMDS, DNS and time service (linklocal_allowance_exceeded)',
    );
}

function noteIdentity(served: string | undefined, { instanceId }: Platform, note: Note): void {
  if (served === undefined || instanceId === undefined) return;
  if (served === instanceId) note('identity', 'ok', `${served}, as the firmware says`);
  else
    note(
      'identity',
      'warn',
      `${served} is served, but the firmware says ${instanceId}: this is the metadata of another instance`,
    );
}

/** What else people miss: the role, tags. Gives the region. */
async function notePlaceAndRole(wire: Wire, token: string, note: Note): Promise<string | undefined> {
  const headers = { [tokenHeader]: token };
  const read = (path: string): Promise<Asked> => wire.ask('GET', metadata + path, headers, readPatience);
  const textOf = ({ answer }: Asked): string | undefined =>
    answer?.statusCode === 200 ? answer.body.toString('utf8').trim() : undefined;
  const [region, roles, tags] = await Promise.all([
    read('placement/region'),
    read('iam/security-credentials/'),
    read('tags/instance/'),
  ]);
  const role = textOf(roles)?.split('\n')[0];
  if (role) noteRole(role, textOf(await read(`iam/security-credentials/${encodeURIComponent(role)}`)), note);
  else if (roles.answer) note('role', 'warn', 'no role: no instance profile is attached, so there are no credentials');
  else note('role', 'warn', 'could not be read');
  const tagged = textOf(tags) !== undefined;
  note('tags', 'ok', tagged ? 'served' : 'not served: InstanceMetadataTags is off, or there are none');
  const name = textOf(region);
  return name !== undefined && /^[a-z0-9-]{1,40}$/.test(name) ? name : undefined;
}

function noteRole(role: string, document: string | undefined, note: Note): void {
  const credentials = parsed(document);
  const code = credentials['Code'];
  const ends = Date.parse(String(credentials['Expiration']));
  if (code === undefined) note('role', 'fail', `${role}: its credentials could not be read`);
  else if (code !== 'Success')
    note('role', 'fail', `${role}: ${String(code).slice(0, 80)}; see the role's trust policy`);
  else if (ends <= Date.now())
    note('role', 'fail', `${role}: its credentials ended at ${new Date(ends).toISOString()}`);
  else note('role', 'ok', `${role}: its credentials are valid`);
}

/** The properties of a JSON object; none if it is anything else. */
function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}

function noteClock(answer: Answer | undefined, note: Note): void {
  const served = Date.parse(answer?.header('date') ?? '');
  if (Number.isNaN(served)) {
    note('clock', 'skip', 'nothing to compare it with');
    return;
  }
  const offMs = Date.now() - served;
  const size = Math.abs(offMs);
  const status = size > clockFailsMs ? 'fail' : size > clockWarnsMs ? 'warn' : 'ok';
  // The header has whole seconds.
  const detail =
    size < 2000
      ? 'agrees with the service'
      : `${Math.round(size / 1000)} s ${offMs > 0 ? 'ahead of' : 'behind'} the service`;
  note('clock', status, status === 'fail' ? `${detail}: signed requests to AWS are refused` : detail);
}
