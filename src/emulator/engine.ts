import { Clock, isSpan, latestTime, longestSpan, longestTimerMs } from './clock.js';
import type { SeenEvent } from './events.js';
import type { InstanceOptions } from './instance-options.js';
import { Journal, type SeenRequest } from './journal.js';
import { EmulatorOptionError, refused } from './option-error.js';
import type { Start } from './options.js';
import { startTree } from './scenario.js';
import { State } from './state.js';
import { Timeline } from './timeline.js';

/** The timer does not spin while a clock stands still. */
const shortestWaitMs = 10;

/** Called when something happens. An error it throws is uncaught, once the work under way is done. */
export interface Observer {
  readonly onRequest?: ((request: SeenRequest) => void) | undefined;
  readonly onEvent?: ((event: SeenEvent) => void) | undefined;
  /** Called when the instance's options have changed; `Engine.settled` waits for its promise. */
  readonly onOptions?: ((options: InstanceOptions) => void | Promise<void>) | undefined;
  /** Called after each change, by the timeline or by callers, and sometimes without one. */
  readonly onSettled?: () => void;
}

/** The instance, its clock and its events: what the service and its control show and change. */
export class Engine {
  readonly start: Start;
  readonly journal = new Journal();
  clock: Clock;
  state: State;
  timeline: Timeline;
  isListening = true;
  /** Resolves once the sockets listen, or do not, as they should, and observers have handled the options. */
  settled: Promise<unknown> = Promise.resolve();
  readonly #observers: Observer[];
  readonly #setListening: (isListening: boolean) => Promise<unknown>;
  #options: InstanceOptions;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  /** When something next changes by itself, by the clock. */
  #next = 0;

  /** @param setListening makes the sockets of the service listen, or not */
  constructor(start: Start, setListening: (isListening: boolean) => Promise<unknown>) {
    this.start = start;
    this.#observers = [start];
    this.#setListening = setListening;
    [this.clock, this.state, this.timeline] = this.#launch();
    this.#options = this.state.options;
  }

  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  note(entry: Omit<SeenRequest, 'number'>): void {
    // A function `hops` returned the distance of a caller.
    if (this.state.options !== this.#options) this.settle();
    const request = this.journal.add(entry);
    this.#announce(({ onRequest }) => onRequest?.(request));
  }

  /** Every change by a caller: after everything due before it, and before everything it makes due. */
  change<Result>(change: (now: number) => Result): Result {
    this.settleDue();
    try {
      return change(this.clock.now());
    } finally {
      this.settle();
    }
  }

  /**
   * Settles after a change of the timeline.
   *
   * @throws EmulatorOptionError if an event could not happen
   */
  settleChange(): readonly SeenEvent[] {
    const happened = this.settle();
    const failed = happened.find(({ error }) => error !== undefined);
    if (failed) throw new EmulatorOptionError(failed.detail, undefined, { cause: failed.error });
    return happened;
  }

  /** Advances the clock and runs everything due. `place` is the name of the milliseconds, for errors. */
  advance(milliseconds: number, place: string): void {
    if (!isSpan(milliseconds)) {
      throw refused(place, `given a number of milliseconds from 0 to ${longestSpan}`, milliseconds);
    }
    if (this.clock.now() + milliseconds > latestTime)
      throw new EmulatorOptionError(`${place} cannot go beyond the year 9000`);
    this.clock.advance(milliseconds);
    this.settle();
  }

  /** Resets to the start, except for the time by `now`. */
  reset(): void {
    this.change(() => {
      [this.clock, this.state, this.timeline] = this.#launch();
      this.journal.clear();
    });
  }

  /** Settles if anything is due. */
  settleDue(): void {
    if (this.clock.now() >= this.#next) this.settle();
  }

  /** Runs everything due, updates the sockets, and sets the timer for the next event; returns what happened. */
  settle(): readonly SeenEvent[] {
    if (this.#isClosed) return [];
    const now = this.clock.now();
    const happened = this.timeline.settle(now);
    const isListening = this.state.absence(now) === undefined;
    if (isListening !== this.isListening) {
      this.isListening = isListening;
      this.settled = this.#setListening(isListening);
    }
    const { options } = this.state;
    if (options !== this.#options) {
      this.#options = options;
      this.#announce(({ onOptions }) => {
        this.settled = Promise.all([this.settled, onOptions?.(options)]);
      });
    }
    this.#next = Math.min(this.timeline.next, this.state.faults.nextChange(now));
    const waitMs = Math.min(Math.max(this.clock.until(this.#next), shortestWaitMs), longestTimerMs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.settle(), waitMs);
    // A listening socket keeps the process alive; while there is none, the timer must.
    if (isListening) this.#timer.unref();
    this.#announce(({ onSettled }) => onSettled?.());
    return happened;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** The instance as it starts. */
  #launch(): [Clock, State, Timeline] {
    const { scenario, tree, control, signer, now, speed } = this.start;
    const { options = {}, faults = [], timeline = [], seed = 0 } = scenario;
    const clock = new Clock(now, speed);
    const launched = new Date(clock.started);
    const state = new State(launched, startTree(scenario, tree, launched, signer), seed, control?.network);
    state.configure(options);
    state.configure(this.start);
    for (const fault of faults) state.faults.add(fault, clock.started);
    const onEvent = (event: SeenEvent) => this.#announce((observer) => observer.onEvent?.(event));
    return [clock, state, new Timeline(timeline, state, onEvent)];
  }

  #announce(tell: (observer: Observer) => void): void {
    for (const observer of this.#observers) {
      try {
        tell(observer);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }
}
