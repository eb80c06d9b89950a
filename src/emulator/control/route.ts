import type { Engine } from '../engine.js';
import { EmulatorOptionError } from '../option-error.js';
import type { Shape } from '../shape.js';

/** What requests are about. */
export interface Subject {
  readonly engine: Engine;
  /** Where the service listens that is controlled. */
  readonly urls: readonly string[];
  /** The ID of the latest message of the stream. */
  readonly last: () => number;
  /** The description of all this. */
  readonly openapi: () => unknown;
}

/** What a request brings along. */
export interface Given<Body> {
  readonly body: Body;
  /** What stands in the path for the name in braces. */
  readonly parameter: string;
  readonly query: URLSearchParams;
}

/** A request that can be made, and its description. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly status: 200 | 201 | 204;
  readonly body: Shape | undefined;
  readonly reply: Shape | undefined;
  /** The name of what `?` may be followed by. */
  readonly query: string | undefined;
  /** True for the one that is answered by server-sent events. */
  readonly isStream: boolean;
  readonly run: (subject: Subject, given: Given<unknown>) => unknown;
}

/** A request is not answered as it wants. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The types of what is sent and replied come from the shapes. */
export function route<Body, Reply>(
  [method, path]: readonly [string, string],
  summary: string,
  run: (subject: Subject, given: Given<Body>) => Reply,
  about: { body?: Shape<Body>; reply?: Shape<Reply>; status?: Route['status']; query?: string; isStream?: true } = {},
): Route {
  const { body, reply, status = reply === undefined ? 204 : 200, query, isStream = false } = about;
  const checked = (given: unknown): Body => body?.check(given, '') as Body;
  return {
    method,
    path,
    summary,
    status,
    body,
    reply,
    query,
    isStream,
    run: (subject, given) => run(subject, { ...given, body: checked(given.body) }),
  };
}

/** The number in a query; undefined if there is none. */
export function sinceOf(query: URLSearchParams): number | undefined {
  const since = query.get('since');
  if (since === null) return undefined;
  if (!/^\d{1,16}$/.test(since)) throw new EmulatorOptionError(`since must be a whole number, not '${since}'`, 'since');
  return Number(since);
}

/** @throws Refusal if it was not found */
export function there<T>(found: T, what: string): T {
  if (found === undefined || found === false) throw new Refusal(404, `${what} is not there`);
  return found;
}
