import { Argument, type Command, Option } from 'commander';
import type { Imds, ImdsOptions } from '../index.js';
import type { Io } from './io.js';
import { glossary } from './layout.js';
import { oneOf, someText } from './options.js';
import type { Paint } from './output.js';

/** Passed to a command in addition to its own options and argument. */
export interface Context {
  readonly io: Io;
  /** For standard output. */
  readonly paint: Paint;
  /** For standard error. */
  readonly paintStderr: Paint;
  /** Aborted by Ctrl-C, for waits on anything but a client. The exit code is then 130, whatever is thrown. */
  readonly signal: AbortSignal;
  /** The options that every command takes. */
  readonly globals: { readonly endpoint?: string; readonly verbose?: true };
  /**
   * A client with the settings of the global options, closed when the command ends or is interrupted.
   *
   * @param options of the command itself
   */
  connect(options?: ImdsOptions): Imds;
}

/** Help text, accepted values (some words, or what a function parses), and an option that excludes this one. */
type Row = string | readonly [help: string, takes?: readonly string[] | Takes | undefined, excludedBy?: string];

type Takes = (text: string, flag: string, earlier?: never) => unknown;

/** Options by their flags. One without a text is hidden from the help. */
export type Options = Readonly<Record<string, Row>>;

/** The values that were given: `{ ttl?: number }` for `{ '--ttl <seconds>': ['…', wholeNumber(…)] }`. */
export type Given<All extends Options> = {
  readonly [Flags in keyof All as NameOf<Flags>]?:
    | (Flags extends `--no-${string}` ? boolean : Flags extends `${string}<${string}` ? never : true)
    | (Flags extends `${string}${'<' | '['}${string}` ? Value<Flags, All[Flags]> : never)
    | undefined;
};

type NameOf<Flags> = Flags extends `${string}--no-${infer Name}` | `${string}--${infer Name}`
  ? Camel<Name extends `${infer Word} ${string}` ? Word : Name>
  : never;

type Camel<Name extends string> = Name extends `${infer Word}-${infer Rest}`
  ? `${Word}${Capitalize<Camel<Rest>>}`
  : Name;

type Value<Form, Taken> = Taken extends readonly [string, (...args: never) => infer Read, ...unknown[]]
  ? Read
  : Listed<Form, Taken extends readonly [string, readonly (infer Word)[], ...unknown[]] ? Word : string>;

type Listed<Form, Item> = Form extends `<${string}...>`
  ? readonly [Item, ...Item[]]
  : Form extends `${string}...]`
    ? readonly Item[]
    : Item | (Form extends `[${string}` ? undefined : never);

type Argumented<Only extends Options> = Value<keyof Only, Only[keyof Only]>;

/** A command: its help, its argument and options, and its action. */
interface Declaration<All extends Options, Only extends Options> {
  readonly summary: string;
  readonly text: string;
  /** Command lines, each with its purpose. */
  readonly examples: Readonly<Record<string, string>>;
  /** The one argument by its form, such as `<path...>`. */
  readonly argument?: Only;
  readonly options?: All;
  /** Imports on demand parts that only it needs: start-up time counts. Returns an exit code other than 0. */
  run(context: Context, options: Given<All>, argument: Argumented<Only>): Promise<unknown>;
}

/** Makes a commander action from a function that gets the context. */
export type Run = <Args extends unknown[]>(
  body: (context: Context, ...args: Args) => Promise<unknown>,
) => (...args: Args) => Promise<void>;

export type AddCommand = (program: Command, name: string, run: Run) => void;

export const command =
  <const All extends Options, const Only extends Options>(declared: Declaration<All, Only>): AddCommand =>
  (program, name, run) => {
    const { summary, text, examples, argument = {}, options = {} } = declared;
    const added = program.command(name).summary(summary).description(withExamples(text, examples));
    for (const [form, row] of Object.entries<Row>(argument)) {
      const [text, takes] = partsOf(row);
      added.addArgument(taking(new Argument(form, text), takes, name));
    }
    addOptions(added, options);
    // Commander passes the argument, if there is one, the options and itself.
    const body = (context: Context, ...given: unknown[]) =>
      declared.run(context, given.at(-2) as Given<All>, given.at(-3) as Argumented<Only>);
    added.action(run(body));
  };

export function addOptions(to: Command, options: Options): void {
  for (const [flags, row] of Object.entries(options)) {
    const [text, takes, excludedBy] = partsOf(row);
    const option = new Option(flags, text).hideHelp(text === '');
    if (excludedBy) option.conflicts(excludedBy);
    to.addOption(taking(option, takes ?? (option.required ? someText : undefined), option.long ?? flags));
  }
}

const partsOf = (row: Row): Exclude<Row, string> => (typeof row === 'string' ? [row] : row);

/** Makes an option or argument accept the values of its row. */
function taking<T extends Option | Argument>(taken: T, takes: Exclude<Row, string>[1], flag: string): T {
  if (!takes) return taken;
  if (typeof takes === 'function')
    return Object.assign(taken, { parseArg: (text: string, earlier: never) => takes(text, flag, earlier) });
  const word = oneOf(takes);
  const parseArg = (text: string, earlier: readonly string[] = []) =>
    taken.variadic ? [...earlier, word(text, flag)] : word(text, flag);
  return Object.assign(taken, { argChoices: takes, parseArg });
}

/** A description with examples: command lines, each with its purpose. */
export const withExamples = (text: string, examples: Readonly<Record<string, string>>): string =>
  [text, '', 'Examples:', ...glossary(examples)].join('\n');
