import type { Category } from './category.js';
import type { Parameter } from './template.js';

/** Options of a single call. */
export interface CallOptions {
  /** Ends this caller's wait: the promise rejects with `signal.reason`. The request goes on; `close()` aborts it. */
  readonly signal?: AbortSignal | undefined;
  /** Asks the service even if the value is cached, and caches the result. Default false. */
  readonly fresh?: boolean | undefined;
  /** Milliseconds this call may take, retries included. Default: the client's `deadlineMs`. */
  readonly deadlineMs?: number | undefined;
}

/** Reads one category. Rejects with an `ImdsError`; where absence is normal, a 404 gives `undefined`. */
export interface Accessor<T> {
  (options?: CallOptions): Promise<T>;
  /** The category it reads. */
  readonly category: Category<unknown>;
}

/** Reads a category whose path ends in a parameter: one segment of visible ASCII, else rejects with `ImdsPathError`. */
export interface ParameterAccessor<P extends Parameter, T> {
  (parameter: P, options?: CallOptions): Promise<T>;
  /** The category it reads for a parameter. Throws `ImdsPathError`. */
  readonly category: (parameter: P) => Category<T>;
}

/** Returns the accessors below a parameter: one segment of visible ASCII, or it throws `ImdsPathError`. */
export type ParameterGroup<P extends Parameter, G> = (parameter: P) => G;
