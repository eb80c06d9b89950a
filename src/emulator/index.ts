import { Emulator } from './emulator.js';
import type { EmulatorOptions } from './options.js';

export type { Duration } from './clock.js';
export type { Emulator } from './emulator.js';
export type { SeenEvent, TimelineEntry, TimelineEvent } from './events.js';
export type { FaultHandle } from './fault-list.js';
export type { Fault } from './faults.js';
export type {
  HopsByCaller,
  HopsOfCaller,
  InstanceOptions,
  InstanceSettings,
  ScenarioOptions,
} from './instance-options.js';
export type { SeenRequest } from './journal.js';
export { EmulatorOptionError } from './option-error.js';
export type { ControlOptions, EmulatorOptions } from './options.js';
export { parseScenario, type Scenario } from './scenario.js';
export { type ScenarioName, scenarios } from './scenarios.js';
export type { Tree, Value } from './tree.js';
export type { JsonTree } from './values.js';

/**
 * Starts an emulator of the EC2 instance metadata service, on a free port of the loopback interface unless told
 * otherwise. It keeps the process alive until it is closed.
 *
 * @throws EmulatorOptionError for an unusable option, the system error if it cannot listen
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
 * @example
 * await using emulator = await createEmulator({ httpTokens: 'required' });
 * await fetch(`${emulator.url}/latest/meta-data/instance-id`); // 401
 */
export function createEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  return Emulator.start(options);
}
