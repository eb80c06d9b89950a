import { EmulatorOptionError, refused } from './option-error.js';

export type Schema = { readonly [keyword: string]: unknown };

/** A description of a value: the source of its type, its check and its JSON Schema. */
export interface Shape<T = unknown> {
  /** In words, after "must be", such as `a whole number from 1 to 64`. */
  readonly accepted: string;
  readonly schema: Schema;
  /** @throws EmulatorOptionError naming the place, such as `timeline[2].at`, for a value that does not fit */
  check(value: unknown, path: string): T;
}

export type Optional<T> = Shape<T> & { readonly isOptional: true };

export type Fields = Readonly<Record<string, Shape>>;

type OptionalNames<F> = { [Name in keyof F]: F[Name] extends { isOptional: true } ? Name : never }[keyof F];

/** The object that some fields describe. */
export type ObjectOf<F> = {
  readonly [Name in Exclude<keyof F, OptionalNames<F>>]: F[Name] extends Shape<infer T> ? T : never;
} & { readonly [Name in OptionalNames<F>]?: F[Name] extends Shape<infer T> ? T : never };

/** Objects whose field `Key` selects the declaration of the other fields. */
export type UnionOf<Key extends string, Declarations> = {
  [Name in keyof Declarations]: { readonly [K in Key]: Name } & (Declarations[Name] extends { fields: infer F }
    ? ObjectOf<F>
    : never);
}[keyof Declarations];

/** A shape from a test of a value, which may also throw an error about a part of it. */
export function shape<T>(accepted: string, schema: Schema, fits: (value: unknown, path: string) => boolean): Shape<T> {
  return {
    accepted,
    schema,
    check(value, path) {
      if (!fits(value, path)) throw refused(path, accepted, value);
      return value as T;
    },
  };
}

export function optional<T>(shape: Shape<T>): Optional<T> {
  return { ...shape, isOptional: true };
}

/** A shape that the JSON Schema defines only once, under this name. */
export function named<T>(name: string, shape: Shape<T>): Shape<T> & { readonly definition: Schema } {
  return { ...shape, schema: { $ref: `#/$defs/${name}` }, definition: shape.schema };
}

export function text(accepted = 'text', pattern?: RegExp): Shape<string> {
  const schema = pattern && { pattern: pattern.source, description: accepted };
  const fits = (value: unknown) => typeof value === 'string' && (pattern?.test(value) ?? true);
  return shape(accepted, { type: 'string', ...schema }, fits);
}

export function oneOf<const Choices extends readonly (string | number)[]>(...choices: Choices): Shape<Choices[number]> {
  const names = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice)));
  const accepted = names.length === 1 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  return shape(accepted, { enum: choices }, (value) => choices.some((choice) => choice === value));
}

export function numberBetween(minimum: number, maximum: number, type: 'number' | 'integer' = 'number'): Shape<number> {
  const isWhole = type === 'integer';
  return shape(
    `a ${isWhole ? 'whole ' : ''}number from ${minimum} to ${maximum}`,
    { type, minimum, maximum },
    (value) => typeof value === 'number' && value >= minimum && value <= maximum && (!isWhole || value % 1 === 0),
  );
}

export const wholeNumber = (minimum: number, maximum: number) => numberBetween(minimum, maximum, 'integer');

export function list<T>(item: Shape<T>, most = Number.POSITIVE_INFINITY): Shape<readonly T[]> {
  const schema = { type: 'array', items: item.schema, ...(Number.isFinite(most) && { maxItems: most }) };
  return shape(`a list, each item ${item.accepted}`, schema, (value, path) => {
    if (!Array.isArray(value)) return false;
    if (value.length > most)
      throw new EmulatorOptionError(`${path} has ${value.length} items; the maximum is ${most}`, path);
    for (const [index, one] of value.entries()) item.check(one, `${path}[${index}]`);
    return true;
  });
}

/** A value of the one shape, or an object of the other. */
export function either<One, Other>(one: Shape<One>, other: Shape<Other>): Shape<One | Other> {
  return {
    accepted: `${one.accepted}, or ${other.accepted}`,
    schema: { anyOf: [one.schema, other.schema] },
    check: (value, path) => (typeof value === 'object' && value !== null ? other : one).check(value, path),
  };
}

/** An object with these fields and no other; one that is `undefined` counts as missing. */
export function fields<F extends Fields>(all: F): Shape<ObjectOf<F>> {
  const names = Object.keys(all);
  const required = names.filter((name) => !('isOptional' in (all[name] ?? {})));
  const properties = Object.fromEntries(Object.entries(all).map(([name, { schema }]) => [name, schema]));
  return shape(
    `an object${names.length === 0 ? '' : ` of ${names.join(', ')}`}`,
    { type: 'object', properties, required, additionalProperties: false },
    (value, path) => {
      if (!isObject(value)) return false;
      const unknown = Object.keys(value).find((name) => !Object.hasOwn(all, name));
      if (unknown !== undefined) {
        const place = member(path, unknown);
        throw new EmulatorOptionError(`${place} is not known here; known are ${names.join(', ') || 'none'}`, place);
      }
      for (const [name, one] of Object.entries(all))
        if (value[name] !== undefined || required.includes(name)) checkField(value, path, name, one);
      return true;
    },
  );
}

/** Objects told apart by the field `key`: for each of its values the other fields. `also` throws for what these cannot say. */
export function variants<T>(
  key: string,
  all: Readonly<Record<string, Fields>>,
  also: (value: T, path: string) => void = () => {},
): Shape<T> {
  const names = oneOf(...Object.keys(all));
  const shapes = Object.entries(all).map(([name, others]) => {
    const itself = { ...oneOf(name), schema: { const: name } };
    return [name, fields({ [key]: itself, ...others })] as const;
  });
  const byName: ReadonlyMap<unknown, Shape> = new Map(shapes);
  const schema = { oneOf: shapes.map(([, { schema }]) => schema) };
  return shape(`an object with ${key}: ${names.accepted}`, schema, (value, path) => {
    if (!isObject(value)) return false;
    checkField(value, path, key, names);
    byName.get(value[key])?.check(value, path);
    also(value as T, path);
    return true;
  });
}

function checkField(object: Readonly<Record<string, unknown>>, path: string, name: string, shape: Shape): void {
  const place = member(path, name);
  if (object[name] !== undefined) shape.check(object[name], place);
  else throw new EmulatorOptionError(`${place} is missing; it must be ${shape.accepted}`, place);
}

/** Not a date, a map or a promise, which have no fields and so would pass for an empty object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return /^\[object (Object|Module)\]$/.test(Object.prototype.toString.call(value));
}

/** `timeline[0].at`, `tree["placement/region"]` */
export function member(path: string, name: string): string {
  if (!/^[\w$]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}
