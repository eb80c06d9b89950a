import { useEffect, useState } from 'preact/hooks';
import { ask, type Directory, type Happened, type SeenRequest, type State } from './service.js';

const mostRequests = 10_000;
const mostHappened = 50;
const batchMs = 50;

/** Everything the page shows, as returned by the service. */
interface Model {
  readonly state: State | undefined;
  /** When the state arrived, by the browser's clock. */
  readonly arrived: number;
  readonly tree: Directory;
  readonly requests: readonly SeenRequest[];
  readonly happened: readonly Happened[];
  readonly isConnected: boolean;
  /** The error of the last request to the service. */
  readonly problem: string;
  /** For screen readers. */
  readonly news: string;
}

let model: Model = {
  state: undefined,
  arrived: 0,
  tree: {},
  requests: [],
  happened: [],
  isConnected: false,
  problem: '',
  news: '',
};
const readers = new Set<() => void>();

function update(change: Partial<Model>): void {
  model = { ...model, ...change };
  for (const read of readers) read();
}

/** A part of the model; the component renders again when that part changes. */
export function useModel<Part>(part: (model: Model) => Part): Part {
  const [, redraw] = useState<unknown>();
  const current = part(model);
  useEffect(() => {
    let drawn = current;
    const read = (): void => {
      const next = part(model);
      if (next !== drawn) redraw({});
      drawn = next;
    };
    read();
    readers.add(read);
    return () => void readers.delete(read);
  });
  return current;
}

/** Waits for a request to the service, and shows its error. */
export async function attempt(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    update({ problem: '' });
    return true;
  } catch (error) {
    update({ problem: error instanceof Error ? error.message : String(error) });
    return false;
  }
}

export const dismiss = (): void => update({ problem: '' });

/** Does not request a reading twice while one is under way or about to begin. */
function reading(read: () => Promise<void>): () => void {
  let wanted = false;
  let busy = false;
  return async function again(): Promise<void> {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      await read().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, batchMs));
    }
    busy = false;
  };
}

/** Keeps unchanged parts of a state as the same objects, so that their components do not render again. */
function renewed(state: State): State {
  const known = new Map(Object.values(model.state ?? {}).map((part) => [JSON.stringify(part), part]));
  const parts = Object.entries(state).map(([name, part]) => [name, known.get(JSON.stringify(part)) ?? part]);
  return Object.fromEntries(parts);
}

const readState = reading(async () =>
  update({ state: renewed(await ask<State>('GET', '/v1/state')), arrived: performance.now() }),
);
const readTree = reading(async () => update({ tree: await ask<Directory>('GET', '/v1/tree') }));
const readRequests = reading(async () => {
  const { requests } = await ask<{ requests: SeenRequest[] }>('GET', '/v1/requests');
  update({ requests });
});

let arriving: SeenRequest[] = [];

function take(): void {
  const last = model.requests.at(-1)?.number ?? 0;
  const fresh = arriving.filter(({ number }) => number > last);
  arriving = [];
  const lost = fresh.findLast(({ hopLimit }) => hopLimit && hopLimit.needed > hopLimit.had);
  update({
    requests: [...model.requests, ...fresh].slice(-mostRequests),
    ...(lost ? { news: `A token reply to ${lost.caller} died on the way` } : {}),
  });
  readState();
}

/** Reads everything again, after the page missed messages. */
function readAll(): void {
  readState();
  readTree();
  readRequests();
}

const watchers = new Set<(request: SeenRequest) => void>();

/** Calls back for each new request, until the returned function is called. */
export function onRequest(watch: (request: SeenRequest) => void): () => void {
  watchers.add(watch);
  return () => void watchers.delete(watch);
}

/** Reads everything, and from then on the changes. */
export async function connect(): Promise<void> {
  const state = await ask<State>('GET', '/v1/state');
  update({ state, arrived: performance.now(), isConnected: true });
  readTree();
  readRequests();
  const stream = new EventSource(`/v1/stream?since=${state.stream}`);
  const on = <Message>(type: string, run: (message: Message) => void): void =>
    stream.addEventListener(type, ({ data }) => run(JSON.parse(data)));
  stream.onopen = () => update({ isConnected: true });
  stream.onerror = () => update({ isConnected: false });
  on<SeenRequest>('request', (request) => {
    for (const watch of watchers) watch(request);
    if (arriving.push(request) === 1) setTimeout(take, batchMs);
    if (arriving.length > mostRequests) arriving.shift();
  });
  on<Happened>('event', (one) => {
    update({ happened: [...model.happened, one].slice(-mostHappened), news: `${one.event}: ${one.detail}` });
    readState();
  });
  on<{ what: string }>('change', ({ what }) => {
    if (what === 'reset') {
      arriving = [];
      update({ requests: [], happened: [] });
    }
    if (what === 'tree' || what === 'reset') readTree();
    readState();
  });
  on('missed', readAll);
}
