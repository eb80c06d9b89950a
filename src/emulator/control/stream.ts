import type { ServerResponse } from 'node:http';

/** The number of latest messages kept for readers that reconnect. */
const kept = 1000;
const mostReaders = 512;
const heartbeatMs = 15_000;

/**
 * Server-sent events to any number of readers. Only a reader's position is stored: a slow one gets the next message
 * once its socket accepts one, and is dropped when that message is no longer kept.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class Stream {
  /** Each sends one reader its next messages. */
  readonly #readers = new Set<() => void>();
  readonly #messages: Buffer[] = [];
  // Larger than the IDs of any earlier emulator, so that a reader of that one learns that it missed something.
  #last = Date.now() * 1000;

  /** The ID of the latest message. */
  get last(): number {
    return this.#last;
  }

  publish(type: string, data: unknown): void {
    this.#last += 1;
    this.#messages.push(message(this.#last, type, data));
    if (this.#messages.length > kept) this.#messages.shift();
    for (const send of this.#readers) send();
  }

  /** Sends everything after `since`, the ID of a message; false if there are too many readers. */
  open(response: ServerResponse, since: number): boolean {
    if (this.#readers.size >= mostReaders) return false;
    const isKept = since <= this.#last && since >= this.#last - this.#messages.length;
    let next = isKept ? since + 1 : this.#last + 1;
    let isFull = false;
    const send = (): void => {
      const oldest = this.#last - this.#messages.length + 1;
      if (next < oldest) response.destroy();
      else
        while (!isFull && next <= this.#last) {
          isFull = !response.write(this.#messages[next - oldest]);
          next += 1;
        }
    };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    // Tells the reader that it is open.
    response.write(isKept ? ':\n\n' : message(this.#last, 'missed', {}));
    this.#readers.add(send);
    const heartbeat = setInterval(() => isFull || response.write(':\n\n'), heartbeatMs).unref();
    response.on('close', () => {
      clearInterval(heartbeat);
      this.#readers.delete(send);
    });
    response.on('drain', () => {
      isFull = false;
      send();
    });
    send();
    return true;
  }
}

const message = (id: number, type: string, data: unknown): Buffer =>
  Buffer.from(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
