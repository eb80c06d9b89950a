import type { SeenEvent, SeenRequest } from '../emulator/index.js';
import { jsonLine, oneLine, type Paint, printable } from './output.js';

/** Reasons for refusals, worded to help fix the request. */
const reasons: Readonly<Record<Exclude<NonNullable<SeenRequest['reason']>, `fault: ${string}`>, string>> = {
  'endpoint off': 'refused: the endpoint is off (HttpEndpoint)',
  'v1 off': 'refused: no session token, and HttpTokens is required',
  'token expired': 'refused: the session token has expired',
  'token unknown': 'refused: not a session token of this instance, or voided',
  'hop limit': 'no reply: it died on the way (HttpPutResponseHopLimit)',
  'bad token request':
    'refused: a token request needs a TTL of 1 to 21600 seconds, no X-Forwarded-For, and no trailing slash',
  'bad path': 'refused: not a path',
  'bad method': 'refused: only GET, HEAD and OPTIONS are allowed',
  'not there': 'not there',
  'foreign Host': 'refused: its Host header has a name that is not allowed (--allow-host NAME)',
  'no Host': 'refused: HTTP/1.1 requires a Host header',
  'expects 100': 'refused: instances reply 417 to an Expect: 100-continue header',
  'not HTTP': 'refused: not HTTP',
  'too large': 'refused: headers may have up to 8 KiB, a body 64 KiB',
  'instance off': 'no reply: the instance is off',
};

/**
 * A line for each request and each event of the timeline, with the emulator's time in UTC, as in notices. IMDSv1 and
 * refusals stand out.
 *
 * @param columns of a terminal, where the last line is a counter that is rewritten each time
 */
export function requestLog(output: (text: string) => Promise<void>, paint: Paint, columns?: () => number | undefined) {
  const count = { v1: 0, v2: 0, refused: 0 };
  const total = (): string => `IMDSv2 ${count.v2}, IMDSv1 ${count.v1}, refused or unanswered ${count.refused}`;
  // The emulator goes on when nobody reads its log.
  const write = (text: string): void => void output(text).catch(() => {});
  const line = (text: string): void => {
    if (!columns) write(`${text}\n`);
    else write(`\r\x1b[K${text}\n${paint.bold(total().slice(0, (columns() ?? 80) - 1))}`);
  };
  return {
    request({ at, method, path, version, status, reason, error }: SeenRequest) {
      // Bytes that are not a request have no version.
      const isRequest = method !== '';
      const isServed = status !== 'unanswered' && (status < 400 || reason === 'not there');
      if (isRequest) count[`v${version}`] += 1;
      if (!isServed) count.refused += 1;
      const by = !isRequest ? '--' : version === 1 ? paint.bold('v1') : 'v2';
      const asked = printable(`${method.padEnd(4)} ${status === 'unanswered' ? ' - ' : status}  ${path}`);
      const why = error === undefined ? (reasons[reason as keyof typeof reasons] ?? reason) : `failed: ${error}`;
      const note = why ? `  ${oneLine(why)}` : '';
      line(`${clock(at)}  ${by}  ${asked}${note && reason !== 'not there' ? paint.red(note) : note}`);
    },
    event({ at, event, detail }: SeenEvent) {
      line(paint.cyan(printable(`${clock(at)}  ${event}: ${detail}`)));
    },
    end() {
      write(`${columns ? '\r\x1b[K' : ''}imds: requests: ${total()}\n`);
    },
  };
}

/** The same as JSON, one object per line. */
export function jsonLog(write: (line: string) => void): ReturnType<typeof requestLog> {
  const put =
    (type: string) =>
    ({ at, error, ...rest }: SeenRequest | SeenEvent): void => {
      const time = new Date(at).toISOString();
      write(jsonLine({ type, time, ...rest, error: error === undefined ? undefined : String(error) }));
    };
  return { request: put('request'), event: put('event'), end() {} };
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 19);
