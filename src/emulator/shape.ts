import { EmulatorOptionError, refused } from './refusal.js';

/** A part of a JSON Schema. */
export type Schema = { readonly [keyword: string]: unknown };

/** What a value has to look like: said once, for the check and for the published JSON Schema. */
export interface Shape {
  /** In words, after "must be", such as `a whole number from 1 to 64`. */
  readonly accepted: string;
  readonly schema: Schema;
  /** @throws EmulatorOptionError naming the place, such as `timeline[2].at`, for a value that does not fit */
  readonly check: (value: unknown, path: string) => void;
}

/** A shape that needs no more than a look at the value. */
export function simple(accepted: string, schema: Schema, fits: (value: unknown) => boolean): Shape {
  return {
    accepted,
    schema,
    check(value, path) {
      if (!fits(value)) throw refused(path, accepted, value);
    },
  };
}

/** A shape that the JSON Schema defines once, under this name. */
export function named(name: string, shape: Shape): Shape & { readonly definition: Schema } {
  return { ...shape, schema: { $ref: `#/$defs/${name}` }, definition: shape.schema };
}

/** Text that matches, or any. */
export function text(accepted = 'text', pattern?: RegExp): Shape {
  const schema = {
    type: 'string',
    ...(pattern === undefined ? {} : { pattern: pattern.source, description: accepted }),
  };
  return simple(accepted, schema, (value) => typeof value === 'string' && (pattern?.test(value) ?? true));
}

/** One of some words or numbers. */
export function oneOf(...choices: readonly (string | number)[]): Shape {
  const names = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice)));
  const accepted = names.length === 1 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  return simple(accepted, { enum: choices }, (value) => choices.some((choice) => choice === value));
}

/** A whole number. */
export function wholeNumber(least: number, most: number): Shape {
  return simple(
    `a whole number from ${least} to ${most}`,
    { type: 'integer', minimum: least, maximum: most },
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most,
  );
}

/** A number, whole or not, that is at least or more than `least` and at most `most`. */
export function numberBetween(least: number, most: number, bound: 'at least' | 'more than' = 'at least'): Shape {
  const minimum = bound === 'at least' ? { minimum: least } : { exclusiveMinimum: least };
  return simple(
    `a number that is ${bound} ${least} and at most ${most}`,
    { type: 'number', ...minimum, maximum: most },
    (value) => typeof value === 'number' && value <= most && (bound === 'at least' ? value >= least : value > least),
  );
}

/** What any of these shapes accepts. */
export function either(accepted: string, ...shapes: readonly Shape[]): Shape {
  const fits = (shape: Shape, value: unknown): boolean => {
    try {
      shape.check(value, '');
      return true;
    } catch {
      return false;
    }
  };
  const schema = { anyOf: shapes.map((shape) => shape.schema) };
  return simple(accepted, schema, (value) => shapes.some((shape) => fits(shape, value)));
}

/** An array, of one item or more if `least` is 1. */
export function list(item: Shape, least: 0 | 1 = 0): Shape {
  const accepted = `a list, each item ${item.accepted}`;
  return {
    accepted,
    schema: { type: 'array', items: item.schema, ...(least === 0 ? {} : { minItems: least }) },
    check(value, path) {
      if (!Array.isArray(value) || value.length < least) throw refused(path, accepted, value);
      for (const [index, one] of value.entries()) item.check(one, `${path}[${index}]`);
    },
  };
}

/** An object with these fields and no other; one that is `undefined` is not there. */
export function fields(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  const all = { ...required, ...optional };
  const names = Object.keys(all);
  const accepted = `an object${names.length === 0 ? '' : ` of ${names.join(', ')}`}`;
  return {
    accepted,
    schema: {
      type: 'object',
      properties: Object.fromEntries(Object.entries(all).map(([name, { schema }]) => [name, schema])),
      required: Object.keys(required),
      additionalProperties: false,
    },
    check(value, path) {
      const given = objectAt(value, path, accepted);
      for (const name of Object.keys(given)) {
        if (!Object.hasOwn(all, name)) {
          throw new EmulatorOptionError(`${member(path, name)} is not known here; known are ${names.join(', ')}`);
        }
      }
      for (const [name, shape] of Object.entries(all)) {
        const one = given[name];
        if (one !== undefined) shape.check(one, member(path, name));
        else if (Object.hasOwn(required, name)) {
          throw new EmulatorOptionError(`${member(path, name)} is missing; it must be ${shape.accepted}`);
        }
      }
    },
  };
}

/** Objects told apart by one field: for each of its values what else there must and may be. */
export function variants(
  key: string,
  of: Readonly<
    Record<string, readonly [required: Readonly<Record<string, Shape>>, optional: Readonly<Record<string, Shape>>]>
  >,
  common: Readonly<Record<string, Shape>> = {},
): Shape {
  const names = oneOf(...Object.keys(of));
  const shapes = new Map(
    Object.entries(of).map(([name, [required, optional]]) => [
      name,
      fields(
        { [key]: simple(`'${name}'`, { const: name }, (value) => value === name), ...required },
        { ...common, ...optional },
      ),
    ]),
  );
  const accepted = `an object with ${key}: ${names.accepted}`;
  return {
    accepted,
    schema: { oneOf: [...shapes.values()].map(({ schema }) => schema) },
    check(value, path) {
      const name = objectAt(value, path, accepted)[key];
      if (name === undefined)
        throw new EmulatorOptionError(`${member(path, key)} is missing; it must be ${names.accepted}`);
      names.check(name, member(path, key));
      shapes.get(String(name))?.check(value, path);
    },
  };
}

/** The value as an object that is no array. */
export function objectAt(value: unknown, path: string, accepted: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw refused(path === '' ? 'it' : path, accepted, value);
}

/** `timeline[0].at`, `tree["placement/region"]` */
export function member(path: string, name: string): string {
  if (!/^[\w$]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
