import { clockWith, systemClock, type WaitingClock } from './clock.js';
import { Events } from './events.js';
import type { ImdsOptions } from './options.js';
import { Reader } from './reader.js';
import { resolveSettings, type Settings } from './settings.js';

/** The parts of a client that all its subjects share. */
export interface Client {
  /** The settings; the first call reads the shared config file. @throws ImdsSettingsError when it holds something unusable */
  readonly settings: () => Settings;
  readonly events: Events;
  readonly clock: WaitingClock;
  readonly reader: Reader;
}

/** Makes no request, and reads no file. @throws ImdsSettingsError when an option or an environment variable cannot be used */
export function clientOf(options: ImdsOptions): Client {
  const { settings, cache } = resolveSettings(options, (leftOut) =>
    events.publish('settings', { action: 'left-out', ...leftOut }),
  );
  const events = new Events(options.logger);
  const clock = options.now ? clockWith(options.now) : systemClock;
  return { settings, events, clock, reader: new Reader(settings, cache, events, clock) };
}
