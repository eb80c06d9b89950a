import type { Events } from '../client/events.js';
import type { EndpointMode } from '../client/options.js';
import type { Settings } from '../client/settings.js';
import type { Response } from '../client/transport.js';
import type { ImdsError } from '../errors.js';
import type { RoleCredentialsDocument } from '../metadata/documents.js';
import type { Platform } from '../platform.js';
import type { Allowance, Statistics } from './allowance.js';
import type { Beacon, Distance } from './distance.js';
import type { Outcomes } from './verdict.js';

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

/** The source address of packets to a well-known address, or the code of why there is none, such as `ENETUNREACH`. */
export interface Route {
  readonly family: EndpointMode;
  readonly address: string;
  readonly from?: string;
  /** The network interface that has this source address. */
  readonly device?: string | undefined;
  readonly code?: string;
}

/** Further values of a service that works. */
export interface Details {
  readonly region: string | undefined;
  /** The first role that the service lists; without a document when that could not be read. */
  readonly role:
    | { readonly name: string; readonly document?: RoleCredentialsDocument | undefined }
    | 'none'
    | 'unreadable';
  readonly hasTags: boolean;
  /** One of these reads was answered 429 or 503. */
  readonly isThrottled: boolean;
  /** At a custom endpoint, the things IMDS does that this service does not, in words. */
  readonly missing?: readonly string[] | undefined;
}

/** Everything that came back, or did not. */
export interface Answers {
  /** Absent unless the endpoint is well-known, as is `allowance`. */
  readonly routes?: readonly Route[] | undefined;
  readonly allowance?: Allowance | undefined;
  /** False when there was nothing to measure the distance with. */
  readonly isMeasurable: boolean;
  readonly distance: Distance | undefined;
  readonly token: Reply;
  /** A read at the endpoint of the other family, with a token that IMDS never gave. */
  readonly other?: Reply | undefined;
  /**
   * A read of the instance ID with the token, or where none was granted with one that IMDS never gave. Absent without a
   * connection.
   */
  readonly read: Reply | undefined;
  /** The one read without a token, or what forbids it; undefined when it would tell nothing more. */
  readonly v1: Reply | { readonly withheldBy: string } | undefined;
  readonly details: Details | undefined;
}

/** Everything that the checks judge by. */
export interface Facts {
  readonly settings: Settings;
  readonly env: Input['env'];
  readonly platform: Platform;
  /** The IP family of a well-known endpoint; undefined at any other. */
  readonly family: EndpointMode | undefined;
  /** Undefined when a setting forbids all requests. */
  readonly answers: Answers | undefined;
}

/** The result of a check. */
export type Result = readonly [status: Finding['status'], detail: string, outcome?: string];

/** The result of a check that bears on the verdict. */
export type Judged<Check extends keyof Outcomes> = readonly [
  status: Finding['status'],
  detail: string,
  outcome: NonNullable<Outcomes[Check]>,
];

/** The result of a named check. */
export interface Finding {
  /** The check, such as `token`. */
  readonly id: string;
  /** `skip`: the check was pointless or not allowed. */
  readonly status: 'ok' | 'warn' | 'fail' | 'skip';
  /** In words, without a secret. */
  readonly detail: string;
}
