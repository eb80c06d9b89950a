/** Stable error codes: match on these rather than on classes. Each has a section in docs/errors.md. */
export type ImdsErrorCode =
  | 'ERR_IMDS_SETTINGS'
  | 'ERR_IMDS_DISABLED'
  | 'ERR_IMDS_PATH'
  | 'ERR_IMDS_CLOSED'
  | 'ERR_IMDS_UNREACHABLE'
  | 'ERR_IMDS_TIMEOUT'
  | 'ERR_IMDS_HOP_LIMIT'
  | 'ERR_IMDS_FORBIDDEN'
  | 'ERR_IMDS_TOKEN'
  | 'ERR_IMDS_NOT_FOUND'
  | 'ERR_IMDS_RESPONSE'
  | 'ERR_IMDS_DECODE'
  | 'ERR_IMDS_CREDENTIALS'
  | 'ERR_IMDS_IDENTITY';

/** Details of an error besides its message. */
export interface ImdsErrorOptions {
  /** The usual fix, in a sentence or two; the command line prints it below the message. */
  readonly hint?: string | undefined;
  /** The underlying system error. Never one of the HTTP library: those carry the request's headers, token included. */
  readonly cause?: unknown;
}

/**
 * Base class of every error of this package. Match on `code`, which is stable: `instanceof` breaks when two copies of
 * the package are installed. No message, hint or property contains a token, a credential or user data.
 */
export class ImdsError extends Error {
  /** Stable identifier such as `ERR_IMDS_NOT_FOUND`. */
  readonly code: ImdsErrorCode;
  /** The usual fix, if there is one. */
  readonly hint: string | undefined;

  constructor(code: ImdsErrorCode, message: string, options: ImdsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ImdsError';
    this.code = code;
    this.hint = options.hint;
  }
}

type Given<Fields> =
  Partial<Fields> extends Fields ? [options?: ImdsErrorOptions] : [options: ImdsErrorOptions & Fields];

/** Makes an error class of this name, which bundlers leave, for one code. Its options take extra properties as well. */
const errorOf = <Fields extends object = object>(name: string, code: ImdsErrorCode) =>
  class extends ImdsError {
    constructor(message: string, { hint, cause, ...fields }: ImdsErrorOptions = {}) {
      super(code, message, { hint, cause });
      Object.assign(this, fields, { name });
    }
    // The compiler does not follow Object.assign.
  } as unknown as new (
    message: string,
    ...options: Given<Fields>
  ) => ImdsError & Readonly<Fields>;

/** An option, an environment variable or a key of the shared config file cannot be used; the message names it. */
export class ImdsSettingsError extends errorOf('ImdsSettingsError', 'ERR_IMDS_SETTINGS') {}

/** `AWS_EC2_METADATA_DISABLED` is true; nothing was sent. */
export class ImdsDisabledError extends errorOf('ImdsDisabledError', 'ERR_IMDS_DISABLED') {}

/** The path is not a valid metadata path; nothing was sent. */
export class ImdsPathError extends errorOf('ImdsPathError', 'ERR_IMDS_PATH') {}

/** No connection: refused, no route, or timed out. */
export class ImdsUnreachableError extends errorOf('ImdsUnreachableError', 'ERR_IMDS_UNREACHABLE') {}

/** The part that did not arrive in time: a session token, a reply's first byte, its rest, or the result of the call. */
export type TimeoutPhase = 'token' | 'response' | 'body' | 'deadline';

/** Connected, but no complete reply in time. */
export class ImdsTimeoutError extends errorOf<{ phase: TimeoutPhase }>('ImdsTimeoutError', 'ERR_IMDS_TIMEOUT') {}

/**
 * Connected and sent the token request, but not a byte came back: the sign of an `HttpPutResponseHopLimit` too low for
 * the path to this process. The hint has the command that raises it.
 */
export class ImdsHopLimitError extends ImdsTimeoutError {
  override readonly name = 'ImdsHopLimitError';
  override readonly code = 'ERR_IMDS_HOP_LIMIT';

  constructor(message: string, options?: ImdsErrorOptions) {
    super(message, { ...options, phase: 'token' });
  }
}

/** The service returned 403: the endpoint is disabled (`HttpEndpoint`), or a proxy added `X-Forwarded-For`. */
export class ImdsForbiddenError extends errorOf('ImdsForbiddenError', 'ERR_IMDS_FORBIDDEN') {}

/** No usable session token: the token request was refused, or a fresh token was. */
export class ImdsTokenError extends errorOf<{
  /** Status of the reply, such as 400, 401 or 404. */
  statusCode: number;
}>('ImdsTokenError', 'ERR_IMDS_TOKEN') {}

/** The service returned 404 for a value that should exist. */
export class ImdsNotFoundError extends errorOf<{
  /** The absolute path requested, such as `/latest/meta-data/instance-id`. */
  path: string;
}>('ImdsNotFoundError', 'ERR_IMDS_NOT_FOUND') {}

/** Reason that a reply is unusable. */
export type ResponseFault = 'status' | 'redirect' | 'too-large' | 'cut' | 'reset' | 'not-http' | 'echo';

/** The reply is unusable: an unexpected status, a redirect, a truncated or oversized body, a reset, or not HTTP. */
export class ImdsResponseError extends errorOf<{
  fault: ResponseFault;
  /** Status of the reply, when one arrived. */
  statusCode?: number | undefined;
}>('ImdsResponseError', 'ERR_IMDS_RESPONSE') {}

/** The body does not match the category. It is never quoted. */
export class ImdsDecodeError extends errorOf<{
  /** `empty`: the body is empty. `malformed`: it is not what was expected. */
  fault: 'empty' | 'malformed';
}>('ImdsDecodeError', 'ERR_IMDS_DECODE') {
  constructor(message: string, options: ImdsErrorOptions & { readonly fault?: 'empty' | 'malformed' } = {}) {
    super(message, { fault: 'malformed', ...options });
  }
}

/**
 * Reason for rejecting an instance identity document: it or its signature cannot be parsed (`malformed`), no trusted
 * key made the signature (`signature`), no key is known for the region (`unknown-region`), it differs from what was
 * expected (`mismatch`), it is older than allowed (`too-old`) or newer than this machine's clock (`clock`), or this
 * build of Node refuses the algorithm (`unsupported`).
 */
export type IdentityFault =
  | 'malformed'
  | 'signature'
  | 'unknown-region'
  | 'mismatch'
  | 'too-old'
  | 'clock'
  | 'unsupported';

/** An instance identity document was rejected. */
export class ImdsIdentityError extends errorOf<{ reason: IdentityFault }>('ImdsIdentityError', 'ERR_IMDS_IDENTITY') {}

/** The instance has no role, EC2 could not get credentials for it, or the service had only expired ones. */
export type CredentialsFault = 'no-role' | 'not-success' | 'expired';

/** The instance has no role, or the service has no usable credentials for it. */
export class ImdsCredentialsError extends errorOf<{
  reason: CredentialsFault;
  /** AWS's own code, such as `AssumeRoleUnauthorizedAccess`, if the service gave one. */
  serviceCode?: string | undefined;
}>('ImdsCredentialsError', 'ERR_IMDS_CREDENTIALS') {}

/**
 * True for every error of this package, including those of another installed copy.
 *
 * @example
 * try { await imds.instanceId(); } catch (error) { if (isImdsError(error)) console.error(error.code, error.hint); }
 */
export function isImdsError(error: unknown): error is ImdsError {
  return codeOf(error)?.startsWith('ERR_IMDS_') === true;
}

export const isNotFound = (error: unknown): error is ImdsNotFoundError => codeOf(error) === 'ERR_IMDS_NOT_FOUND';

export const emptyAnswer = (expected: string, path: string): ImdsDecodeError =>
  new ImdsDecodeError(`Expected ${expected} from ${path}, got an empty answer`, { fault: 'empty' });

/** True for an empty body, as happens while interfaces and tags come and go. */
export const isEmptyAnswer = (error: unknown): error is ImdsDecodeError =>
  isImdsError(error) && error.code === 'ERR_IMDS_DECODE' && 'fault' in error && error.fault === 'empty';

/** An error's code, such as `ENOENT`. `instanceof Error` fails across vm contexts (Jest), so this looks at `code`. */
export function codeOf(error: unknown): string | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
