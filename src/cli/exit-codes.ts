import type { ImdsErrorCode } from '../errors.js';

/** What `imds` leaves with. Never renumbered: scripts depend on them. */
export const exitCodes = {
  done: 0,
  failure: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  notFound: 5,
  timeout: 6,
  hopLimit: 7,
  unusable: 8,
  interrupted: 130,
} as const;

/** What each exit code says, for the help. */
export const exitCodeMeanings: Readonly<Record<(typeof exitCodes)[keyof typeof exitCodes], string>> = {
  0: 'done',
  1: 'any other failure',
  2: 'wrong usage or settings; nothing was sent',
  3: 'the service cannot be reached, or is disabled by a setting',
  4: 'the service refused (401, 403)',
  5: 'there is nothing at this path (404)',
  6: 'no answer in time',
  7: 'the reply with the session token got lost (hop limit)',
  8: 'the answer cannot be used',
  130: 'interrupted (Ctrl-C)',
};

/** The exit code for each way in which the client fails. */
export const exitCodeOf: Readonly<Record<ImdsErrorCode, number>> = {
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
