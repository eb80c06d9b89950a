import type { Engine } from '../engine.js';
import { EmulatorOptionError } from '../option-error.js';
import type { Shape } from '../shape.js';
import type { State } from '../state.js';
import type { Stream } from './stream.js';

/** A request, and its subject. */
export interface Context<Body = unknown> {
  readonly engine: Engine;
  readonly state: State;
  readonly now: number;
  readonly date: Date;
  /** The URLs of the controlled service. */
  readonly urls: readonly string[];
  /** The URL of this service. */
  readonly url: string;
  readonly stream: Stream;
  readonly body: Body;
  readonly query: URLSearchParams;
  /** The value in the path for the name in braces, else empty. */
  readonly parameter: string;
  /** The parameter, where it is a number. */
  readonly id: number;
}

/** A request that can be made, and its description. */
export interface Route<Body = unknown, Reply = unknown> {
  readonly method: string;
  readonly path: string;
  readonly pattern: RegExp;
  readonly summary: string;
  readonly body?: Shape<Body>;
  readonly reply?: Shape<Reply>;
  readonly status: 200 | 201 | 204;
  /** True if `?since=` may follow. */
  readonly hasSince?: true;
  /** True for the one that is answered by server-sent events. */
  readonly isStream?: true;
  readonly run: (given: Omit<Context, 'state' | 'now' | 'date' | 'id'>) => unknown;
}

/** A request is refused. */
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

/** The shapes give the types of request and reply. Every request except GET is a change. */
export function route<Body, Reply>(
  request: string,
  summary: string,
  about: Partial<Pick<Route<Body, Reply>, 'body' | 'reply' | 'status' | 'hasSince' | 'isStream'>>,
  run: (context: Context<Body>) => Reply,
): Route {
  const [method = '', path = ''] = request.split(' ');
  return {
    method,
    path,
    pattern: new RegExp(`^${path.replace('.', '\\.').replace('{path}', '(.+)').replace('{id}', '(\\d{1,15})')}$`),
    summary,
    status: about.reply ? 200 : 204,
    ...about,
    run(given) {
      const { engine } = given;
      const body = about.body?.check(given.body, '') as Body;
      const id = Number(given.parameter);
      const answer = (now: number): Reply => run({ ...given, body, id, state: engine.state, now, date: new Date(now) });
      return method === 'GET' ? answer(engine.clock.now()) : engine.change(answer);
    },
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
  if (found === undefined || found === false) throw new Refusal(404, `there is no ${what}`);
  return found;
}
