// @ts-check
/** Run in a lab: what curl, botocore and this package get of IMDS, by both families. Prints JSON. */
import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const [library = '', python = '', pythonPath = '', seconds = '1'] = process.argv.slice(2);
const families = /** @type {const} */ ({ IPv4: '169.254.169.254', IPv6: '[fd00:ec2::254]' });

/** @param {string} file @param {readonly string[]} args @param {Record<string, string>} [env] */
const run = (file, args, env = {}) =>
  new Promise((resolve) =>
    execFile(file, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    ),
  );

/** @param {string} host */
async function curl(host) {
  const usual = [
    '--globoff',
    '--silent',
    // What arrives is waited for however busy the machine is; a token may get lost.
    '--max-time',
    '20',
    '--output',
    '/dev/null',
    '--write-out',
    '%{http_code}',
  ];
  const ttl = ['--request', 'PUT', '--header', 'X-aws-ec2-metadata-token-ttl-seconds: 60'];
  const [put, get] = await Promise.all([
    run('curl', [...usual, '--max-time', seconds, ...ttl, `http://${host}/latest/api/token`]),
    run('curl', [...usual, `http://${host}/latest/meta-data/instance-id`]),
  ]);
  return { put: `${put.code} ${put.stdout}`, get: `${get.code} ${get.stdout}` };
}

// Both families at once, as a token that gets lost takes its time. Tokens that get lost it does not ask for again, but reads.
const botocore = `
import json, sys
from concurrent.futures import ThreadPoolExecutor
from botocore.utils import InstanceMetadataFetcher
def judge(host):
    fetcher = InstanceMetadataFetcher(timeout=float(sys.argv[1]), num_attempts=5, base_url=f'http://{host}/')
    return fetcher.retrieve_iam_role_credentials().get('access_key')
print(json.dumps(list(ThreadPoolExecutor().map(judge, sys.argv[2:]))))
`;

const hosts = Object.values(families);
const { Imds } = await import(pathToFileURL(library).href);
const timeout = Number(seconds) * 1000;
const limits = { connectTimeoutMs: timeout, requestTimeoutMs: timeout, deadlineMs: 2 * timeout, maxAttempts: 1 };
const client = (/** @type {string} */ endpointMode) =>
  new Imds({ endpointMode, ...limits }).instanceId().catch((/** @type {{ code: string }} */ { code }) => code);

const [curls, credentials, clients] = await Promise.all([
  Promise.all(hosts.map(curl)),
  run(python, ['-c', botocore, seconds, ...hosts], { PYTHONPATH: pythonPath }),
  Promise.all(Object.keys(families).map(client)),
]);
if (credentials.code !== 0) throw new Error(credentials.stderr);
const keys = JSON.parse(credentials.stdout);
const cells = Object.keys(families).map((family, index) => [
  family,
  { curl: curls[index], botocore: keys[index], client: clients[index] },
]);
console.log(JSON.stringify(Object.fromEntries(cells)));
