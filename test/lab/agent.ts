/** What runs in the place of an application: the client, the doctor, the command line. Run in a namespace. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { main } from '../../src/cli/main.js';
import { Events } from '../../src/client/events.js';
import type { EndpointMode, ImdsOptions } from '../../src/client/options.js';
import { resolveSettings } from '../../src/client/settings.js';
import { diagnose } from '../../src/doctor/diagnose.js';
import { isImdsError } from '../../src/errors.js';
import { Imds } from '../../src/imds.js';
import type { Platform } from '../../src/platform.js';
import { stopwatch } from '../support/stopwatch.js';
import { offer } from './remote.js';

const functions = {
  /** The instance ID as the client reads it, or the code of its failure. */
  async read(options: ImdsOptions): Promise<string> {
    using imds = new Imds(options);
    try {
      return await imds.instanceId();
    } catch (error) {
      if (!isImdsError(error)) throw error;
      return error.code;
    }
  },

  /** From here on the process has these variables; null takes one away. */
  setEnvironment(variables: Readonly<Record<string, string | null>>): void {
    for (const [name, value] of Object.entries(variables))
      if (value === null) delete process.env[name];
      else process.env[name] = value;
  },

  async diagnose(where: { endpointMode: EndpointMode } | { endpoint: string }, platform: Platform) {
    const settings = resolveSettings(where).settings();
    const announced: string[] = [];
    const elapsed = stopwatch();
    const diagnosis = await diagnose(
      { settings, events: new Events(undefined), env: {}, platform },
      { announce: (message) => announced.push(message) },
    );
    return { ...diagnosis, announced, tookMs: elapsed() };
  },

  /** A command line, as at a terminal without colours. */
  async run(args: readonly string[], env: Record<string, string>) {
    let text = '';
    const output = {
      isTTY: false,
      columns: 80,
      write: async (data: string | Uint8Array) => {
        text += data;
      },
    };
    const io = {
      stdout: output,
      stderr: output,
      stdin: () => Readable.from([]),
      giveUp() {},
      stdinIsTTY: false,
      env,
      signals: new EventEmitter(),
      kill: (): never => assert.fail('no command is run'),
    };
    return { code: await main(args, io), text };
  },

  /** Makes a request without a token, whatever is answered. */
  async ask(path: string): Promise<void> {
    const [response] = await once(get(`http://169.254.169.254${path}`), 'response');
    response.resume();
    await once(response, 'end');
  },

  /** How many bytes come back for a token request within so many milliseconds. */
  async bytesOfTokenReply(host: string, patienceMs: number): Promise<number> {
    const socket = connect(80, host).on('error', () => {});
    await once(socket, 'connect');
    socket.write(
      `PUT /latest/api/token HTTP/1.1\r\nHost: imds\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n`.replace(
        'imds',
        '169.254.169.254',
      ),
    );
    socket.resume();
    await delay(patienceMs);
    socket.destroy();
    return socket.bytesRead;
  },

  /** Sends datagrams, so many a second, for so long. */
  async flood(host: string, perSecond: number, forMs: number): Promise<void> {
    const socket = createSocket('udp4');
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      for (let count = 0; count < perSecond / 100; count += 1) socket.send('x', 9, host, () => {});
      await delay(10);
    }
    socket.close();
  },
};
export type Agent = typeof functions;
offer(functions);
