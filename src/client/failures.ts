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

// Everything that goes wrong with a request is put into words here: what a status means, which error stands for it, and
// what usually helps.

const change = 'aws ec2 modify-instance-metadata-options --instance-id';

/** The hint of every reply that IMDS would not send. */
const foreignHint = 'Something other than IMDS answers at this address. Check the endpoint and what intercepts it.';

const foreign = (message: string, fault: ResponseFault, statusCode?: number): ImdsResponseError =>
  new ImdsResponseError(message, { fault, statusCode, hint: foreignHint });

/** The error of a status with which neither a token request nor a read can go on. A read can with 200, 401 and 404. */
export function statusError(statusCode: number, target: string, note = ''): ImdsError {
  const message = `${target} was answered ${statusCode}`;
  if (statusCode === 403)
    return new ImdsForbiddenError(message, {
      hint:
        `Either the endpoint is switched off (HttpEndpoint=disabled; \`${change} <id> --http-endpoint enabled\` switches it on), ` +
        `or a proxy in the way adds X-Forwarded-For, with which IMDS refuses the token request.${note && ` ${note}`}`,
    });
  if (statusCode >= 300 && statusCode < 400)
    return foreign(
      `${target} was answered with a redirect (${statusCode}), which is not followed`,
      'redirect',
      statusCode,
    );
  return new ImdsResponseError(message, { fault: 'status', statusCode });
}

/** The error of a token request whose reply holds no token. */
export function noToken(statusCode: number, target: string, note: string): ImdsError {
  const message = `${target} was answered ${statusCode}`;
  if (statusCode === 200)
    return new ImdsTokenError(`${message}, but not with a session token`, { statusCode, hint: foreignHint });
  if (statusCode === 400)
    return new ImdsTokenError(`${message}: the service took the token request for malformed`, { statusCode });
  if (statusCode !== 401 && statusCode !== 404 && statusCode !== 405) return statusError(statusCode, target, note);
  const hint = 'What answers does not speak IMDSv2: an old interceptor such as kube2iam, or another service.';
  // Version 1 would not help after a 401: it is what a service that demands tokens says.
  const help = note && statusCode !== 401 ? `${hint} ${note}` : hint;
  return new ImdsTokenError(`${message}: no session token is given there`, { statusCode, hint: help });
}

const refusals = new WeakSet<object>();

/** A fresh token was refused as well. */
export function refusedAgain(target: string): ImdsTokenError {
  const error = new ImdsTokenError(`${target} was answered 401, with a fresh session token too`, {
    statusCode: 401,
    hint:
      'On a first boot this can last some seconds: the option waitMs (`--wait SECONDS`) asks until the service is ready. Else ' +
      'something in the way drops the header X-aws-ec2-metadata-token, or sends the two requests to different places.',
  });
  refusals.add(error);
  return error;
}

/** True for an error of {@link refusedAgain}. */
export const isTokenRefusal = (error: unknown): boolean => refusals.has(Object(error));

/** A reply holds the token of its request. */
export const echoed = (target: string): ImdsResponseError =>
  foreign(`${target} was answered with the session token that was sent`, 'echo');

/** The path of a read holds the session token. */
export const pathWithToken = (): ImdsPathError =>
  new ImdsPathError('the path holds the session token, which is to be kept secret');

/** The token had ended when it came. */
export const tokenTooLate = (target: string): ImdsTimeoutError =>
  new ImdsTimeoutError(`${target} was answered after the token's end`, { phase: 'token' });

/**
 * The error of a token request whose reply did not come in time.
 *
 * @param isLost nothing of the reply came in all the time that one attempt may take
 */
export function tokenTimeout({ message, cause }: ImdsTimeoutError, isLost: boolean, note: string): ImdsTimeoutError {
  if (!isLost) return new ImdsTimeoutError(message, { phase: 'token', cause });
  const id = platform().instanceId ?? '<id>';
  return new ImdsHopLimitError(`${message}, though the connection was made: the session token got lost`, {
    cause,
    hint:
      'The reply that carries the token travels HttpPutResponseHopLimit hops (default 1) and no further: from a container it ' +
      `takes 2 or more. Raise it: ${change} ${id} --http-put-response-hop-limit 2 --http-endpoint enabled${note && `. ${note}`}`,
  });
}

/** The time of the call is over. */
export const outOfTime = (path: string): ImdsTimeoutError =>
  new ImdsTimeoutError(`no answer for ${path} in the time given to the call`, { phase: 'deadline' });

const ruleHint = 'A rule of this machine keeps the process away from this address:';

/** What usually helps when no connection is made, by the system's code. */
const connectionHints: Readonly<Record<string, string>> = {
  EMFILE: 'This process has too many files and sockets open: close some, or raise the limit (`ulimit -n`).',
  ENFILE: 'This machine has too many files and sockets open.',
  EACCES: `${ruleHint} a prohibit route or a firewall.`,
  EPERM: `${ruleHint} a firewall, or a policy for the process.`,
};

/** A system's error, by code and message alone: one of got holds its options, and so the token; one of the parser, what came. */
const systemError = (code: string, message: string): Error =>
  Object.assign(new Error(message), { name: 'SystemError', code });

const timeUp = (): Error => systemError('ETIMEDOUT', 'the time was up');

/** No connection was made. @param why a code such as `ECONNREFUSED`, or words */
function unreachable(target: string, why: string, cause: Error): ImdsUnreachableError {
  const isWellKnown = /http:\/\/(169\.254\.169\.254|\[fd00:ec2::254\])\//.test(target);
  const hint = isWellKnown
    ? 'Is this an EC2 instance? If so, look at the route to this address, at firewall rules, and for IPv6 at ' +
      'HttpProtocolIpv6. Elsewhere, `imds emulate` serves the same and AWS_EC2_METADATA_SERVICE_ENDPOINT points to it.'
    : 'Nothing answers at this endpoint. Check that it is right and that what should listen there is running.';
  return new ImdsUnreachableError(`${target} could not be sent: ${why}`, { cause, hint: connectionHints[why] ?? hint });
}

/** No connection was made in time. */
export const notConnected = (target: string, timeoutMs: number): ImdsUnreachableError =>
  unreachable(target, `no connection within ${Math.round(timeoutMs)} ms`, timeUp());

/** The reply did not come in time, or not all of it. */
export function timedOut(target: string, timeoutMs: number, phase: 'response' | 'body'): ImdsTimeoutError {
  const message = `${target} was not answered${phase === 'body' ? ' in full' : ''} within ${Math.round(timeoutMs)} ms`;
  return new ImdsTimeoutError(message, { phase, cause: timeUp() });
}

const brokenReplies = {
  cut: 'was answered with a body shorter than announced, or cut off',
  reset: 'was not answered: the connection was closed',
  'not-http': 'was not answered in HTTP',
};

/**
 * No connection was made, or it broke, or brought something else than HTTP.
 *
 * @param error of the HTTP library
 * @param reply as far as it came
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
  // The parser's word for a connection that ended within a chunk.
  const isCut = reply && (code === 'HPE_INVALID_EOF_STATE' || !isOfParser);
  const fault = isCut ? 'cut' : isOfParser ? 'not-http' : 'reset';
  const hint = fault === 'not-http' ? foreignHint : undefined;
  const parts = { fault, statusCode: reply?.statusCode, cause: beneath, hint } as const;
  return new ImdsResponseError(`${target} ${brokenReplies[fault]} (${code})`, parts);
}

/** The reply was larger than anything that IMDS serves. */
export const tooLarge = (target: string, largest: number): ImdsResponseError =>
  foreign(`${target} was answered with more than ${largest} bytes`, 'too-large');

/** A setting forbids every request. */
export const disabled = (setting: string): ImdsDisabledError =>
  new ImdsDisabledError(`Instance metadata is switched off: ${setting} is true`, {
    hint: `Unset ${setting} where this process may ask the instance metadata service.`,
  });

/** The client was closed. */
export const closed = (): ImdsError => new ImdsError('ERR_IMDS_CLOSED', 'this client was closed');

/** Answered 404 where a value was wanted. */
export function notFound(path: string, category: Category<unknown> | undefined): ImdsNotFoundError {
  const known = absenceHints.find(([part]) => path.includes(part))?.[1];
  const hint = category?.optional ? (known ?? 'This category is absent on many instances.') : undefined;
  return new ImdsNotFoundError(`there is nothing at ${path} (404)`, { path, hint });
}

/** What has to be the case for an optional category to be there, by a part of its path. */
const absenceHints: readonly (readonly [part: string, hint: string])[] = [
  [
    '/tags/',
    `There is no such tag, or tags are not served. They are while InstanceMetadataTags is enabled: ${change} <id> --instance-metadata-tags enabled`,
  ],
  ['/iam/', 'There is no such role, or no instance profile is attached to the instance.'],
  ['/spot/', 'Present only while an interruption of a Spot Instance is announced.'],
  ['/events/recommendations', 'Present only while a rebalance recommendation is given to a Spot Instance.'],
  ['/autoscaling/', 'Present only on instances of an Auto Scaling group.'],
  ['/user-data', 'The instance was launched without user data.'],
  ['/public-ipv4', 'The instance has no public IPv4 address.'],
  ['/public-hostname', 'The instance has no public IPv4 address, or its VPC gives no DNS names.'],
];
