import { clockWith, systemClock } from './clock.js';
import { Closing } from './closing.js';
import { Events } from './events.js';
import type { ImdsOptions } from './options.js';
import { Reader } from './reader.js';
import { resolveSettings } from './settings.js';
import type { Shared } from './transport.js';

/** The parts of a client that all its features share. */
export interface Client extends Shared {
  readonly reader: Reader;
}

/** Sends no request and reads no file. @throws ImdsSettingsError for an unusable option or environment variable */
export function clientOf(options: ImdsOptions): Client {
  const { settings, cache } = resolveSettings(options, (leftOut) =>
    events.publish('settings', { action: 'left-out', ...leftOut }),
  );
  const events = new Events(options.logger);
  const clock = options.now ? clockWith(options.now) : systemClock;
  const shared = { settings, events, clock, closing: new Closing() };
  return { ...shared, reader: new Reader(shared, cache) };
}
