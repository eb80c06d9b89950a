import {
  ImdsDisabledError,
  ImdsError,
  ImdsForbiddenError,
  ImdsHopLimitError,
  ImdsNotFoundError,
  ImdsPathError,
  ImdsResponseError,
  ImdsTimeoutError,
  ImdsTokenError,
  ImdsUnreachableError,
  type ResponseFault,
} from '../errors.js';
import type { Category } from '../metadata/category.js';
import { platform } from '../platform.js';

// The wording of everything that goes wrong with a request: what a status means, which error it becomes, and what
// usually helps.

const change = 'aws ec2 modify-instance-metadata-options --instance-id';

/** The hint for any reply that IMDS would not send. */
const foreignHint = 'Something other than IMDS answers at this address. Check the endpoint and the network path to it.';

const foreign = (message: string, fault: ResponseFault, statusCode?: number): ImdsResponseError =>
  new ImdsResponseError(message, { fault, statusCode, hint: foreignHint });

/** The error for a status that neither a token request nor a read can handle. A read handles 200, 401 and 404. */
export function statusError(statusCode: number, target: string, note = ''): ImdsError {
  const message = `${target} returned ${statusCode}`;
  if (statusCode === 403)
    return new ImdsForbiddenError(message, {
      hint:
        `Either the endpoint is off (HttpEndpoint=disabled; \`${change} <id> --http-endpoint enabled\` turns it on), ` +
        'or a proxy on the way adds X-Forwarded-For, and IMDS refuses such token requests. Outside EC2, a proxy such as ' +
        `Docker Desktop's returns 403 for an address that it cannot reach.${note && ` ${note}`}`,
    });
  if (statusCode >= 300 && statusCode < 400)
    return foreign(`${target} returned a redirect (${statusCode}), which is not followed`, 'redirect', statusCode);
  return new ImdsResponseError(message, { fault: 'status', statusCode });
}

/** The error for a token reply without a token. */
export function noToken(statusCode: number, target: string, note: string): ImdsError {
  const message = `${target} returned ${statusCode}`;
  if (statusCode === 200)
    return new ImdsTokenError(`${message}, but no session token`, { statusCode, hint: foreignHint });
  if (statusCode === 400)
    return new ImdsTokenError(`${message}: the service considers the token request malformed`, { statusCode });
  if (statusCode !== 401 && statusCode !== 404 && statusCode !== 405) return statusError(statusCode, target, note);
  const hint = 'The responder does not support IMDSv2: an old interceptor such as kube2iam, or another service.';
  // Version 1 would not help after a 401: that is the reply of a service that requires tokens.
  const help = note && statusCode !== 401 ? `${hint} ${note}` : hint;
  return new ImdsTokenError(`${message}: it issues no session tokens`, { statusCode, hint: help });
}

const refusals = new WeakSet<object>();

export function refusedAgain(target: string): ImdsTokenError {
  const error = new ImdsTokenError(`${target} returned 401, even with a fresh session token`, {
    statusCode: 401,
    hint:
      'On first boot this can last a few seconds: the option waitMs (`--wait SECONDS`) waits for the service. Else ' +
      'something drops the header X-aws-ec2-metadata-token, or sends the two requests to different places.',
  });
  refusals.add(error);
  return error;
}

/** True for an error of {@link refusedAgain}. */
export const isTokenRefusal = (error: unknown): boolean => refusals.has(Object(error));

export const echoed = (target: string): ImdsResponseError =>
  foreign(`${target} returned the session token that was sent`, 'echo');

export const pathWithToken = (): ImdsPathError =>
  new ImdsPathError('the path contains the session token, which must stay secret');

export const tokenTooLate = (target: string): ImdsTimeoutError =>
  new ImdsTimeoutError(`${target} returned a token that had expired on the way`, { phase: 'token' });

/**
 * The error for a token reply that did not come in time.
 *
 * @param isLost no byte of it came in the full time of one attempt
 */
export function tokenTimeout({ message, cause }: ImdsTimeoutError, isLost: boolean, note: string): ImdsTimeoutError {
  if (!isLost) return new ImdsTimeoutError(message, { phase: 'token', cause });
  const id = platform().instanceId ?? '<id>';
  return new ImdsHopLimitError(`${message}, although it connected: the reply with the session token was lost`, {
    cause,
    hint:
      'The token reply travels HttpPutResponseHopLimit hops (default 1) at most; a container needs 2 or more. Raise ' +
      `it: ${change} ${id} --http-put-response-hop-limit 2 --http-endpoint enabled${note && `. ${note}`}`,
  });
}

export const outOfTime = (path: string): ImdsTimeoutError =>
  new ImdsTimeoutError(`no answer for ${path} before the deadline of the call`, { phase: 'deadline' });

const ruleHint = 'A rule on this machine keeps the process from reaching this address:';

/** Hints for a failed connection, by system error code. */
const connectionHints: Readonly<Record<string, string>> = {
  EMFILE: 'This process has too many open files and sockets: close some, or raise the limit (`ulimit -n`).',
  ENFILE: 'This machine has too many open files and sockets.',
  EACCES: `${ruleHint} a prohibit route or a firewall.`,
  EPERM: `${ruleHint} a firewall, or a policy for the process.`,
  ERR_ACCESS_DENIED: "Node's permission model denies this process the network: start it with --allow-net.",
};

/** A system error with code and message only: got's errors hold its options, token included, the parser's the reply. */
const systemError = (code: string, message: string): Error =>
  Object.assign(new Error(message), { name: 'SystemError', code });

const timeUp = (): Error => systemError('ETIMEDOUT', 'timed out');

/** No connection was made. @param why a code such as `ECONNREFUSED`, or words */
function unreachable(target: string, why: string, cause: Error): ImdsUnreachableError {
  const isWellKnown = /http:\/\/(169\.254\.169\.254|\[fd00:ec2::254\])\//.test(target);
  const hint = isWellKnown
    ? 'Is this an EC2 instance? If so, check the route to this address, firewalls, and for IPv6 HttpProtocolIpv6. ' +
      'Elsewhere, run `imds emulate` and set AWS_EC2_METADATA_SERVICE_ENDPOINT to its URL.'
    : 'Nothing answers at this endpoint. Check that it is correct and that the service behind it is running.';
  return new ImdsUnreachableError(`${target} could not be sent: ${why}`, { cause, hint: connectionHints[why] ?? hint });
}

export const notConnected = (target: string, timeoutMs: number): ImdsUnreachableError =>
  unreachable(target, `no connection within ${Math.round(timeoutMs)} ms`, timeUp());

/** The reply, or part of it, did not come in time. */
export function timedOut(target: string, timeoutMs: number, phase: 'response' | 'body'): ImdsTimeoutError {
  const message = `${target} got no ${phase === 'body' ? 'complete ' : ''}reply within ${Math.round(timeoutMs)} ms`;
  return new ImdsTimeoutError(message, { phase, cause: timeUp() });
}

const brokenReplies = {
  cut: 'returned a body that was cut off or shorter than announced',
  reset: 'got no reply: the connection was closed',
  'not-http': 'got a reply that is not HTTP',
};

/**
 * No connection was made, or it broke, or the reply is not HTTP.
 *
 * @param error of the HTTP library
 * @param reply as far as it was received
 */
export function requestFailed(
  { code, message, cause }: { readonly code: string; readonly message: string; readonly cause?: unknown },
  target: string,
  isConnected: boolean,
  reply: { readonly statusCode?: number | undefined } | undefined,
): ImdsError {
  const isError = typeof cause === 'object' && cause !== null && 'message' in cause;
  const beneath = systemError(code, isError ? String(cause.message) : message);
  if (!isConnected) return unreachable(target, code, beneath);
  const isOfParser = code.startsWith('HPE_');
  // The parser's code for a connection that ended within a chunk.
  const isCut = reply && (code === 'HPE_INVALID_EOF_STATE' || !isOfParser);
  const fault = isCut ? 'cut' : isOfParser ? 'not-http' : 'reset';
  const hint = fault === 'not-http' ? foreignHint : undefined;
  const parts = { fault, statusCode: reply?.statusCode, cause: beneath, hint } as const;
  return new ImdsResponseError(`${target} ${brokenReplies[fault]} (${code})`, parts);
}

export const tooLarge = (target: string, largest: number): ImdsResponseError =>
  foreign(`${target} returned more than ${largest} bytes`, 'too-large');

export const disabled = (setting: string): ImdsDisabledError =>
  new ImdsDisabledError(`Instance metadata is disabled: ${setting} is true`, {
    hint: `Unset ${setting} to let this process use the instance metadata service.`,
  });

export const closed = (): ImdsError => new ImdsError('ERR_IMDS_CLOSED', 'this client was closed');

export function notFound(path: string, category: Category<unknown> | undefined): ImdsNotFoundError {
  const known = absenceHints.find(([part]) => path.includes(part))?.[1];
  const hint = category?.optional ? (known ?? 'This category is absent on many instances.') : undefined;
  return new ImdsNotFoundError(`there is nothing at ${path} (404)`, { path, hint });
}

/** Hints on when an optional category is there, by a part of its path. */
const absenceHints: readonly (readonly [part: string, hint: string])[] = [
  [
    '/tags/',
    `There is no such tag, or InstanceMetadataTags is off. To enable: ${change} <id> --instance-metadata-tags enabled`,
  ],
  ['/iam/', 'There is no such role, or no instance profile is attached to the instance.'],
  ['/spot/', 'Present only after an interruption notice for a Spot Instance.'],
  ['/events/recommendations', 'Present only after a rebalance recommendation for a Spot Instance.'],
  ['/autoscaling/', 'Present only on instances in an Auto Scaling group.'],
  ['/user-data', 'The instance was launched without user data.'],
  ['/public-ipv4', 'The instance has no public IPv4 address.'],
  ['/public-hostname', 'The instance has no public IPv4 address, or DNS hostnames are disabled for its VPC.'],
];
