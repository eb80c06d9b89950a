import { useWidth } from './measures.js';
import { Packets, type Path } from './packets.js';
import { hopsOf, type State } from './service.js';
import { useModel } from './store.js';

const laneHeight = 66;
const top = 14;
const imdsWidth = 70;
const mostCallers = 4;
const mostNamedRouters = 4;

/** A path to IMDS: its start, and its number of links, which is the hop limit that a reply needs. */
interface Lane {
  readonly name: string;
  readonly links: number;
  readonly callers: readonly string[];
}

const labPlaces = ['host', 'container', 'nested'];

function lanesOf({ network, options }: State, callers: string): readonly Lane[] {
  const known = callers === '' ? [] : callers.split(' ');
  if (network.kind === 'lab')
    return labPlaces.map((name, hops) => ({ name, links: hops + 1, callers: network.place === name ? known : [] }));
  const linksOf = (caller?: string): number => hopsOf(options, caller) + 1;
  if (known.length === 0) return [{ name: 'callers', links: linksOf(), callers: [] }];
  if (known.length <= mostCallers) return known.map((name) => ({ name, links: linksOf(name), callers: [name] }));
  const distances = [...new Set(known.map(linksOf))].sort((one, other) => one - other);
  return distances.map((links) => {
    const callers = known.filter((caller) => linksOf(caller) === links);
    return { name: callers.length === 1 ? String(callers[0]) : `${callers.length} callers`, links, callers };
  });
}

/** The callers, the routers between them and IMDS, and how far the reply with a session token gets. */
export function Way() {
  const state = useModel((model) => model.state);
  // As text, so that a request of a known caller does not render again.
  const callers = useModel(({ requests }) => [...new Set(requests.map(({ caller }) => caller))].sort().join(' '));
  const [element, width] = useWidth<HTMLDivElement>();
  const lanes = state ? lanesOf(state, callers) : [];
  const limit = state?.options.httpPutResponseHopLimit ?? 1;
  const height = top + lanes.length * laneHeight;
  const [from, to] = [width < 500 ? 104 : 140, width - imdsWidth];
  const paths = lanes.map(({ name, links, callers: ofLane }, index): Path & Lane => {
    const at = (distance: number): number => to - ((to - from) * distance) / links;
    return { name, links, callers: ofLane, y: top + index * laneHeight + 20, at };
  });
  const sayings = lanes.map(({ name, links }) =>
    links > limit ? `${name}: token replies die after ${limit} of ${links} hops` : `${name}: token replies arrive`,
  );
  return (
    <div class="way" ref={element}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={`The way to IMDS. ${sayings.join('; ')}.`}>
          {paths.map((path) => (
            <LaneDrawing key={`${path.name} ${path.links}`} path={path} limit={limit} left={from} />
          ))}
          <Packets paths={paths} />
          <rect class="box imds" x={to} y={1} width={imdsWidth - 1} height={height - 2} rx={8} />
          <text class="name" x={to + imdsWidth / 2} y={height / 2 + 5}>
            IMDS
          </text>
        </svg>
      )}
      <Legend />
    </div>
  );
}

function LaneDrawing({ path, limit, left }: { path: Path & Lane; limit: number; left: number }) {
  const { name, links, y, at } = path;
  const isLost = links > limit;
  const end = at(Math.min(limit, links));
  const routers = Array.from({ length: links - 1 }, (_, index) => index + 1);
  const isCrowded = routers.length > mostNamedRouters;
  return (
    <g>
      <line class="untravelled" x1={at(links)} x2={end} y1={y} y2={y} />
      <line class="travelled" x1={end} x2={at(0)} y1={y} y2={y} />
      {routers.map((distance) => (
        <g key={distance}>
          <circle class="router" cx={at(distance)} cy={y} r={isCrowded ? 3 : 6} />
        </g>
      ))}
      <rect class="box" x={1} y={y - 20} width={left - 2} height={46} rx={8} />
      <text class="name" x={left / 2} y={y - 1}>
        {name}
      </text>
      <text class={isLost ? 'bad' : 'good'} x={left / 2} y={y + 17}>
        {isLost ? `needs limit ${links}` : 'gets tokens'}
      </text>
      {isLost && (
        <g class="death">
          <path d={`M${end - 6} ${y - 6}l12 12m0 -12l-12 12`} />
          <text x={end} y={y + 26}>
            replies die here
          </text>
        </g>
      )}
      {!isLost && routers.length > 0 && (
        <text class="note" x={(at(0) + left) / 2} y={y + 26}>
          {routers.length === 1 ? '1 router' : `${routers.length} routers`}
        </text>
      )}
    </g>
  );
}

function Legend() {
  return (
    <p class="legend" aria-hidden="true">
      <span>
        <i /> as far as token replies come
      </span>
      <span class="beyond">
        <i /> out of their reach
      </span>
    </p>
  );
}
