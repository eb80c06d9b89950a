import type { ServerResponse } from 'node:http';

/** The latest messages, which a reader that comes back can still have. */
const kept = 1000;
const mostReaders = 512;
const heartbeatMs = 15_000;

interface Reader {
  /** The ID of the message that it gets next. */
  next: number;
  /** True while it does not read what it was sent. */
  isFull: boolean;
}

/**
 * Server-sent events to any number of readers. Nothing is stored for a reader but its place: one that reads slowly gets
 * the next message once its socket takes one, and is dropped when that one is no longer kept.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class Stream {
  readonly #readers = new Map<ServerResponse, Reader>();
  readonly #messages: Buffer[] = [];
  // Larger than the IDs of any emulator before, so that a reader of that one learns that it has missed something.
  #last = Date.now() * 1000;

  /** The ID of the latest message. */
  get last(): number {
    return this.#last;
  }

  publish(type: string, data: unknown): void {
    this.#last += 1;
    this.#messages.push(message(this.#last, type, data));
    if (this.#messages.length > kept) this.#messages.shift();
    for (const [response, reader] of this.#readers) this.#send(response, reader);
  }

  /** Sends all that comes after `since`, the ID of a message; false if there are too many readers. */
  open(response: ServerResponse, since: number): boolean {
    if (this.#readers.size >= mostReaders) return false;
    const isKept = since <= this.#last && since >= this.#last - this.#messages.length;
    const reader = { next: isKept ? since + 1 : this.#last + 1, isFull: false };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    // So that its reader knows that it is open.
    response.write(isKept ? ':\n\n' : message(this.#last, 'missed', {}));
    this.#readers.set(response, reader);
    const heartbeat = setInterval(() => reader.isFull || response.write(':\n\n'), heartbeatMs).unref();
    response.on('close', () => {
      clearInterval(heartbeat);
      this.#readers.delete(response);
    });
    response.on('drain', () => {
      reader.isFull = false;
      this.#send(response, reader);
    });
    this.#send(response, reader);
    return true;
  }

  #send(response: ServerResponse, reader: Reader): void {
    const oldest = this.#last - this.#messages.length + 1;
    if (reader.next < oldest) response.destroy();
    else
      while (!reader.isFull && reader.next <= this.#last) {
        reader.isFull = !response.write(this.#messages[reader.next - oldest]);
        reader.next += 1;
      }
  }
}

const message = (id: number, type: string, data: unknown): Buffer =>
  Buffer.from(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
