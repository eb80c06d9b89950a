import { Faults } from './fault-list.js';
import {
  askForHops,
  defaultOptions,
  type HopsOfCaller,
  type InstanceOptions,
  type InstanceSettings,
  withSettings,
} from './instance-options.js';
import { SessionTokens } from './tokens.js';
import type { MetadataTree } from './tree.js';

/** Where the callers are: as far as the option `hops` pretends, or as far as they are in `imds lab`. */
export type Network =
  | { readonly kind: 'pretended' }
  | { readonly kind: 'lab'; readonly place: string; readonly hops: number };

const pretended: Network = { kind: 'pretended' };
/** Of whom the table keeps what a function `hops` gave. */
const mostCallers = 100;

/** The emulated instance: all that requests read, and that events and callers change. */
export class State {
  readonly launched: Date;
  readonly tree: MetadataTree;
  /** The tree as it was by the scenario alone. */
  readonly ofScenario: MetadataTree;
  readonly tokens = new SessionTokens();
  readonly faults: Faults;
  options: InstanceOptions = defaultOptions;
  /** False while it is stopped or hibernates. */
  isOn = true;
  readonly network: Network;
  #askedForHops: HopsOfCaller | undefined;
  #credentialSets = 0;

  constructor(launched: Date, trees: Pick<State, 'tree' | 'ofScenario'>, seed: number, network: Network = pretended) {
    this.launched = launched;
    this.tree = trees.tree;
    this.ofScenario = trees.ofScenario;
    this.faults = new Faults(seed);
    this.network = network;
  }

  /** Changes options, those that are not named stay; `settings` have been checked and may have other fields. */
  configure(settings: InstanceSettings): void {
    const { hops } = settings;
    if (hops !== undefined) this.#askedForHops = typeof hops === 'function' ? hops : undefined;
    this.options = withSettings(this.options, settings);
  }

  /** Routers between a caller and the instance. What a function gives is a change of the options. */
  hopsOf(caller: string): number {
    if (this.network.kind === 'lab') return this.network.hops;
    const { hops } = this.options;
    if (typeof hops === 'number') return hops;
    if (this.#askedForHops === undefined) return hops[caller] ?? hops['*'] ?? 0;
    const asked = askForHops(this.#askedForHops, caller);
    if (hops[caller] !== asked) {
      const { [caller]: _before, ...others } = hops;
      const latest = Object.entries(others).slice(1 - mostCallers);
      this.options = withSettings(this.options, { hops: { ...Object.fromEntries(latest), [caller]: asked } });
    }
    return asked;
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
