import { named, shape } from './shape.js';

/**
 * A duration: milliseconds, or a number with its unit, such as `'250ms'`, `'30s'`, `'2m'`, `'6h'` or `'14d'`. A leading
 * `+` reads well in a timeline and changes nothing.
 */
export type Duration = number | `${'' | '+'}${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

/** About 300 years, so that any sum of two is still a date. */
export const longestSpan = 1e13;
/** The clock stops at the year 9000, so that announced times have a four-digit year, too. */
export const latestTime = Date.UTC(9000, 0);
/** The longest delay of Node's timers, about 24 days. */
export const longestTimerMs = 2 ** 31 - 1;

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
// As many digits as the longest duration has in that unit.
const digits: Readonly<Record<string, number>> = { ms: 9, s: 9, m: 8, h: 6, d: 5 };
/** Regular expression source for a number with its unit. */
export const spanSource = Object.entries(digits)
  .map(([unit, count]) => `\\d{1,${count}}(?:\\.\\d{1,3})?${unit}`)
  .join('|');
const pattern = new RegExp(`^\\+?(?:${spanSource})$`);

const accepted = "a time such as '30s', with ms, s, m, h or d, or a number of milliseconds, 300 years at most";
export const duration = named(
  'duration',
  shape<Duration>(
    accepted,
    {
      description: accepted,
      anyOf: [
        { type: 'string', pattern: pattern.source },
        { type: 'number', minimum: 0, maximum: longestSpan },
      ],
    },
    (value) => (typeof value === 'string' ? pattern.test(value) : isSpan(value)),
  ),
);

/** True for a number of milliseconds from 0 to the longest duration. */
export function isSpan(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= longestSpan;
}

/** The milliseconds of a checked duration. */
export function milliseconds(span: Duration | string): number {
  if (typeof span === 'number') return span;
  const [, count, unit = ''] = /^\+?([\d.]+)([a-z]+)$/.exec(span) ?? [];
  return Number(count) * (units[unit] ?? Number.NaN);
}

/** The date `ms` after another. */
export function later(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

/** The emulator's only clock: `base` at another speed, and moved by hand. */
export class Clock {
  readonly #base: () => number;
  readonly started: number;
  /** The times of `base` and of this clock when its speed or time was last set. A new object each time. */
  settings: { readonly base: number; readonly time: number; readonly speed: number };

  constructor(base: () => number, speed: number) {
    this.#base = base;
    this.started = base();
    this.settings = { base: this.started, time: this.started, speed };
  }

  /** Its speed relative to `base`. */
  get speed(): number {
    return this.settings.speed;
  }

  set speed(speed: number) {
    const base = this.#base();
    this.settings = { base, time: this.now(base), speed };
  }

  /** Milliseconds since the epoch. */
  now(base = this.#base()): number {
    return Math.min(latestTime, Math.floor(this.settings.time + (base - this.settings.base) * this.speed));
  }

  /** Moves it forward. */
  advance(span: number): void {
    this.settings = { ...this.settings, time: this.settings.time + span };
  }

  /** Real milliseconds until it reaches `time`; `Infinity` if it never will by itself. */
  until(time: number): number {
    return this.speed === 0 || time > latestTime ? Number.POSITIVE_INFINITY : (time - this.now()) / this.speed;
  }
}
