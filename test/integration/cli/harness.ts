import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { Io, Output } from '../../../src/cli/io.js';
import { main } from '../../../src/cli/main.js';
import { createProgram } from '../../../src/cli/program.js';
import { guardedEnv } from '../../support/guard.mjs';

/** What a command line came to. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The built command. */
export const binary = resolve('dist/cli/imds.cjs');

/** Stands in for a process: keeps what is written to it. */
export class Terminal {
  readonly stdoutChunks: Buffer[] = [];
  readonly stderrChunks: Buffer[] = [];
  readonly signals = new EventEmitter();
  readonly io: Io;

  /** @param given what is other than in a process whose streams are all redirected */
  constructor(given: { tty?: boolean; env?: Io['env']; columns?: number; stdin?: string; stdout?: Output } = {}) {
    const { tty = false, columns, env = {}, stdin = '' } = given;
    const output = (chunks: Buffer[]): Output => ({
      isTTY: tty,
      columns,
      write: async (data) => void chunks.push(Buffer.from(data)),
    });
    this.io = {
      stdout: given.stdout ?? output(this.stdoutChunks),
      stderr: output(this.stderrChunks),
      stdin: () => Readable.from([Buffer.from(stdin)]),
      giveUp() {},
      stdinIsTTY: tty,
      env,
      signals: this.signals,
      kill: (pid, signal) => void process.kill(pid, signal),
    };
  }

  async run(...args: readonly string[]): Promise<Outcome> {
    const code = await main(args, this.io);
    return { code, stdout: Buffer.concat(this.stdoutChunks), stderr: Buffer.concat(this.stderrChunks).toString() };
  }
}

/** The parser with all commands. */
export const program = await createProgram(() => async () => {}, {
  write: () => {},
  columns: 100,
  paint: { bold: String, red: String, cyan: String },
});

/** The names of all commands but `help`. */
export const commandNames: readonly string[] = program.commands
  .map((command) => command.name())
  .filter((name) => name !== 'help');

/** Runs a command line in this process, its output redirected. */
export const imds = (...args: readonly string[]): Promise<Outcome> => new Terminal().run(...args);

/** Starts the built command. */
export function start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  if (!existsSync(binary)) throw new Error('there is no build to run; `npm run build` makes one');
  return spawn(process.execPath, [binary, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: guardedEnv(),
    ...options,
  });
}

/** Waits for a process to end. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome & { readonly signal: NodeJS.Signals | null }> {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

/** A server that acts out something, on loopback. */
export interface Stand {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves raw connections. */
export async function listen(onConnection: (socket: net.Socket) => void): Promise<Stand> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: urlOf(server),
    async close() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

/** A service that gives session tokens; reads are answered by `read`, token requests too if `token` is given. */
export async function serve(read: http.RequestListener, token?: http.RequestListener): Promise<Stand> {
  const server = http.createServer((request, response) => {
    const isToken = request.method === 'PUT';
    if (isToken && token) token(request, response);
    else if (isToken) response.writeHead(200, { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' }).end('token');
    else read(request, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: urlOf(server),
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

/** An address at which nothing listens. */
export async function nobody(): Promise<Stand> {
  const { url, close } = await listen(() => {});
  await close();
  return { url, close: async () => {} };
}

function urlOf(server: net.Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return `http://127.0.0.1:${address.port}`;
}
