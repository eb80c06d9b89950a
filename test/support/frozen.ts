/** True for a value that nobody can change: neither itself nor anything in it. */
export const isFrozen = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
