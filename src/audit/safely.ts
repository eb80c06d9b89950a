/** Calls a function, and returns undefined if it throws: no error of the audit may reach the program. */
export function safely<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
