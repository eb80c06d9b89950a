/** A scenario as the service gives it: `base` is always there, and so are the others, though they may be empty. */
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

/** Without what is empty, and the base that is the default. */
function essence(scenario: Scenario): Partial<Scenario> {
  const said = Object.entries(scenario).filter(
    ([name, value]) => !isEmpty(value) && !(name === 'base' && value === 'instance'),
  );
  return Object.fromEntries(said);
}

/** The state as a program in JavaScript. */
export function codeOf(scenario: Scenario): string {
  const { options = {}, ...rest } = essence(scenario);
  const given = { ...options, ...(isEmpty(rest) ? {} : { scenario: rest }) };
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

/** The state as a command. What no flag says is in a scenario file. */
export function flagsOf(scenario: Scenario): string {
  const { options = {}, ...rest } = essence(scenario);
  // The generation of the hypervisor has no flag.
  if (!isEmpty(rest) || 'system' in options)
    return '# No flags say all of it: save "Scenario file" as scenario.json.\nnpx imds emulate --scenario scenario.json\n';
  const flagOf = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const flags = Object.entries(options).flatMap(([name, value]) => {
    const values = typeof value === 'object' ? Object.entries(value).map((pair) => `'${pair.join('=')}'`) : [value];
    return values.map((one) => ` --${flagOf(name)} ${one}`);
  });
  return `npx imds emulate${flags.join('')}\n`;
}
