import { exitCodes } from './exit-codes.js';

export { codeOf } from '../errors.js';

/** What the command line itself has to complain about. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(
    exitCode: number,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.exitCode = exitCode;
    this.hint = options.hint;
  }
}

/** The arguments are wrong; the message names the culprit and what would be accepted. */
export const misuse = (message: string, hint?: string): Failure => new Failure(exitCodes.usage, message, { hint });
