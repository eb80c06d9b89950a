/** Values and directories by name. */
export interface Tree<T> {
  readonly [name: string]: T | Tree<T>;
}

/** Values as objects in objects. Where a value and a directory have the same name, there is only the directory. */
export function nested<T>(values: readonly (readonly [names: readonly string[], value: T])[]): Tree<T> {
  const below = new Map<string, [readonly string[], T][]>();
  for (const [[first, ...rest], value] of values)
    if (first !== undefined) below.set(first, [...(below.get(first) ?? []), [rest, value]]);
  return Object.fromEntries(
    [...below].map(([name, inner]) => {
      const deeper = inner.filter(([rest]) => rest.length > 0);
      const [own] = inner;
      return [name, deeper.length === 0 && own ? own[1] : nested(deeper)];
    }),
  );
}
