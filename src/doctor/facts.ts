import type { EndpointMode } from '../client/options.js';
import type { Platform } from '../platform.js';
import type { Answers, Input } from './probe.js';
import type { Outcomes } from './verdict.js';

/** Everything that the checks look at. */
export interface Facts {
  readonly settings: Input['settings'];
  readonly env: Input['env'];
  readonly platform: Platform;
  /** The IP family of a well-known endpoint; undefined at any other. */
  readonly family: EndpointMode | undefined;
  /** Undefined when a setting forbids all requests. */
  readonly answers: Answers | undefined;
}

type Result<Outcome extends readonly [string?]> =
  | readonly [status: Finding['status'], detail: string, ...outcome: Outcome]
  | undefined;

/** Checks by name, in the order of the report. Those that affect the verdict are named as in {@link Outcomes}. */
export type Checks<Given extends readonly unknown[]> = {
  readonly [Check in keyof Outcomes]?: (...given: Given) => Result<[NonNullable<Outcomes[Check]>]>;
} & { readonly [name: string]: (...given: Given) => Result<[string?]> };

/** The result of a named check. */
export interface Finding {
  /** The check, such as `token`. */
  readonly id: string;
  /** `skip`: the check was pointless or not allowed. */
  readonly status: 'ok' | 'warn' | 'fail' | 'skip';
  /** In words, without a secret. */
  readonly detail: string;
}
