/** A scenario from the service: all fields are present, though some may be empty. */
export interface Scenario {
  readonly base: string;
  readonly options: Readonly<Record<string, string | number | Readonly<Record<string, number>>>>;
  readonly tree: object;
  readonly timeline: readonly unknown[];
  readonly faults: readonly unknown[];
  readonly seed?: number;
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Without empty fields and a default base. */
function essence(scenario: Scenario): Partial<Scenario> {
  const said = Object.entries(scenario).filter(
    ([name, value]) => !isEmpty(value) && !(name === 'base' && value === 'instance'),
  );
  return Object.fromEntries(said);
}

/** The state to copy. */
interface Present {
  readonly scenario: Scenario;
  /** Speed of the clock; 0 while paused. */
  readonly speed: number;
  /** The caller's place, in a lab. */
  readonly place: string | undefined;
}

/** A form of the state, and a description of what it lacks. */
interface Form {
  text(present: Present): string;
  leftOut(present: Present): string;
}

export const forms = {
  'Scenario file': {
    text: ({ scenario }) => fileOf(scenario),
    leftOut: () => 'Left out: the speed of the clock, addresses, ports, and whether identity documents are signed.',
  },
  'createEmulator()': { text: codeOf, leftOut: () => 'Left out: addresses, ports, and signIdentity.' },
  'Command line': {
    text: commandOf,
    leftOut({ speed, place }) {
      const others = place === undefined ? '--host, --allow-host, --port' : '--trouble, --internet';
      const pause = speed === 0 ? ', and the pause: no flag stops the clock' : '';
      return `For bash and other POSIX shells. Left out: ${others} and --sign-identity${pause}.`;
    },
  },
} satisfies Readonly<Record<string, Form>>;

const fileOf = (scenario: Scenario): string => `${JSON.stringify(scenario, undefined, 2)}\n`;

/** The state as a JavaScript program. */
function codeOf({ scenario, speed }: Present): string {
  const { options = {}, ...rest } = essence(scenario);
  const given = { ...options, ...(speed === 1 ? {} : { speed }), ...(isEmpty(rest) ? {} : { scenario: rest }) };
  const argument = isEmpty(given) ? '' : literal(given, '');
  return `import { createEmulator } from 'imds/emulator';\n\nconst emulator = await createEmulator(${argument});\n`;
}

const quoted = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

function literal(value: unknown, indent: string): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const inner = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item) => literal(item, inner))
    : Object.entries(value).map(
        ([name, item]) => `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name)}: ${literal(item, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (items.length === 0) return `${open}${close}`;
  return `${open}\n${items.map((item) => `${inner}${item},\n`).join('')}${indent}${close}`;
}

/** The state as a command, with the scenario on its standard input if flags are not enough. */
function commandOf({ scenario, speed, place }: Present): string {
  const { options = {}, ...rest } = essence(scenario);
  const pace = speed === 0 || speed === 1 ? '' : ` --speed ${speed}`;
  const command = `npx imds ${place === undefined ? 'emulate' : `lab --in ${place}`}${pace}`;
  // The hypervisor generation has no flag.
  if (isEmpty(rest) && !('system' in options)) return `${command}${flagsOf(options)}\n`;
  // A lab's standard input is for its shell.
  if (place !== undefined) return `# Save "Scenario file" as scenario.json.\n${command} --scenario scenario.json\n`;
  return `${command} --scenario - <<'EOF'\n${fileOf(scenario)}EOF\n`;
}

// The name of a network interface in an address can have quotes.
const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function flagsOf(options: Scenario['options']): string {
  const flagOf = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const flags = Object.entries(options).flatMap(([name, value]) => {
    const values = typeof value === 'object' ? Object.entries(value).map((pair) => shellWord(pair.join('='))) : [value];
    return values.map((one) => ` --${flagOf(name)} ${one}`);
  });
  return flags.join('');
}
