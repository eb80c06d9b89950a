/** Draws what a row measured as docs/images/benchmarks.svg: bars in milliseconds, in light and dark. */
import { writeFileSync } from 'node:fs';

const file = new URL('../docs/images/benchmarks.svg', import.meta.url);
const width = 860;
const left = 230;
const longest = 520;
const step = 28;

const ways = {
  imds: ['imds', 'ours'],
  command: ['imds get instance-id', 'ours'],
  http: ['node:http alone', 'bare'],
  aws: ["AWS's MetadataService", 'aws'],
};
const colours = {
  light: { ground: '#ffffff', text: '#1f2328', soft: '#57606a', ours: '#1a7f37', bare: '#8c959f', aws: '#bc4c00' },
  dark: { ground: '#0d1117', text: '#f0f6fc', soft: '#9198a1', ours: '#56d364', bare: '#6e7681', aws: '#f0883e' },
};
const paint = ({ ground, text, soft, ours, bare, aws }) =>
  `.ground { fill: ${ground}; } text { fill: ${text}; } .note { fill: ${soft}; } .ours { fill: ${ours}; } ` +
  `.bare { fill: ${bare}; } .aws { fill: ${aws}; }`;

/**
 * @param {Record<string, Record<string, number>>} chart Milliseconds by client, by measurement.
 * @param {string} note
 */
export function drawChart(chart, note) {
  const scale = longest / Math.max(...Object.values(chart).flatMap((ms) => Object.values(ms)));
  const parts = [];
  let y = 30;
  for (const [title, ms] of Object.entries(chart)) {
    parts.push(`<text class="title" x="20" y="${y}">${title}</text>`);
    y += 12;
    for (const [way, [name, look]] of Object.entries(ways)) {
      if (ms[way] === undefined) continue;
      const length = Math.round(ms[way] * scale);
      parts.push(
        `<text class="name" x="${left - 10}" y="${y + 15}">${name}</text>`,
        `<rect class="${look}" x="${left}" y="${y}" width="${length}" height="20" rx="3"/>`,
        `<text x="${left + length + 8}" y="${y + 15}">${Math.round(ms[way])} ms</text>`,
      );
      y += step;
    }
    y += 30;
  }
  parts.push(`<text class="note" x="20" y="${y - 8}">From the start of the process to its end. ${note}</text>`);
  const height = y + 8;
  const words = Object.entries(chart).map(
    ([title, ms]) =>
      `${title}: ${Object.entries(ms)
        .map(([way, time]) => `${ways[way][0]} ${Math.round(time)} ms`)
        .join(', ')}.`,
  );
  writeFileSync(
    file,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
  <!-- Made by bench/chart.mjs. -->
  <title id="title">How long a process takes that reads instance metadata</title>
  <desc id="desc">${words.join(' ')}</desc>
  <style>
    text { font: 14px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
    .title { font-weight: 600; }
    .name { text-anchor: end; }
    .note { font-size: 12px; }
    ${paint(colours.light)}
    @media (prefers-color-scheme: dark) { ${paint(colours.dark)} }
  </style>
  <rect class="ground" width="${width}" height="${height}" rx="8"/>
  ${parts.join('\n  ')}
</svg>
`,
  );
}
