/**
 * A lab, entered from outside: agents run in its places and nothing leaves it. `alone` is without a network, as an enclave
 * is; a relay in the host forwards a Unix socket for it.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hopLimitRules } from '../../src/lab/hop-limit.js';
import { folder as labFolder } from '../../src/lab/layout.js';
import type { Agent } from './agent.js';
import { environment, start, type User } from './labs.js';
import type { Relay } from './relay.js';
import { type Offer, ownNetwork, type Remote, type Running, startBy } from './remote.js';
import type { StandIn } from './stand-in.js';

export const places = ['host', 'container', 'nested'] as const;
export type Place = (typeof places)[number];

export class World {
  /** For sockets, which every place sees; gone with the world. */
  readonly folder = mkdtempSync(join(tmpdir(), 'imds-lab-'));
  readonly #lab: ChildProcess;
  /** What enters the lab from outside. */
  readonly #entry: readonly string[];
  readonly #running = new Map<string, Running<Offer>>();
  #log = '';

  private constructor(lab: ChildProcess, entry: readonly string[]) {
    this.#lab = lab;
    this.#entry = entry;
    lab.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#log += text;
    });
    // Otherwise one test would use up the notices that the next one's firewall sends.
    for (const place of ['host', 'container'] as const)
      this.#run(place, ['sh', '-c', 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit']);
  }

  /** @param args options of `imds lab` */
  static async create(user: User, args: readonly string[] = []): Promise<World> {
    const lab = start(user, ['--verbose', 'lab', '--in', 'host', ...args, '--', 'sh', '-c', 'echo ready; cat']);
    if (!lab.stdout || !lab.pid) throw new Error('the lab has not been started');
    const [ready] = await Promise.race([once(lab.stdout, 'data'), once(lab, 'exit')]);
    if (String(ready) !== 'ready\n') throw new Error(`the lab ended with ${ready}: ${lab.stderr?.read()}`);
    const inside = childOf(childOf(lab.pid));
    const isSameUsers = readlinkSync('/proc/self/ns/user') === readlinkSync(`/proc/${inside}/ns/user`);
    const users = isSameUsers ? [] : ['--user', '--preserve-credentials'];
    const entry = ['nsenter', '--target', inside, ...users, '--net', '--mount', '--pid', '--'];
    assertApart(entry);
    return new World(lab, entry);
  }

  agent(place: Place | 'alone'): Promise<Remote<Agent>> {
    return this.#started<Agent>(place, 'agent.ts');
  }

  /** In the host. */
  relay(): Promise<Remote<Relay>> {
    return this.#started<Relay>('host', 'relay.ts');
  }

  /** Beside IMDS; it gets what is for IMDS once {@link standIn} is called. */
  async standIn(): Promise<Remote<StandIn>> {
    const remote = await this.#started<StandIn>('imds', 'stand-in.ts');
    this.#nft('imds', [
      'add table inet test',
      'add chain inet test in { type nat hook prerouting priority -100; }',
      'flush chain inet test in',
      'add rule inet test in tcp dport 80 redirect to :8080',
      'add rule inet test in udp dport 123 redirect to :1123',
      'add rule inet test in udp dport 53 redirect to :1053',
    ]);
    return remote;
  }

  limitHops(hopLimit: number): void {
    this.#nft('imds', [hopLimitRules(hopLimit)]);
  }

  /** Drops or otherwise treats packets on their way through the host, by rules of nftables. */
  filter(...rules: readonly string[]): void {
    this.#nft('host', [
      'add table inet test',
      'add chain inet test way { type filter hook prerouting priority -200; }',
      'flush chain inet test way',
      ...rules.map((rule) => `add rule inet test way ${rule}`),
    ]);
  }

  /** As every test finds it. */
  reset(): void {
    this.limitHops(1);
    this.filter();
    this.#nft('imds', ['add table inet test', 'delete table inet test']);
  }

  /** How many requests without a token there were, the last of them made for this purpose and not counted. */
  async tokenless(): Promise<number> {
    const mark = `/latest/meta-data/mark-${this.#log.length}`;
    await (await this.agent('host')).ask(mark);
    // The log comes by way of two processes.
    while (!this.#log.includes(mark)) await once(this.#lab.stderr ?? this.#lab, 'data');
    return this.#log.split('\n').filter((line) => /^\S+ {2}v1 /.test(line) && !line.includes('/mark-')).length;
  }

  async end(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ stop }) => stop()));
    rmSync(this.folder, { recursive: true, force: true });
    if (this.#lab.exitCode !== null) return;
    const exited = once(this.#lab, 'exit');
    this.#lab.stdin?.end();
    await exited;
  }

  #within(place: Place | 'alone' | 'imds'): readonly string[] {
    if (place === 'imds') return this.#entry;
    const network = place === 'alone' ? ['unshare', '--net'] : ['nsenter', `--net=${labFolder}/${place}`];
    return [...this.#entry, ...network, '--'];
  }

  #started<T extends Offer>(place: Place | 'alone' | 'imds', program: string): Promise<Remote<T>> {
    const name = `${place} ${program}`;
    const running = this.#running.get(name) ?? startBy<T>(this.#within(place), program);
    this.#running.set(name, running);
    // Of this name there is nothing else.
    return running.remote as Promise<Remote<T>>;
  }

  #run(place: Place | 'imds', command: readonly string[], input = ''): void {
    const [program = '', ...args] = [...this.#within(place), ...command];
    execFileSync(program, args, { input, env: environment(), stdio: ['pipe', 'ignore', 'inherit'] });
  }

  #nft(place: Place | 'imds', lines: readonly string[]): void {
    this.#run(place, ['nft', '-f', '-'], `${lines.join('\n')}\n`);
  }
}

/** Nothing is ever run by a command that stays in the network of whoever runs the tests. */
function assertApart([program = '', ...args]: readonly string[]): void {
  const network = execFileSync(program, [...args, 'readlink', '/proc/self/ns/net'], { encoding: 'utf8' }).trim();
  if (network === ownNetwork) throw new Error(`${program} ${args.join(' ')} does not leave this network`);
}

/** The one child of a process. */
function childOf(pid: number | string): string {
  const [child = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  if (child === '') throw new Error(`process ${pid} has no child`);
  return child;
}
