/** A value, and the path of names to it. */
export type Named = readonly [names: readonly string[], value: unknown];

/** Values as nested objects. If a value and a directory have the same name, only the directory is included. */
export function nested(values: readonly Named[]): Readonly<Record<string, unknown>> {
  const below = new Map<string, Named[]>();
  for (const [[first, ...rest], value] of values)
    if (first !== undefined) below.set(first, [...(below.get(first) ?? []), [rest, value]]);
  return Object.fromEntries(
    [...below].map(([name, inner]) => {
      const deeper = inner.filter(([rest]) => rest.length > 0);
      return [name, deeper.length > 0 ? nested(deeper) : inner[0]?.[1]];
    }),
  );
}
