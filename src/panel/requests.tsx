import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Card } from './card.js';
import { timeText, useWidth } from './measures.js';
import { isRefused, Shape } from './packets.js';
import type { SeenRequest } from './service.js';
import { useModel } from './store.js';

const narrowBelow = 520;
const height = { wide: 30, narrow: 48 };
const viewHeight = 560;
// Extra rows outside the view, for quick scrolling.
const spare = 8;

/** The requests, latest first. */
export function Requests() {
  const all = useModel(({ requests }) => requests);
  const counts = useModel(({ state }) => state?.counts);
  const [path, setPath] = useState('');
  const [caller, setCaller] = useState('');
  const [isRefusedOnly, setRefusedOnly] = useState(false);
  const [stopped, setStopped] = useState<readonly SeenRequest[]>();
  const callers = useModel(({ requests }) => [...new Set(requests.map((one) => one.caller))].sort().join(' '));
  const shown = (stopped ?? all)
    .filter((one) => one.path.includes(path) && (caller === '' || one.caller === caller))
    .filter((one) => !isRefusedOnly || isRefused(one) || isLost(one))
    .toReversed();
  const missed = stopped ? all.filter(({ number }) => number > (stopped.at(-1)?.number ?? 0)).length : 0;
  const pause = (
    <button type="button" aria-pressed={stopped !== undefined} onClick={() => setStopped(stopped ? undefined : all)}>
      {stopped ? `Resume, ${missed} new` : 'Pause'}
    </button>
  );
  return (
    <Card title="Requests" className="requests" beside={pause}>
      <div class="filters">
        <input
          type="search"
          placeholder="Filter by path"
          aria-label="Filter by path"
          value={path}
          onInput={({ currentTarget }) => setPath(currentTarget.value)}
        />
        <select
          aria-label="Filter by caller"
          value={caller}
          onChange={({ currentTarget }) => setCaller(currentTarget.value)}
        >
          <option value="">All callers</option>
          {callers.split(' ').map((one) => one && <option key={one}>{one}</option>)}
        </select>
        <label class="check">
          <input
            type="checkbox"
            checked={isRefusedOnly}
            onChange={({ currentTarget }) => setRefusedOnly(currentTarget.checked)}
          />
          Refused only
        </label>
      </div>
      <Rows requests={shown} hasNone={all.length === 0} />
      {counts && (
        <p class="counts quiet">
          <Key kind="v1" /> {counts.v1} IMDSv1
          <Key kind="v2" /> {counts.v2} IMDSv2
          <Key kind="token" /> {counts.token} tokens
          <span class="gap" />
          {counts.refused} refused, {counts.unanswered} without an answer
        </p>
      )}
    </Card>
  );
}

const isLost = ({ hopLimit }: SeenRequest): boolean => hopLimit !== undefined && hopLimit.needed > hopLimit.had;

/** Draws only the visible rows, so that their number does not matter: a table by its ARIA roles, as `<table>` cannot. */
function Rows({ requests, hasNone }: { requests: readonly SeenRequest[]; hasNone: boolean }) {
  const [element, width] = useWidth<HTMLDivElement>();
  const [scrolled, setScrolled] = useState(0);
  const latest = useRef(0);
  const isNarrow = width < narrowBelow;
  const rowHeight = isNarrow ? height.narrow : height.wide;
  const newest = requests[0]?.number ?? 0;
  // The view stays in place when rows are added above it.
  useLayoutEffect(() => {
    const added = requests.findIndex(({ number }) => number <= latest.current);
    latest.current = newest;
    if (element.current && element.current.scrollTop > 0 && added > 0) element.current.scrollTop += added * rowHeight;
  }, [newest]);
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - spare);
  const seen = requests.slice(first, first + Math.ceil(viewHeight / rowHeight) + 2 * spare);
  return (
    <div
      class={`rows ${isNarrow ? 'narrow' : ''}`}
      ref={element}
      tabIndex={0}
      role="table"
      aria-label="Requests, the latest first"
      aria-rowcount={requests.length}
      onScroll={({ currentTarget }) => setScrolled(currentTarget.scrollTop)}
    >
      {requests.length === 0 && <p class="empty">{hasNone ? 'No requests yet.' : 'No request matches this filter.'}</p>}
      <div role="rowgroup" style={{ height: `${requests.length * rowHeight}px` }}>
        {seen.map((request, index) => (
          <Row key={request.number} request={request} index={first + index} rowHeight={rowHeight} />
        ))}
      </div>
    </div>
  );
}

function Row({ request, index, rowHeight }: { request: SeenRequest; index: number; rowHeight: number }) {
  const { time, caller, method, path, kind, status, reason, error } = request;
  const why = isLost(request) ? `limit ${request.hopLimit?.had}, needs ${request.hopLimit?.needed}` : reason;
  const result = isLost(request) ? 'lost' : status === 'unanswered' ? 'none' : status;
  const failed = isRefused(request) || isLost(request) ? 'bad' : '';
  return (
    <div
      role="row"
      aria-rowindex={index + 1}
      class="row"
      style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
    >
      <span role="cell" class="time">
        {timeText(time)}
      </span>
      <span role="cell" class={`kind ${kind}`}>
        <Key kind={kind} />
        {kind}
      </span>
      <span role="cell" class="path" title={`${method} ${path}`}>
        {method !== 'GET' && kind !== 'token' && <b>{method} </b>}
        {path.replace(/^\/latest\/(?=.)/, '')}
      </span>
      <span role="cell" class="caller">
        {caller}
      </span>
      <span role="cell" class={`result ${failed}`} title={error ?? why}>
        {result} {why && <small>{why}</small>}
      </span>
    </div>
  );
}

function Key({ kind }: { kind: SeenRequest['kind'] }) {
  return (
    <svg class="key" viewBox="-8 -8 16 16" aria-hidden="true">
      <Shape kind={kind} />
    </svg>
  );
}
