import { clockWith, systemClock } from './clock.js';
import { Closing } from './closing.js';
import { Events } from './events.js';
import type { ImdsOptions } from './options.js';
import { Reader, type Shared } from './reader.js';
import { resolveSettings } from './settings.js';

/** The parts of a client that all its subjects share. */
export interface Client extends Shared {
  readonly reader: Reader;
}

/** Makes no request, and reads no file. @throws ImdsSettingsError when an option or an environment variable cannot be used */
export function clientOf(options: ImdsOptions): Client {
  const { settings, cache } = resolveSettings(options, (leftOut) =>
    events.publish('settings', { action: 'left-out', ...leftOut }),
  );
  const events = new Events(options.logger);
  const clock = options.now ? clockWith(options.now) : systemClock;
  const shared = { settings, events, clock, closing: new Closing() };
  return { ...shared, reader: new Reader(shared, cache) };
}
