/**
 * Makes HTTP requests by node:http and fetch: `node asks.cjs COUNT URL STEPS`. Prints the microseconds of processor that
 * each took, or for several STEPS the memory in use after each, in MiB, which needs --expose-gc.
 */
const http = require('node:http');

const [count, url, steps] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

const byHttp = () =>
  new Promise((resolve, reject) =>
    http.get(url, { agent }, (response) => response.resume().once('end', resolve)).once('error', reject),
  );
const byFetch = async () => await (await fetch(url)).text();

async function ask(requests) {
  let left = requests;
  const asking = async () => {
    while (left-- > 0) await (left % 2 ? byHttp() : byFetch());
  };
  await Promise.all(Array.from({ length: 8 }, asking));
}

function inUse() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

async function main() {
  // Node goes on compiling for some thousand requests.
  await ask(steps === undefined ? count : count / 5);
  if (steps === undefined) {
    const before = process.cpuUsage();
    await ask(Number(count));
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(String((user + system) / count));
    return;
  }
  const used = [inUse()];
  for (let step = 0; step < steps; step += 1) {
    await ask(count / steps);
    used.push(inUse());
  }
  process.stdout.write(used.join(' '));
}
void main().then(() => process.exit());
