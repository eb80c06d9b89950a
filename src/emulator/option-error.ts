/** An option, a scenario or a change cannot be used; the message names the culprit and says what is accepted. */
export class EmulatorOptionError extends TypeError {
  /** Stable identifier of this failure. */
  readonly code = 'ERR_EMULATOR_OPTION';
  override readonly name = 'EmulatorOptionError';
}

const longestShown = 80;

/** The error for a value that is not among what is accepted. */
export function refused(name: string, accepted: string, value: unknown): EmulatorOptionError {
  const shown = typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? asJson(value) : String(value);
  const clipped = shown.length > longestShown ? `${shown.slice(0, longestShown)}…` : shown;
  return new EmulatorOptionError(`${name} must be ${accepted}, not ${clipped}`);
}

/** Falls back to `{…}` for what JSON cannot hold: circular or too deep. */
function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '{}';
  } catch {
    return '{…}';
  }
}
