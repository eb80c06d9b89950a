/** An option, a scenario or a change is invalid; the message names the culprit and says what is accepted. */
export class EmulatorOptionError extends TypeError {
  /** Stable identifier of this failure. */
  readonly code = 'ERR_EMULATOR_OPTION';
  override readonly name = 'EmulatorOptionError';
  /** The place of the mistake, such as `timeline[2].at`; undefined if there is none. */
  readonly place: string | undefined;

  constructor(message: string, place?: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.place = place;
  }
}

const longestShown = 80;

/**
 * The error for a value that is not among what is accepted. `name` is its place, or says in words what it is; `show` is what
 * the message has of the value.
 */
export function refused(name: string, accepted: string, value: unknown, show = textOf): EmulatorOptionError {
  // From an async function; its rejection is no news.
  if (value instanceof Promise) value.catch(() => {});
  const shown = value instanceof Promise ? 'a promise' : show(value);
  const clipped = shown.length > longestShown ? `${shown.slice(0, longestShown)}…` : shown;
  const isPlace = /^[\w$]+(?:[.[]|$)/.test(name);
  return new EmulatorOptionError(`${name || 'it'} must be ${accepted}, not ${clipped}`, isPlace ? name : undefined);
}

/** Falls back to `{…}` for values that JSON cannot hold: circular or too deep. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value !== 'object') return String(value);
  try {
    return JSON.stringify(value) ?? '{}';
  } catch {
    return '{…}';
  }
}

/** For a value that may be a secret. */
export function outlineOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'object' || value === null) return String(value);
  const names = Object.keys(value);
  return names.length > 0 ? `an object of ${names.join(', ')}` : Object.prototype.toString.call(value);
}

/** @throws EmulatorOptionError for text that is not JSON; `name` says what it is */
export function parseJson(text: string, name: string): unknown {
  try {
    // Editors may begin a file with a byte order mark.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new EmulatorOptionError(`${name} must be JSON: ${error instanceof Error ? error.message : error}`);
  }
}
