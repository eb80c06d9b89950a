import { named, simple } from './shape.js';

/**
 * A span of time: milliseconds, or a number with its unit, such as `'250ms'`, `'30s'`, `'2m'`, `'6h'` or `'14d'`. A `+`
 * in front reads well in a timeline and changes nothing.
 */
export type Duration = number | `${'' | '+'}${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const pattern = /^\+?(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;
const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** About 300 years: what is added up stays a date. */
export const longestSpan = 1e13;

const accepted = "a time such as '30s', with ms, s, m, h or d, or a number of milliseconds";
export const duration = named(
  'duration',
  simple(
    accepted,
    {
      description: accepted,
      anyOf: [
        { type: 'string', pattern: pattern.source },
        { type: 'number', minimum: 0, maximum: longestSpan },
      ],
    },
    (value) =>
      typeof value === 'string' ? pattern.test(value) : typeof value === 'number' && value >= 0 && value <= longestSpan,
  ),
);

/** The milliseconds of a span of time that has been checked. */
export function milliseconds(span: Duration | string): number {
  if (typeof span === 'number') return span;
  const [, count, unit = ''] = pattern.exec(span) ?? [];
  return Number(count) * (units[unit] ?? Number.NaN);
}

/** The emulator's one clock: another clock, from the start on run at another speed and moved by hand. */
export class Clock {
  readonly #base: () => number;
  readonly #speed: number;
  #added = 0;
  /** When it was started. */
  readonly started: number;

  constructor(base: () => number, speed: number) {
    this.#base = base;
    this.#speed = speed;
    this.started = base();
  }

  /** Milliseconds since 1970. */
  readonly now = (): number => Math.floor(this.started + (this.#base() - this.started) * this.#speed + this.#added);

  /** Moves it forward. */
  advance(span: number): void {
    this.#added += span;
  }

  /** Real milliseconds until it shows `time`, or `undefined` if it never will by itself. */
  until(time: number): number | undefined {
    return this.#speed === 0 ? undefined : (time - this.now()) / this.#speed;
  }
}
