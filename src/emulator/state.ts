import { Faults } from './fault-list.js';
import type { InstanceOptions } from './instance-options.js';
import { SessionTokens } from './tokens.js';
import type { MetadataTree } from './tree.js';

/** Where the callers are: as far as the option `hops` pretends, or as far as they are in `imds lab`. */
export type Network =
  | { readonly kind: 'pretended' }
  | { readonly kind: 'lab'; readonly place: string; readonly hops: number };

const pretended: Network = { kind: 'pretended' };

/** The emulated instance: all that requests read, and that events and callers change. */
export class State {
  readonly launched: Date;
  readonly tree: MetadataTree;
  /** The tree as it was by the scenario alone. */
  readonly ofScenario: MetadataTree;
  readonly tokens = new SessionTokens();
  readonly faults: Faults;
  options: InstanceOptions;
  /** False while it is stopped or hibernates. */
  isOn = true;
  readonly network: Network;
  #credentialSets = 0;

  constructor(start: {
    launched: Date;
    tree: MetadataTree;
    ofScenario: MetadataTree;
    options: InstanceOptions;
    seed: number;
    network?: Network | undefined;
  }) {
    this.launched = start.launched;
    this.tree = start.tree;
    this.ofScenario = start.ofScenario;
    this.options = start.options;
    this.faults = new Faults(start.seed);
    this.network = start.network ?? pretended;
  }

  /** Routers between a caller and the instance. */
  hopsOf(caller: string): number {
    if (this.network.kind === 'lab') return this.network.hops;
    const { hops } = this.options;
    return typeof hops === 'number' ? hops : (hops[caller] ?? hops['*'] ?? 0);
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
