import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type Answer, headOf } from './answers.js';
import { longestTimerMs } from './clock.js';

/** A reply on its way. */
export interface Delivery {
  /** `undefined`: nothing is sent, and the connection stays open. */
  readonly answer: Answer | undefined;
  /** Bytes that replace the reply, in latin1. */
  readonly garbage?: string;
  /** Real time before the first byte. Default 0. */
  readonly delayMs?: number;
  /** Real time before each byte of the body. Default: everything is sent at once. */
  readonly byteIntervalMs?: number;
  /** The part that is sent: `half` is the headers and half of the body. Default: all. */
  readonly part?: 'half' | 'none';
  /** True if the connection ends with a reset. */
  readonly isReset?: true;
}

/** Time for a caller to read what was sent before a reset in the middle. */
const readingMs = 20;

/**
 * Writes a reply to the socket, whole or as a fault left it. The bytes are written as they are: `ServerResponse`
 * would choose the status line and add headers. A caller that reads nothing for `timeoutMs` is cut off.
 */
export async function deliver(socket: Socket, delivery: Delivery, timeoutMs: number): Promise<void> {
  const { answer, garbage, delayMs = 0, byteIntervalMs = 0, part, isReset = false } = delivery;
  // Without a reply, the connection ends when its caller ends it.
  if (answer === undefined) socket.on('end', () => socket.end());
  if (answer === undefined || !socket.writable) return;
  if (delayMs > 0 && !(await elapse(socket, delayMs))) return;
  if (part !== 'none') {
    const head = garbage ?? headOf(answer);
    // In latin1 a character is a byte, and one string is sent faster than two buffers.
    const body = garbage === undefined ? Buffer.from(answer.body).toString('latin1') : '';
    const sent = part === 'half' ? body.slice(0, Math.floor(body.length / 2)) : body;
    socket.write(byteIntervalMs === 0 ? head + sent : head, 'latin1');
    for (let at = 0; byteIntervalMs > 0 && at <= sent.length; at += 1) {
      if (!(await elapse(socket, byteIntervalMs))) return;
      socket.write(sent.charAt(at), 'latin1');
    }
  }
  if (!isReset) {
    socket.end(() => socket.destroy());
    if (socket.writableLength > 0) socket.setTimeout(timeoutMs, () => socket.destroy());
    return;
  }
  // A reset discards unread data. The immediate lets a caller in this process read it.
  if (part !== 'none' && (await elapse(socket, readingMs))) await setImmediate();
  socket.resetAndDestroy();
}

/** Waits, in real time; false if the connection is closed meanwhile. */
function elapse(socket: Socket, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      socket.off('close', end);
      resolve(!socket.destroyed);
    };
    const timer = setTimeout(end, Math.min(ms, longestTimerMs));
    socket.once('close', end);
  });
}
