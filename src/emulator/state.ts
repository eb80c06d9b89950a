import { Faults } from './fault-list.js';
import type { InstanceOptions } from './instance-options.js';
import { SessionTokens } from './tokens.js';
import type { MetadataTree } from './tree.js';

/** The emulated instance: all that requests read, and that events and callers change. */
export class State {
  readonly launched: Date;
  readonly tree: MetadataTree;
  readonly tokens = new SessionTokens();
  readonly faults: Faults;
  options: InstanceOptions;
  /** False while it is stopped or hibernates. */
  isOn = true;
  #credentialSets = 0;

  constructor(start: { launched: Date; tree: MetadataTree; options: InstanceOptions; seed: number }) {
    this.launched = start.launched;
    this.tree = start.tree;
    this.options = start.options;
    this.faults = new Faults(start.seed);
  }

  /** Number of the next set of role credentials. */
  nextSerial(): number {
    this.#credentialSets += 1;
    return this.#credentialSets;
  }

  /** Why nobody listens, if so. */
  absence(now: number): 'instance off' | 'fault: refuse' | undefined {
    if (!this.isOn) return 'instance off';
    return this.faults.isRefusing(now) ? 'fault: refuse' : undefined;
  }
}
