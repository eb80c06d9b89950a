import { once } from 'node:events';
import http from 'node:http';
import { type Clock, clockWith, type Timer } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import type { ImdsEvents } from '../../../src/client/events.js';
import type { ImdsOptions } from '../../../src/client/options.js';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/imds.js';
import type { NoticeIterator, WatchOptions } from '../../../src/watch/iterator.js';
import type { DefaultNoticeKind, Notice, NoticeKind } from '../../../src/watch/notices.js';
import { Poller, type Report } from '../../../src/watch/poller.js';
import type { NoticeReader } from '../../../src/watch/sources.js';

/** Turns of the event loop in which everything that needs no more I/O comes to rest. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface Due {
  readonly at: number;
  readonly act: () => void;
  isRef: boolean;
}

/** Time that passes only when told to. */
export class VirtualTime {
  readonly #start = Date.parse('2026-11-23T09:00:00Z');
  readonly #timers = new Set<Due>();
  /** Resolves when nothing is under way. */
  readonly #settled: () => Promise<void>;
  /** Has happen what else falls due. */
  readonly #follow: () => Promise<void>;
  #passed = 0;

  constructor(settled: () => Promise<void> = rest, follow: () => Promise<void> = async () => {}) {
    this.#settled = settled;
    this.#follow = follow;
  }

  readonly clock: Clock = {
    ...clockWith(() => this.#passed),
    wallClock: () => this.#start + this.#passed,
    random: () => 0.5,
    setTimer: (act, ms): Timer => {
      const due: Due = { at: this.#passed + ms, act, isRef: true };
      this.#timers.add(due);
      return {
        unref: () => {
          due.isRef = false;
        },
        cancel: () => this.#timers.delete(due),
      };
    },
  };

  /** How many timers there are, and how many of them keep the process alive. */
  get timers(): { readonly all: number; readonly ref: number } {
    return { all: this.#timers.size, ref: [...this.#timers].filter(({ isRef }) => isRef).length };
  }

  /** `2026-11-23T09:00:30.000Z` for 30 seconds after the start. */
  iso(ms: number): string {
    return new Date(this.#start + ms).toISOString();
  }

  /** Lets time pass, timer by timer. */
  async pass(ms: number, settled: () => Promise<void> = this.#settled): Promise<void> {
    const until = this.#passed + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#passed = Math.max(this.#passed, next.at);
      await this.#follow();
      next.act();
      await settled();
    }
    this.#passed = until;
  }
}

/** Counts the reads of a client that are under way. */
class Traffic {
  #underWay = 0;

  /** The same client, watched. */
  through<T extends object>(node: T): T {
    return new Proxy(node, {
      get: (target, name) => this.#watched(Reflect.get(target, name)),
      apply: (target, self, args) => {
        const result: unknown = typeof target === 'function' && Reflect.apply(target, self, args);
        if (!(result instanceof Promise)) return this.#watched(result);
        this.#underWay += 1;
        const landed = () => {
          this.#underWay -= 1;
        };
        result.then(landed, landed);
        return result;
      },
    });
  }

  #watched(value: unknown): unknown {
    const isNode = typeof value === 'function' || (typeof value === 'object' && value !== null);
    return isNode && !Array.isArray(value) ? this.through(value) : value;
  }

  async settled(): Promise<void> {
    do {
      await rest();
    } while (this.#underWay > 0);
  }
}

/** How the service behaves for the moment. */
export type Mood = 'well' | 'busy' | 'silent';

/** Passes requests on to an emulator, unless the service is in another mood. */
async function relay(emulator: Emulator) {
  const stand: { mood: Mood; url: string } = { mood: 'well', url: '' };
  const server = http.createServer((request, response) => {
    if (stand.mood === 'silent') return;
    if (stand.mood === 'busy') {
      response.writeHead(503, { connection: 'close' }).end();
      return;
    }
    const { method, headers } = request;
    const onward = http.request(emulator.url + request.url, { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.once('error', () => response.destroy());
    request.pipe(onward);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  stand.url = `http://127.0.0.1:${address.port}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  return { stand, close };
}

/** An instance to which nothing is announced. */
const quiet = { spot: null, 'events/recommendations': null, 'events/maintenance/scheduled': '[]' };

/** A poller of its own for a reader. */
export const pollerOn = (clock: Clock, reader: NoticeReader, report: Report = () => {}): Poller =>
  new Poller(reader, report, clock, new Closing());

/** An emulator, a client and a poller on virtual time. */
export async function stand(options: EmulatorOptions = {}, clientOptions: ImdsOptions = {}) {
  const traffic = new Traffic();
  const time: VirtualTime = new VirtualTime(
    () => traffic.settled(),
    () => emulator.advance(0),
  );
  const { now, wallClock } = time.clock;
  const emulator: Emulator = await createEmulator({
    httpTokens: 'required',
    now: wallClock,
    ...options,
    tree: { ...quiet, ...options.tree },
  });
  const { stand: service, close } = await relay(emulator);
  // Its time is real, the only real time here: patience for a slow machine.
  const patience = { connectTimeoutMs: 30_000, requestTimeoutMs: 30_000, deadlineMs: 30_000 };
  const imds = new Imds({ endpoint: service.url, maxAttempts: 1, now, ...patience, ...clientOptions });
  const events: ImdsEvents['watch'][] = [];
  const reader: NoticeReader = traffic.through(imds);
  const poller = pollerOn(time.clock, reader, (event) => events.push(event));
  return {
    emulator,
    imds,
    /** The client, its reads counted, so that virtual time waits for them. */
    reader,
    events,
    time,
    poller,
    setMood(mood: Mood) {
      service.mood = mood;
    },
    /** The paths that are asked for while something is done, tokens left out. */
    async asked(act: () => Promise<unknown>): Promise<string[]> {
      const before = emulator.requests.length;
      await act();
      const paths = emulator.requests.slice(before).map(({ path }) => path);
      return paths.filter((path) => path !== '/latest/api/token').sort();
    },
    /** A watch whose first poll is over. */
    async watching<Kind extends NoticeKind = DefaultNoticeKind>(options?: WatchOptions<Kind>) {
      const collected = collect(poller.watch(options));
      await time.pass(0);
      return collected;
    },
    settled: () => traffic.settled(),
    tokensAsked: () => emulator.requests.filter(({ method }) => method === 'PUT').length,
    async [Symbol.asyncDispose]() {
      imds.close();
      await close();
      await emulator.close();
    },
  };
}

/** Collects what an iteration gives, as soon as it gives it. */
export function collect<N extends Notice>(iterator: NoticeIterator<N>) {
  const notices: N[] = [];
  const outcome: { error?: unknown; isOver: boolean } = { isOver: false };
  const run = async (): Promise<void> => {
    try {
      for await (const notice of iterator) notices.push(notice);
    } catch (error) {
      outcome.error = error;
    }
    outcome.isOver = true;
  };
  void run();
  return {
    notices,
    outcome,
    /** What came since the last call. */
    take: (): N[] => notices.splice(0),
  };
}
