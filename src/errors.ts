/** The stable codes of every failure; match on these rather than on classes. One heading each in docs/errors.md. */
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

/** The parts of an error beside its message. */
export interface ImdsErrorOptions {
  /** The usual remedy, in a sentence or two; the command line prints it below the message. */
  readonly hint?: string | undefined;
  /** The system error beneath. Never an error of the HTTP library: those carry the request's headers, token included. */
  readonly cause?: unknown;
}

/**
 * Every failure of this package. `code` is stable and is what to match on: `instanceof` breaks when two copies of the
 * package are installed. No message, hint or property holds a token, a credential or user data.
 */
export class ImdsError extends Error {
  /** Stable identifier such as `ERR_IMDS_NOT_FOUND`. */
  readonly code: ImdsErrorCode;
  /** The usual remedy, when there is one. */
  readonly hint: string | undefined;

  constructor(code: ImdsErrorCode, message: string, options: ImdsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

type Given<Fields> =
  Partial<Fields> extends Fields ? [options?: ImdsErrorOptions] : [options: ImdsErrorOptions & Fields];

/** The class of the errors of one code. Its constructor takes further properties among the options. */
const errorOf = <Fields extends object = object>(code: ImdsErrorCode) =>
  class extends ImdsError {
    constructor(message: string, { hint, cause, ...fields }: ImdsErrorOptions = {}) {
      super(code, message, { hint, cause });
      Object.assign(this, fields);
    }
    // The compiler does not follow Object.assign.
  } as unknown as new (
    message: string,
    ...options: Given<Fields>
  ) => ImdsError & Readonly<Fields>;

/** An option, an environment variable or a key of the shared config file cannot be used; the message names it. */
export class ImdsSettingsError extends errorOf('ERR_IMDS_SETTINGS') {}

/** `AWS_EC2_METADATA_DISABLED` is true; nothing was sent. */
export class ImdsDisabledError extends errorOf('ERR_IMDS_DISABLED') {}

/** The path is not one that can be asked for; nothing was sent. */
export class ImdsPathError extends errorOf('ERR_IMDS_PATH') {}

/** No connection: refused, no route, or the connect timed out. */
export class ImdsUnreachableError extends errorOf('ERR_IMDS_UNREACHABLE') {}

/** What was missing in time: a session token, the first byte of a reply, or its rest; `deadline`: the call's time was over. */
export type TimeoutPhase = 'token' | 'response' | 'body' | 'deadline';

/** Connected, but no complete reply in time. */
export class ImdsTimeoutError extends errorOf<{ phase: TimeoutPhase }>('ERR_IMDS_TIMEOUT') {}

/**
 * Connected, the token request was sent, and no byte came back: the mark of a `HttpPutResponseHopLimit` too small for
 * the way to this process. The hint holds the command that raises it.
 */
export class ImdsHopLimitError extends ImdsTimeoutError {
  override readonly code = 'ERR_IMDS_HOP_LIMIT';

  constructor(message: string, options?: ImdsErrorOptions) {
    super(message, { ...options, phase: 'token' });
  }
}

/** Answered 403: the endpoint is off (`HttpEndpoint`), or a proxy added `X-Forwarded-For`. */
export class ImdsForbiddenError extends errorOf('ERR_IMDS_FORBIDDEN') {}

/** No usable session token: the token request was refused, or a fresh token was. */
export class ImdsTokenError extends errorOf<{
  /** Status of the reply, such as 400, 401 or 404. */
  statusCode: number;
}>('ERR_IMDS_TOKEN') {}

/** Answered 404 where a value was promised. */
export class ImdsNotFoundError extends errorOf<{
  /** The absolute path asked for, such as `/latest/meta-data/instance-id`. */
  path: string;
}>('ERR_IMDS_NOT_FOUND') {}

/** Why a reply could not be used. */
export type ResponseFault = 'status' | 'redirect' | 'too-large' | 'cut' | 'reset' | 'not-http' | 'echo';

/** The reply cannot be used: an unexpected status, a redirect, a cut or oversized body, a reset, no HTTP at all. */
export class ImdsResponseError extends errorOf<{
  fault: ResponseFault;
  /** Status of the reply, when one arrived. */
  statusCode?: number | undefined;
}>('ERR_IMDS_RESPONSE') {}

/** The body is not what the category promises. The body itself is never quoted. */
export class ImdsDecodeError extends errorOf<{
  /** `empty`: nothing was served. `malformed`: something else than promised. */
  fault: 'empty' | 'malformed';
}>('ERR_IMDS_DECODE') {
  constructor(message: string, options: ImdsErrorOptions & { readonly fault?: 'empty' | 'malformed' } = {}) {
    super(message, { fault: 'malformed', ...options });
  }
}

/**
 * Why an instance identity document was not accepted: the document or its signature cannot be read (`malformed`), no
 * trusted key made the signature (`signature`), no key is known for the region (`unknown-region`), it differs from what
 * was expected (`mismatch`), it is older than allowed (`too-old`) or newer than this machine's clock (`clock`), or this
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

/** An instance identity document was not accepted. */
export class ImdsIdentityError extends errorOf<{ reason: IdentityFault }>('ERR_IMDS_IDENTITY') {}

/** The instance has no role, EC2 could not get credentials for it, or the service had only some that had ended. */
export type CredentialsFault = 'no-role' | 'not-success' | 'expired';

/** The instance has no role, or the service no usable credentials for it. */
export class ImdsCredentialsError extends errorOf<{
  reason: CredentialsFault;
  /** AWS's own word for it, such as `AssumeRoleUnauthorizedAccess`, where the service gave one. */
  serviceCode?: string | undefined;
}>('ERR_IMDS_CREDENTIALS') {}

/**
 * True for every failure of this package, also from another installed copy of it.
 *
 * @example
 * try { await imds.instanceId(); } catch (error) { if (isImdsError(error)) console.error(error.code, error.hint); }
 */
export function isImdsError(error: unknown): error is ImdsError {
  return codeOf(error)?.startsWith('ERR_IMDS_') === true;
}

/** True when nothing is at the path that was asked for. */
export const isNotFound = (error: unknown): error is ImdsNotFoundError => codeOf(error) === 'ERR_IMDS_NOT_FOUND';

/** Nothing was served where something is promised. */
export const emptyAnswer = (expected: string, path: string): ImdsDecodeError =>
  new ImdsDecodeError(`Expected ${expected} from ${path}, got an empty answer`, { fault: 'empty' });

/** True when nothing was served, as happens while interfaces and tags come and go. */
export const isEmptyAnswer = (error: unknown): error is ImdsDecodeError =>
  isImdsError(error) && error.code === 'ERR_IMDS_DECODE' && 'fault' in error && error.fault === 'empty';

/** The code of a failure, such as `ENOENT`. `instanceof Error` fails across vm contexts (Jest), so this looks at `code`. */
export function codeOf(error: unknown): string | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
