import type { ImdsError } from '../index.js';

/** The exit codes of `imds` with their meanings. Never renumbered: scripts depend on them. */
const table = {
  done: [0, 'done'],
  failure: [1, 'any other failure'],
  usage: [2, 'wrong usage or settings; nothing was sent'],
  unreachable: [3, 'the service is unreachable, or disabled by a setting'],
  refused: [4, 'the service refused (401, 403)'],
  notFound: [5, 'there is nothing at this path (404)'],
  timeout: [6, 'no answer in time'],
  hopLimit: [7, 'the reply with the session token was lost (hop limit)'],
  unusable: [8, 'the answer is unusable'],
  interrupted: [130, 'interrupted (Ctrl-C)'],
} as const;

export const exitCodes = Object.fromEntries(Object.entries(table).map(([name, [code]]) => [name, code])) as {
  readonly [Name in keyof typeof table]: number;
};

/** For the help. */
export const exitCodeMeanings: Readonly<Record<string, string>> = Object.fromEntries(Object.values(table));

export const exitCodeOf: Readonly<Record<ImdsError['code'], number>> = {
  ERR_IMDS_SETTINGS: exitCodes.usage,
  ERR_IMDS_PATH: exitCodes.usage,
  ERR_IMDS_DISABLED: exitCodes.unreachable,
  ERR_IMDS_UNREACHABLE: exitCodes.unreachable,
  ERR_IMDS_FORBIDDEN: exitCodes.refused,
  ERR_IMDS_TOKEN: exitCodes.refused,
  ERR_IMDS_NOT_FOUND: exitCodes.notFound,
  ERR_IMDS_TIMEOUT: exitCodes.timeout,
  ERR_IMDS_HOP_LIMIT: exitCodes.hopLimit,
  ERR_IMDS_RESPONSE: exitCodes.unusable,
  ERR_IMDS_DECODE: exitCodes.unusable,
  ERR_IMDS_CREDENTIALS: exitCodes.notFound,
  ERR_IMDS_IDENTITY: exitCodes.unusable,
  ERR_IMDS_CLOSED: exitCodes.failure,
};

/** A given word, and the accepted ones, of which the nearest are suggested. */
export interface Choice {
  readonly given: string;
  readonly accepted: readonly string[];
}

export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly choice: Choice | undefined;

  constructor(
    exitCode: number,
    message: string,
    options: { readonly hint?: string | undefined; readonly choice?: Choice; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.exitCode = exitCode;
    this.hint = options.hint;
    this.choice = options.choice;
  }
}

/** The arguments are wrong; the message names the culprit and what would be accepted. */
export const misuse = (message: string, hint?: string): Failure => new Failure(exitCodes.usage, message, { hint });

/** Fails with the code of a system error for a file or an address. */
export const failWith =
  (message: string, exitCode: number = exitCodes.failure) =>
  (cause: unknown): never => {
    throw new Failure(exitCode, `${message}: ${codeOf(cause) ?? cause}`, { cause });
  };

/** The code of a system error, such as `ENOENT`. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
