import { useEffect, useRef, useState } from 'preact/hooks';
import type { Kind, SeenRequest } from './service.js';
import { onRequest } from './store.js';

const mostAtOnce = 12;
const goneAfterMs = 3000;

/** The position of a drawn path. */
export interface Path {
  readonly y: number;
  /** The callers on this path. */
  readonly callers: readonly string[];
  readonly links: number;
  /** The place this many links from IMDS. */
  readonly at: (distance: number) => number;
}

interface Journey {
  readonly request: SeenRequest;
  readonly began: number;
}

/** Requests and replies on their way. If there are too many, some are not drawn. */
export function Packets({ paths }: { readonly paths: readonly Path[] }) {
  const [journeys, setJourneys] = useState<readonly Journey[]>([]);
  const current = useRef(journeys);
  current.current = journeys;
  useEffect(() => {
    const set = (next: readonly Journey[]): void => {
      current.current = next;
      setJourneys(next);
    };
    return onRequest((request) => {
      if (document.hidden || current.current.length >= mostAtOnce) return;
      set([...current.current, { request, began: performance.now() }]);
      setTimeout(() => set(current.current.filter((one) => one.request !== request)), goneAfterMs);
    });
  }, []);
  return (
    <g>
      {journeys.map(({ request }) => {
        // A new caller has no path yet.
        const path = paths.find(({ callers }) => callers.includes(request.caller));
        return path && <Travel key={request.number} request={request} path={path} />;
      })}
    </g>
  );
}

function Travel({ request, path: { y, at, links } }: { request: SeenRequest; path: Path }) {
  const { kind, hopLimit, status } = request;
  const reach = kind === 'token' && hopLimit ? Math.min(hopLimit.had, links) : links;
  const isLost = reach < links;
  const hasReply = isLost || status !== 'unanswered';
  return (
    <g transform={`translate(0 ${y})`}>
      <g class="packet request" style={{ '--from': `${at(links)}px`, '--to': `${at(0)}px` }}>
        <Shape kind={kind} />
      </g>
      {hasReply && (
        <g
          class={`packet reply ${isRefused(request) ? 'refused' : ''}`}
          style={{ '--from': `${at(0)}px`, '--to': `${at(reach)}px` }}
        >
          <Shape kind={kind} />
        </g>
      )}
      {isLost && <circle class="burst" cx={at(reach)} r={16} />}
    </g>
  );
}

export const isRefused = ({ status }: SeenRequest): boolean =>
  status === 'unanswered' || (status >= 400 && status !== 404);

/** The kind of a request, by shape and colour. */
export function Shape({ kind }: { readonly kind: Kind }) {
  if (kind === 'v1') return <path class="shape v1" d="M0 -7L7 0L0 7L-7 0Z" />;
  if (kind === 'v2') return <circle class="shape v2" r={5.5} />;
  if (kind === 'token') return <rect class="shape token" x={-5} y={-5} width={10} height={10} rx={1.5} />;
  return <path class="shape other" d="M-4 -4L4 4M4 -4L-4 4" />;
}
