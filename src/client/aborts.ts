/**
 * What is to be done when signals are aborted, with one listener on each signal however many wait for it: Node warns of more
 * than ten, and is slow to add to thousands.
 */
export class Aborts {
  readonly #waiting = new Map<AbortSignal, { readonly acts: Set<() => void>; readonly listener: () => void }>();

  /** Has `act` done when the signal is aborted. */
  add(signal: AbortSignal, act: () => void): void {
    const known = this.#waiting.get(signal);
    if (known) {
      known.acts.add(act);
      return;
    }
    const acts = new Set([act]);
    const listener = (): void => {
      // Each may take itself and others out.
      for (const each of [...acts]) each();
    };
    this.#waiting.set(signal, { acts, listener });
    signal.addEventListener('abort', listener);
  }

  /** Forgets what was added. */
  remove(signal: AbortSignal, act: () => void): void {
    const known = this.#waiting.get(signal);
    known?.acts.delete(act);
    if (known?.acts.size !== 0) return;
    this.#waiting.delete(signal);
    signal.removeEventListener('abort', known.listener);
  }
}
