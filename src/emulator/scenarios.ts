import { EmulatorOptionError } from './option-error.js';
import { parseScenario, type Scenario } from './scenario.js';
import ready from './scenarios.json' with { type: 'json' };

type Described = Scenario & { readonly description: string };

/** Keeps only the names, so that the published types do not repeat the file. */
const named = <Name extends string>(all: Readonly<Record<Name, object>>) => all as Readonly<Record<Name, Described>>;

/** The built-in scenarios by name. Each begins when the emulator starts. */
export const scenarios = named(ready);

export type ScenarioName = keyof typeof scenarios;

/** A scenario by its name, or the given one, checked. */
export function scenarioOf(given: unknown): Scenario {
  if (given === undefined) return {};
  if (typeof given !== 'string') return parseScenario(given);
  const found = Object.entries(scenarios).find(([name]) => name === given);
  if (found !== undefined) return parseScenario(found[1]);
  const names = Object.keys(scenarios).join(', ');
  throw new EmulatorOptionError(`there is no scenario '${given}'; the scenarios are ${names}`);
}
