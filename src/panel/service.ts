/** The control service of the emulator, which serves this page. GET /v1/openapi.json describes what it sends and takes. */

export interface Options {
  readonly httpTokens: 'optional' | 'required';
  readonly httpEndpoint: 'enabled' | 'disabled';
  readonly httpPutResponseHopLimit: number;
  readonly httpProtocolIpv6: 'enabled' | 'disabled';
  readonly instanceMetadataTags: 'enabled' | 'disabled';
  /** A table has them by the caller's address, and `*` for all others. */
  readonly hops: number | Readonly<Record<string, number>>;
  readonly system: 'nitro' | 'xen';
}

/** Routers between a caller and the instance. */
export const hopsOf = ({ hops }: Options, caller = '*'): number =>
  typeof hops === 'number' ? hops : (hops[caller] ?? hops['*'] ?? 0);

interface Clock {
  readonly now: string;
  readonly speed: number;
  readonly paused: boolean;
}

export interface Pending {
  readonly id: number;
  readonly time: string;
  readonly event: { readonly event: string; readonly part?: 'end' } & Readonly<Record<string, unknown>>;
}

export interface Fault {
  readonly id: number;
  readonly hits: number;
  readonly over: boolean;
  readonly fault: { readonly kind: string } & Readonly<Record<string, unknown>>;
}

interface Counts {
  readonly total: number;
  readonly v1: number;
  readonly v2: number;
  readonly token: number;
  readonly refused: number;
  readonly unanswered: number;
}

export interface State {
  readonly urls: readonly string[];
  readonly options: Options;
  readonly network:
    | { readonly kind: 'pretended' }
    | { readonly kind: 'lab'; readonly place: string; readonly hops: number };
  readonly running: boolean;
  readonly clock: Clock;
  readonly timeline: readonly Pending[];
  readonly triggers: readonly { readonly on: string; readonly event: string }[];
  readonly faults: readonly Fault[];
  readonly counts: Counts;
  readonly stream: number;
}

export type Kind = 'v1' | 'v2' | 'token' | 'other';

export interface SeenRequest {
  readonly number: number;
  readonly time: string;
  readonly caller: string;
  readonly method: string;
  readonly path: string;
  readonly kind: Kind;
  readonly status: number | 'unanswered';
  readonly reason?: string;
  readonly hopLimit?: { readonly had: number; readonly needed: number };
  readonly error?: string;
}

export interface Happened {
  readonly time: string;
  readonly event: string;
  readonly detail: string;
  readonly error?: string;
}

/** A value, or values by name. `{ $base64: … }` and `{ $masked: … }` are values that are not plain text. */
export type Node = string | Directory;
export interface Directory {
  readonly [name: string]: Node;
}

/** The part of a JSON Schema that forms are made from. */
export interface Schema {
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly (string | number)[];
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly $ref?: string;
}

/** A request that the service refused, with its message. */
class Refused extends Error {
  override readonly name = 'Refused';
}

/** @throws Refused; TypeError if the service cannot be reached */
export async function ask<Reply = void>(method: string, path: string, body?: unknown): Promise<Reply> {
  const content =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(path, { method, ...content });
  if (response.status === 204) return undefined as Reply;
  const reply = await response.json();
  if (!response.ok) throw new Refused(reply.error.message);
  return reply;
}
