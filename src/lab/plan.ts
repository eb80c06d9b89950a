import type { EmulatorOptions, SeenEvent, SeenRequest } from '../emulator/index.js';

/** Where a command can run: on the instance, in a container on it, or in a container inside that. */
export const places = ['host', 'container', 'nested'] as const;
export type Place = (typeof places)[number];

/** Hops from IMDS to each place: the hop limit it needs. */
export const distances: Readonly<Record<Place, number>> = { host: 1, container: 2, nested: 3 };

/** The obstacles between a place and IMDS. */
export const troubles = ['drop', 'reject', 'no-route', 'forwarded-for', 'locked'] as const;
export type Trouble = (typeof troubles)[number];

/** Description of a lab. */
export interface LabOptions {
  readonly place: Place;
  readonly trouble?: Trouble | undefined;
  /** The emulator's options, except where it listens. Passed as JSON. */
  readonly emulator: Omit<EmulatorOptions, 'host' | 'port' | 'control' | 'now' | 'onRequest' | 'onEvent' | 'onOptions'>;
  /** File for the certificate of the key that signs the identity document, as an absolute path. */
  readonly certificateOut?: string | undefined;
  /** Port of the control service, on the loopback of both the caller and the place; 0 for a free one. */
  readonly control?: number | undefined;
  /** True if programs inside can reach what the machine reaches, through pasta. */
  readonly internet: boolean;
  /** The program to run and its arguments; empty for an interactive shell. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The plan from the process outside to the one inside, as JSON. */
export interface Plan extends LabOptions {
  /** True if this kernel has IPv6. */
  readonly hasIpv6: boolean;
  /** Files of the lab's folder that the command needs, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Text before the command's output, on standard error. */
  readonly greeting: readonly string[];
  /** The programs that enter the place: `nsenter`, and in a user namespace `setpriv`, which drops the capabilities. */
  readonly nsenter: string;
  readonly dropCapabilities: readonly string[];
  /** True if requests and events are reported. */
  readonly isVerbose: boolean;
}

/** From the process outside to the one inside. */
export type Order = { readonly plan: Plan } | { readonly signal: NodeJS.Signals };

/** From the process inside to the one outside. */
export type Report =
  /** The namespaces exist. */
  | { readonly made: true }
  /** The command starts. */
  | { readonly started: true }
  | { readonly request: SeenRequest }
  | { readonly event: SeenEvent }
  /** The command has ended, with the exit code of shells. */
  | { readonly exitCode: number }
  /** The emulator's error for an option, or the failure of a set-up step. */
  | { readonly failure: string; readonly isUsage: boolean };
