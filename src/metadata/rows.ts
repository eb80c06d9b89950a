import type { Accessor, CallOptions, ParameterAccessor, ParameterGroup } from './accessor.js';
import type { Category, Kind, Mutability } from './category.js';
import { type Decoder, integer, isEmpty, json, lines, text } from './decode.js';
import type { Shape } from './documents.js';
import { fill, type Parameter } from './template.js';

// The elements of the table. A row has the type of its accessor: in a mapped type, TypeScript 7 loses the doc comments.

const rowOf = <T>(category: Category<unknown>): Accessor<T> => ({ category }) as Accessor<T>;

/** Makes the rows below a directory such as `meta-data/`. A scalar's type argument has the values AWS documents. */
export function under(directory: string) {
  const row = <T>(kind: Kind, name: string, mutability: Mutability, decoder: Decoder<T>): Accessor<T> =>
    rowOf({
      path: `/latest/${directory}${name}`,
      template: directory + name,
      kind,
      mutability,
      optional: false,
      secret: false,
      // Uses `this`, so that a copy with another path names that one.
      decode(body) {
        return decoder(body, this.path);
      },
    });
  return {
    row,
    scalar: <T extends string = string>(name: string, mutability: Mutability) =>
      row('scalar', name, mutability, text as Decoder<T>),
    count: (name: string, mutability: Mutability) => row('scalar', name, mutability, integer),
    list: (name: string, mutability: Mutability) => row('list', name, mutability, lines),
    directory: (name: string, mutability: Mutability) => row('directory', name, mutability, lines),
    json: <T>(name: string, mutability: Mutability, shape: Shape<T>) => row('json', name, mutability, json(shape)),
  };
}

/** A copy of the row with other fields. */
const but = <T>(row: Accessor<unknown>, fields: Partial<Category<unknown>>): Accessor<T> =>
  rowOf({ ...row.category, ...fields });

/** Contains credentials or user data. */
export const secret = <T>(row: Accessor<T>, fields: Partial<Category<T>> = {}): Accessor<T> =>
  but(row, { ...fields, secret: true });

/** May be a placeholder until the value is there. */
export const orPlaceholder = <T>(row: Accessor<T>, placeholder: T): Accessor<T> =>
  but(row, { isSettled: (value) => value !== placeholder });

/** May be absent, and an empty body has a meaning, unless it is served before the value is there. */
const orEmpty = <T>(row: Accessor<T>, empty: T): Accessor<T> =>
  but(orPlaceholder(row, empty), {
    optional: true,
    decode(body) {
      return isEmpty(body) ? empty : row.category.decode.call(this, body);
    },
  });

const none: readonly never[] = Object.freeze([]);

/** May be absent. An empty list then means "none"; an empty text or document is an error. */
export const optional = <T>(row: Accessor<T>): Accessor<T | undefined> =>
  ['list', 'directory'].includes(row.category.kind) ? orEmpty(row, none as T) : but(row, { optional: true });

/** May be absent, and an empty text means the same. */
export const optionalOrEmpty = <T>(row: Accessor<T>): Accessor<T | undefined> => orEmpty<T | undefined>(row, undefined);

/** A directory that the client reads as one value, with everything below it. */
export const whole = <T>(directory: Accessor<unknown>): Accessor<T> => rowOf(directory.category);

/** A directory, and the rows below it, which are made on first use, and once: most processes read only a value or two. */
export function group<A extends object, M extends object>(directory: A, members: () => M): A & M {
  let made: M | undefined;
  return { ...directory, members: () => (made ??= members()) } as unknown as A & M;
}

type Widened<P extends Parameter> = P extends string ? string : number;

/** A row whose path ends in a parameter such as `example`. */
export const each = <P extends Parameter, T>(example: P, row: Accessor<T>) =>
  ({ ...row, example }) as unknown as ParameterAccessor<Widened<P>, T>;

/** A directory whose path ends in a parameter such as `example`, and the rows below it. */
export const below = <P extends Parameter, A extends object, M extends object>(
  example: P,
  directory: A,
  members: () => M,
) => ({ ...group(directory, members), example }) as unknown as ParameterGroup<Widened<P>, A & M>;

/** An entry of the table: a row, a directory, or either with a parameter. */
export interface Node {
  readonly category?: Category<unknown>;
  readonly example?: Parameter;
  readonly members?: () => Nodes;
}

type Nodes = Readonly<Record<string, Node>>;

/** The entries of a table, which has the type of its accessors. */
export const nodesOf = (table: object): Nodes => table as Nodes;

/** The category with its placeholders filled in. */
export const filled = (category: Category<unknown>, values: readonly Parameter[]): Category<unknown> =>
  values.length === 0 ? category : { ...category, path: fill(category.template, values) };

export type Read = (category: Category<unknown>, options: CallOptions | undefined) => Promise<unknown>;

function bind({ example, ...node }: Node, read: Read, values: readonly Parameter[] = []): object {
  const { category, members } = node;
  if (members && example !== undefined) return (parameter: Parameter) => bind(node, read, [...values, parameter]);
  const at = (...more: readonly Parameter[]) => filled(category as Category<unknown>, [...values, ...more]);
  if (example !== undefined) {
    const accessor = async (parameter: Parameter, options?: CallOptions) => read(at(parameter), options);
    return Object.assign(accessor, { category: at });
  }
  const own = category && at();
  const accessor = own ? Object.assign((options?: CallOptions) => read(own, options), { category: own }) : {};
  // Defined, not assigned: a function's `name` is read-only, and one directory has a member of that name.
  for (const [name, member] of Object.entries(members?.() ?? {}))
    Object.defineProperty(accessor, name, { value: bind(member, read, values), enumerable: true, writable: true });
  return accessor;
}

/** Adds the accessors of the table that an object lacks, each created on first use; on every use if it was frozen since. */
export function bindOnDemand(target: object, table: object, read: Read): void {
  const define = (name: string, how: PropertyDescriptor) =>
    Reflect.defineProperty(target, name, { ...how, enumerable: true, configurable: true });
  for (const [name, node] of Object.entries(nodesOf(table))) {
    if (name in target) continue;
    const set = (value: unknown) => define(name, { value, writable: true });
    const get = () => {
      const accessor = bind(node, read);
      set(accessor);
      return accessor;
    };
    define(name, { set, get });
  }
}
