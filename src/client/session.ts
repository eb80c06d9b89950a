import { setMaxListeners } from 'node:events';
import { type ImdsError, ImdsHopLimitError, ImdsTimeoutError, ImdsTokenError, isImdsError } from '../errors.js';
import { platform } from '../platform.js';
import type { Events } from './events.js';
import { attempting, final } from './retry.js';
import type { Settings } from './settings.js';
import { type Call, Flights, outOfTime } from './single-flight.js';
import { type Answer, statusError, type Transport } from './transport.js';

interface Token {
  readonly token: string;
  /** From here on it is never sent. */
  endsAt: number;
  /** From here on a new one is fetched behind the reads that still use this one. */
  renewAt: number;
  /** A read with it was answered 401. */
  isRefused: boolean;
}

const version1 = Object.freeze({ token: undefined });

/** How a read is made: with this session token, or, where version 1 is in use, without one. */
type Authorization = Token | typeof version1;

const tokenPath = '/latest/api/token';
const tokenHeader = 'x-aws-ec2-metadata-token';
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
const longestTtlSeconds = 21600;
// A token is left unused for its last second, so that it does not lapse on the way to the service.
const marginMs = 1000;
// As in AWS's SDK for Rust; short-lived tokens are renewed in their last fifth instead.
const renewEarlyMs = 120_000;
// After a failed renewal behind the reads, the next is tried this much later.
const renewAgainMs = 10_000;
// Version 2 is asked for again this often while version 1 is in use.
const probeV2Ms = 60_000;
// A lost token reply costs seconds to notice; calls within this time of it fail at once.
const lostReplyMs = 5000;

/** What the session could not get has been tried often enough; the attempts of the read must not multiply it. */
const stop = (error: unknown): never => {
  throw final(error);
};

/**
 * Owns the session token: one request for it at a time, renewed early behind the reads, replaced when refused, never
 * sent after its end. Falls back to version 1 where that is allowed.
 * See "Use the Instance Metadata Service to access instance metadata" in the EC2 User Guide.
 */
export class Session {
  readonly #transport: Pick<Transport, 'request'>;
  readonly #settings: Settings;
  readonly #events: Events;
  readonly #now: () => number;
  readonly #tokenRefused: () => void;
  readonly #flights: Flights<Token>;
  readonly #closing = new AbortController();
  #token: Token | undefined;
  #renewNotBefore = 0;
  /** When version 2 is tried again; undefined while it is in use. */
  #probeV2At: number | undefined;
  #lostReply: { readonly error: ImdsError; readonly until: number } | undefined;

  /**
   * @param tokenRefused called when the service no longer knows the token, so that this may be another life of the
   *   instance: it was hibernated, or stopped and started from an image that holds this process.
   */
  constructor(
    transport: Pick<Transport, 'request'>,
    settings: Settings,
    events: Events,
    now: () => number,
    tokenRefused: () => void,
  ) {
    this.#transport = transport;
    this.#settings = settings;
    this.#events = events;
    this.#now = now;
    this.#tokenRefused = tokenRefused;
    // A caller in a hurry must not make a slow reply look like a lost one, for others too.
    this.#flights = new Flights(now, settings.requestTimeoutMs);
    setMaxListeners(0, this.#closing.signal);
  }

  /** Reads a path and gives the answer: status 200, or 404. @throws an {@link ImdsError} for any other outcome. */
  read(path: string, until: number): Promise<Answer> {
    return this.#attempting(() => this.#attempt(path, until), path, until, this.#settings.maxAttempts);
  }

  /** A token for another program; never version 1. */
  async token(call: Call): Promise<string> {
    return (await this.#version2(call)).token;
  }

  /** Forgets the token, and ends the delays before further attempts. */
  close(reason: ImdsError): void {
    this.#token = undefined;
    this.#closing.abort(reason);
  }

  async #attempt(path: string, until: number): Promise<Answer> {
    let authorization = await this.#authorize({ until }).catch(stop);
    let answer = await this.#get(path, authorization, until);
    if (answer.statusCode === 401) {
      this.#giveUp(authorization);
      authorization = await this.#version2({ until }).catch(stop);
      answer = await this.#get(path, authorization, until);
    }
    const { statusCode } = answer;
    if (statusCode === 200 || statusCode === 404) return answer;
    const target = `GET ${this.#settings.endpoint}${path}`;
    if (statusCode !== 401) throw statusError(answer, target);
    this.#giveUp(authorization);
    throw new ImdsTokenError(`${target} was answered 401, with a fresh session token too`, { statusCode });
  }

  async #get(path: string, authorization: Authorization, until: number): Promise<Answer> {
    const sentAt = this.#now();
    if (sentAt >= until) throw outOfTime(path);
    const { token } = authorization;
    const answer = await this.#transport.request({
      method: 'GET',
      path,
      headers: token === undefined ? {} : { [tokenHeader]: token },
      version: token === undefined ? 1 : 2,
      timeoutMs: Math.min(this.#settings.requestTimeoutMs, until - sentAt),
    });
    this.#learn(authorization, answer, sentAt);
    return answer;
  }

  /** How to make a read now; waits only when there is no usable token. */
  async #authorize(call: Call): Promise<Authorization> {
    const now = this.#now();
    const token = this.#token;
    if (token && now < token.endsAt) {
      if (now >= token.renewAt && now >= this.#renewNotBefore) this.#renewBehind();
      return token;
    }
    if (this.#probeV2At !== undefined) {
      if (now >= this.#probeV2At) this.#probeV2();
      return version1;
    }
    try {
      return await this.#fetch(call);
    } catch (error) {
      if (!this.#settings.allowV1 || !isImdsError(error) || !curedByV1(error)) throw error;
      if (this.#probeV2At === undefined && this.#events.wanted('fallback'))
        this.#events.publish('fallback', { to: 1, reason: error.code });
      this.#probeV2At ??= this.#now() + probeV2Ms;
      return version1;
    }
  }

  /** Sends a token no more that a read was answered 401 with. */
  #giveUp(refused: Authorization): void {
    if (refused.token === undefined || refused.isRefused) return;
    refused.isRefused = true;
    if (refused === this.#token) this.#token = undefined;
    this.#tokenRefused();
    if (this.#events.wanted('token')) this.#events.publish('token', { action: 'rejected' });
  }

  /** The token at hand, which another read may have had fetched meanwhile, or a new one; never version 1. */
  async #version2(call: Call): Promise<Token> {
    const token = this.#token;
    return token && this.#now() < token.endsAt ? token : await this.#fetch(call);
  }

  /** Learns from the answer to a read how long its token still lives. */
  #learn(authorization: Authorization, answer: Answer, sentAt: number): void {
    const token = this.#token;
    const seconds = lifetime(answer);
    if (!token || token !== authorization || seconds === undefined) return;
    // Only ever shortened: counted from when the request left, each answer gives a time that is not too late.
    const { endsAt, renewAt } = schedule(sentAt, seconds);
    token.endsAt = Math.min(token.endsAt, endsAt);
    token.renewAt = Math.min(token.renewAt, renewAt);
  }

  /** Fetches a token now; all who need one meanwhile share it. */
  async #fetch(call: Call): Promise<Token> {
    if (this.#lostReply && this.#now() < this.#lostReply.until) throw this.#lostReply.error;
    return await this.#flights.join(tokenPath, call, (until) => this.#request(until, this.#settings.maxAttempts));
  }

  /** Renews the token while reads go on with the old one. */
  #renewBehind(): void {
    this.#renewNotBefore = this.#now() + renewAgainMs;
    this.#requestBehind(this.#settings.maxAttempts);
  }

  /** Asks whether the service speaks version 2 by now, once, while reads go on with version 1. */
  #probeV2(): void {
    this.#probeV2At = this.#now() + probeV2Ms;
    this.#requestBehind(1);
  }

  #requestBehind(maxAttempts: number): void {
    const until = this.#now() + this.#settings.deadlineMs;
    // A failure is published by the request itself; whoever needs the token will meet the next one.
    this.#flights.join(tokenPath, { until }, (end) => this.#request(end, maxAttempts)).catch(() => {});
  }

  async #request(until: number, maxAttempts: number): Promise<Token> {
    const events = this.#events;
    let token: Token;
    try {
      token = await this.#attempting(() => this.#put(until), tokenPath, until, maxAttempts);
    } catch (error) {
      if (error instanceof ImdsHopLimitError) this.#lostReply = { error, until: this.#now() + lostReplyMs };
      if (isImdsError(error) && events.wanted('token'))
        events.publish('token', { action: 'failed', error: error.code });
      throw error;
    }
    this.#token = token;
    this.#renewNotBefore = 0;
    this.#lostReply = undefined;
    if (this.#probeV2At !== undefined && events.wanted('fallback')) events.publish('fallback', { to: 2 });
    this.#probeV2At = undefined;
    return token;
  }

  #attempting<T>(attempt: () => Promise<T>, path: string, until: number, maxAttempts: number): Promise<T> {
    const settings = { maxAttempts, retryDelayMs: this.#settings.retryDelayMs };
    const { signal } = this.#closing;
    return attempting(attempt, { settings, events: this.#events, path, until, now: this.#now, signal });
  }

  async #put(until: number): Promise<Token> {
    const { tokenTtlSeconds, requestTimeoutMs, endpoint } = this.#settings;
    const sentAt = this.#now();
    const timeoutMs = Math.min(requestTimeoutMs, until - sentAt);
    let answer: Answer;
    try {
      answer = await this.#transport.request({
        method: 'PUT',
        path: tokenPath,
        headers: { [ttlHeader]: String(tokenTtlSeconds) },
        version: 2,
        timeoutMs,
      });
    } catch (error) {
      if (!(error instanceof ImdsTimeoutError)) throw error;
      throw lateReply(error, timeoutMs > 0.9 * requestTimeoutMs, this.#v1Note());
    }
    if (answer.statusCode !== 200) throw refusal(answer, `PUT ${endpoint}${tokenPath}`, this.#v1Note());
    const token = answer.body.toString('latin1').trim();
    const seconds = lifetime(answer);
    // Opaque, but it has to go into a header: an error page served with 200 must not be taken for a token.
    if (!/^[\x21-\x7e]{1,4096}$/.test(token) || !seconds)
      throw new ImdsTokenError(
        `PUT ${endpoint}${tokenPath} was answered 200, but not with a session token and its TTL`,
        {
          statusCode: 200,
          hint: 'Something other than IMDS answers at this address. Check the endpoint and what intercepts it.',
        },
      );
    const times = schedule(sentAt, seconds);
    if (this.#now() >= times.endsAt)
      throw new ImdsTimeoutError(`PUT ${endpoint}${tokenPath} was answered after the token's end`, { phase: 'token' });
    if (this.#events.wanted('token')) this.#events.publish('token', { action: 'obtained', ttlSeconds: seconds });
    return { token, ...times, isRefused: false };
  }

  /** Which setting keeps version 1 from curing a failure that it might cure. */
  #v1Note(): string {
    const { v1ForbiddenBy } = this.#settings;
    return v1ForbiddenBy ? `IMDSv1 was not tried: ${v1ForbiddenBy}.` : '';
  }
}

/** Seconds that the answer says its token lives, counted down to 0; undefined if it does not say. */
function lifetime(answer: Answer): number | undefined {
  const text = answer.header(ttlHeader);
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(Number(text), longestTtlSeconds);
}

function schedule(sentAt: number, seconds: number): { endsAt: number; renewAt: number } {
  const lifeMs = seconds * 1000;
  const endsAt = sentAt + lifeMs - Math.min(marginMs, lifeMs / 10);
  return { endsAt, renewAt: endsAt - Math.min(renewEarlyMs, lifeMs / 5) };
}

/** The documented rule of the AWS SDKs, and their practice for replies that never come. */
const curedByV1 = (error: ImdsError): boolean =>
  error.code === 'ERR_IMDS_HOP_LIMIT' ||
  error.code === 'ERR_IMDS_FORBIDDEN' ||
  (error instanceof ImdsTokenError && (error.statusCode === 404 || error.statusCode === 405));

/** The reply counts as lost when nothing of it came in, at least nearly, all the time that one attempt may take. */
function lateReply(error: ImdsTimeoutError, waitedInFull: boolean, v1Note: string): ImdsTimeoutError {
  const { message, cause } = error;
  if (error.phase !== 'response' || !waitedInFull) return new ImdsTimeoutError(message, { phase: 'token', cause });
  return new ImdsHopLimitError(`${message}, though the connection was made: the session token got lost`, {
    cause,
    hint:
      'The reply that carries the token travels HttpPutResponseHopLimit hops (default 1) and no further: from a ' +
      'container it takes 2 or more. Raise it: aws ec2 modify-instance-metadata-options ' +
      `--instance-id ${platform().instanceId ?? '<id>'} --http-put-response-hop-limit 2 --http-endpoint enabled${v1Note && `. ${v1Note}`}`,
  });
}

function refusal(answer: Answer, target: string, v1Note: string): ImdsError {
  const { statusCode } = answer;
  const refused = `${target} was answered ${statusCode}`;
  if (statusCode === 400)
    return new ImdsTokenError(`${refused}: the service took the token request for malformed`, { statusCode });
  if (statusCode === 401 || statusCode === 404 || statusCode === 405) {
    const note = statusCode === 401 ? '' : v1Note;
    return new ImdsTokenError(`${refused}: no session token is given there`, {
      statusCode,
      hint: `What answers does not speak IMDSv2: an old interceptor such as kube2iam, or another service. ${note}`.trim(),
    });
  }
  return statusError(answer, target, v1Note);
}
