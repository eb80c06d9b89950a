// @ts-check
// Draws docs/images/hop-limit.svg from what `imds doctor` prints in a Docker container: `npm run docs`. Runs under tsx, as it
// imports the source.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawing } from '../src/cli/drawing.js';
import { diagnosisOf } from '../src/doctor/diagnose.js';
import { verdictOf } from '../src/doctor/verdict.js';

const target = new URL('../docs/images/hop-limit.svg', import.meta.url);

/** The picture at the head of the doctor's report: the places on the way, the one after which it breaks, and why there. */
function report() {
  /** @type {import('../src/doctor/verdict.js').Outcomes} */
  const outcomes = {
    settings: 'usable',
    endpoint: 'well-known',
    connection: 'made',
    token: 'lost',
    read: 'token-demanded',
    distance: 'far',
  };
  /** @type {import('../src/doctor/judgement.js').Judgement} */
  const judgement = {
    verdict: verdictOf(outcomes),
    outcomes,
    endpoint: 'http://169.254.169.254',
    endpointFrom: 'default',
    findings: [],
    platform: {
      onEc2: true,
      why: 'board_asset_tag is an instance ID',
      isElsewhere: false,
      container: 'docker',
      hasHostNetwork: false,
      isEnclave: false,
    },
    distance: 2,
    instanceId: undefined,
    region: undefined,
    device: undefined,
    disabledBy: undefined,
    otherCredentials: undefined,
  };
  const diagnosis = diagnosisOf(judgement);
  const needed = diagnosis.hopLimit;
  if (needed === undefined) throw new Error('the doctor knows no limit');
  const io = { stdout: { isTTY: false, columns: 80, write: async () => {} }, env: { LANG: 'C.UTF-8' } };
  const printed = drawing(diagnosis, io, { bold: String, red: String, cyan: String });
  const [way = '', pointer = ''] = printed.trimStart().split('\n');
  const places = way.trim().split(/ ──(?:╳──)? /);
  const brokenAfter = way.split(' ──╳── ')[0]?.split(' ── ').length;
  const caption = pointer.replace('↑', '').trim();
  if (brokenAfter === undefined || caption === '') throw new Error(`the doctor draws no break:\n${printed}`);
  return { places, brokenAfter, caption, needed };
}

const width = 860;
const boxes = { top: 20, height: 36, padding: 34 };

// Without variables, which not every viewer knows.
const colours = {
  light: { ground: '#ffffff', box: '#f3f5f8', line: '#57606a', text: '#1f2328', bad: '#cf222e', good: '#1a7f37' },
  dark: { ground: '#0d1117', box: '#1b222c', line: '#9198a1', text: '#f0f6fc', bad: '#ff7b72', good: '#56d364' },
};
/** @param {typeof colours.light} _ */
const paint = ({ ground, box, line, text, bad, good }) => `
    .ground { fill: ${ground}; }
    .box { fill: ${box}; stroke: ${line}; }
    .life, .request { stroke: ${line}; }
    .lost, .died { stroke: ${bad}; }
    .arrives { stroke: ${good}; }
    text { fill: ${text}; }
    .bad { fill: ${bad}; }
    .good { fill: ${good}; }
    .label { stroke: ${ground}; }`;
const style = `
    text { font: 14px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; text-anchor: middle; }
    .name, .bad { font-weight: 600; }
    .label { paint-order: stroke; stroke-width: 6; }
    .caption { text-anchor: end; }
    .request, .lost, .died, .arrives { fill: none; stroke-width: 2; }
    .life { stroke-dasharray: 2 4; }${paint(colours.light)}
    @media (prefers-color-scheme: dark) {${paint(colours.dark).replaceAll('\n', '\n  ')}
    }`;

/** Places, side by side, and the three relevant packets below them. */
export function picture() {
  const { places, brokenAfter, caption, needed } = report();
  const sizes = places.map((name) => name.length * 8 + boxes.padding);
  const gap = (width - 40 - sizes.reduce((sum, size) => sum + size, 0)) / (places.length - 1);
  const lefts = sizes.map((_, index) => 20 + index * gap + sizes.slice(0, index).reduce((sum, size) => sum + size, 0));
  const centres = lefts.map((left, index) => left + (sizes[index] ?? 0) / 2);
  const [start = 0, end = 0] = [centres[0], centres.at(-1)];
  const [before = 0, after = 0] = [centres[brokenAfter - 1], centres[brokenAfter]];
  const cross = Math.round((before + after) / 2);
  const [request, lost, arrives] = [98, 152, 206];
  const round = Math.round;

  const heads = places.map((name, index) => {
    const [x, middle] = [round(lefts[index] ?? 0), round(centres[index] ?? 0)];
    return (
      `  <path class="life" d="M${middle} ${boxes.top + boxes.height}V${arrives + 20}"/>\n` +
      `  <rect class="box" x="${x}" y="${boxes.top}" width="${round(sizes[index] ?? 0)}" height="${boxes.height}" rx="6"/>\n` +
      `  <text class="name" x="${middle}" y="${boxes.top + 23}">${name}</text>`
    );
  });
  /** @param {number} y @param {number} from @param {number} to @param {string} look */
  const arrow = (y, from, to, look) => {
    const back = to < from ? 9 : -9;
    const tip = round(to) + (to < from ? 3 : -3);
    return `  <path class="${look}" d="M${round(from)} ${y}H${tip}m${back} -5l${-back} 5l${back} 5"/>`;
  };
  /** @param {number} x @param {number} y @param {string} look @param {string} words */
  const label = (x, y, look, words) => `  <text class="label ${look}" x="${round(x)}" y="${y}">${words}</text>`;

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 240" width="${width}" height="240" role="img" aria-labelledby="title desc">
  <!-- Made by scripts/hop-limit-picture.mjs from what imds doctor prints. -->
  <title id="title">The hop limit: where the token reply dies</title>
  <desc id="desc">The way is ${places.join(', ')}. The token request arrives. With HttpPutResponseHopLimit ${needed - 1} ${caption.replace('here', `between ${places[brokenAfter]} and ${places[brokenAfter - 1]}`)}, with ${needed} it arrives.</desc>
  <style>${style}
  </style>
  <rect class="ground" width="${width}" height="240" rx="8"/>
${heads.join('\n')}
${label((start + end) / 2, request - 8, 'asked', 'PUT /latest/api/token')}
${arrow(request, start, end, 'request')}
${label((cross + end) / 2 + 10, lost - 8, 'bad', `HttpPutResponseHopLimit ${needed - 1}`)}
  <path class="lost" d="M${round(end)} ${lost}H${cross}"/>
  <path class="died" d="M${cross - 8} ${lost - 8}l16 16m0 -16l-16 16"/>
${label(cross - 18, lost + 5, 'bad caption', caption)}
${label((start + end) / 2, arrives - 8, 'good', `HttpPutResponseHopLimit ${needed}: the reply arrives`)}
${arrow(arrives, end, start, 'arrives')}
</svg>
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, picture());
