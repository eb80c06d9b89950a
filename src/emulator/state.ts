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

/** The distance of callers: as in the option `hops`, or their real one in `imds lab`. */
export type Network =
  | { readonly kind: 'pretended' }
  | { readonly kind: 'lab'; readonly place: string; readonly hops: number };

const pretended: Network = { kind: 'pretended' };
/** The number of callers in the table of results of a function `hops`. */
const mostCallers = 100;

/** The emulated instance: everything that requests read, and that events and callers change. */
export class State {
  readonly launched: Date;
  readonly tree: MetadataTree;
  /** The tree as the scenario set it. */
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

  /** Changes options and keeps those not named; `settings` have been checked and may have other fields. */
  configure(settings: InstanceSettings): void {
    const { hops } = settings;
    if (hops !== undefined) this.#askedForHops = typeof hops === 'function' ? hops : undefined;
    this.options = withSettings(this.options, settings);
  }

  /** Routers between a caller and the instance. The result of a function changes the options. */
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

  /** The reason that nothing listens, if so. */
  absence(now: number): 'instance off' | 'fault: refuse' | undefined {
    if (!this.isOn) return 'instance off';
    return this.faults.isRefusing(now) ? 'fault: refuse' : undefined;
  }
}
