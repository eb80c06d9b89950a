import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ImdsNotFoundError } from '../../../src/errors.js';
import type { Accessor, CallOptions } from '../../../src/metadata/accessor.js';
import { categories } from '../../../src/metadata/categories.js';
import type { Category } from '../../../src/metadata/category.js';
import { type NetworkReader, networkInterfaces } from '../../../src/network/interfaces.js';

const directory = '/latest/meta-data/network/interfaces/macs/';
const primary = '0e:49:61:0f:c3:11';
const second = '0e:49:61:0f:c3:77';
const third = '0e:49:61:0f:c3:99';
const fourth = '0e:49:61:0f:c3:aa';

type Leaves = Readonly<Record<string, string>>;

/** All that is promised of an interface. */
const promised: Leaves = {
  'device-number': '0',
  'interface-id': 'eni-0f95d3625f5c521cc',
  'local-hostname': 'ip-10-0-1-10.ec2.internal',
  'owner-id': '123456789012',
  'security-group-ids': 'sg-0b07f8f6cb485d4df',
  'security-groups': 'web',
  'subnet-id': 'subnet-0ac62554d1e2f3a4b',
  'vpc-id': 'vpc-0a1b2c3d4e5f60718',
  'vpc-ipv4-cidr-block': '10.0.0.0/16',
  'vpc-ipv4-cidr-blocks': '10.0.0.0/16',
};
const device = (number: number, more?: Leaves): Leaves => ({ ...promised, 'device-number': `${number}`, ...more });

/** A reader whose answers are bodies by path; listings that were not set follow from them. */
class Service implements NetworkReader {
  readonly mac: NetworkReader['mac'];
  readonly network: NetworkReader['network'];
  readonly asked: (CallOptions & { readonly path: string })[] = [];
  /** Called with the path before each answer. */
  meanwhile: (path: string) => void = () => {};
  mostAtOnce = 0;
  #underWay = 0;
  readonly #bodies = new Map<string, string>([['/latest/meta-data/mac', primary]]);

  constructor(interfaces: Readonly<Record<string, Leaves>>) {
    for (const [mac, leaves] of Object.entries(interfaces))
      for (const [leaf, body] of Object.entries(leaves)) this.set(`${mac}/${leaf}`, body);
    const bind = <T>(category: Category<T>): Accessor<T> =>
      Object.assign((options?: CallOptions) => this.#answer(category, options), { category });
    ({ mac: this.mac, network: this.network } = categories(bind, {
      tags: (tags) => bind<undefined>({ ...tags, decode: () => undefined }),
      userData: (userData) => bind<undefined>({ ...userData, decode: () => undefined }),
    }));
  }

  /** Sets a leaf, such as `0e:49:61:0f:c3:11/mac`, or the listing of a directory. */
  set(path: string, body: string): void {
    this.#bodies.set(directory + path, body);
  }

  detach(mac: string): void {
    for (const path of this.#bodies.keys()) if (path.startsWith(`${directory}${mac}/`)) this.#bodies.delete(path);
  }

  async #answer<T>(category: Category<T>, options: CallOptions = {}): Promise<T> {
    options.signal?.throwIfAborted();
    const path = category.path.replace(directory, '');
    this.asked.push({ ...options, path });
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underWay);
    await new Promise(setImmediate);
    this.#underWay -= 1;
    this.meanwhile(path);
    const body = this.#bodies.get(category.path) ?? this.#listing(category.path);
    if (body === undefined) throw new ImdsNotFoundError('404', { path: category.path });
    return category.decode(Buffer.from(body));
  }

  #listing(path: string): string | undefined {
    const below = [...this.#bodies.keys()].filter((other) => path.endsWith('/') && other.startsWith(path));
    const names = new Set(below.map((other) => other.slice(path.length).replace(/\/.*$/, '/')));
    return names.size === 0 ? undefined : [...names].join('\n');
  }
}

describe('networkInterfaces()', () => {
  describe('gives interfaces in order', () => {
    const orders: Readonly<Record<string, Readonly<Record<string, Leaves>>>> = {
      'the primary one first, though others are device 0 of their cards': {
        [second]: device(0, { 'network-card': '1' }),
        [primary]: device(0, { 'network-card': '0' }),
      },
      'then by device number': {
        [third]: device(10),
        [second]: device(9),
        [primary]: device(0),
      },
      'but by network card before that': {
        [fourth]: device(0, { 'network-card': '2' }),
        [third]: device(1, { 'network-card': '1' }),
        [second]: device(2, { 'network-card': '0' }),
        [primary]: device(0, { 'network-card': '0' }),
      },
      'the primary one first, though it has no number yet': {
        [second]: device(1),
        [primary]: { 'interface-id': 'eni-0f95d3625f5c521cc' },
      },
      'other ones without a number last': {
        [third]: device(0),
        [second]: device(1),
        [primary]: device(0),
      },
    };
    for (const [title, interfaces] of Object.entries(orders))
      it(title, async () => {
        const found = await networkInterfaces(new Service(interfaces));
        assert.deepEqual(
          found.map(({ mac }) => mac),
          Object.keys(interfaces).reverse(),
        );
      });
  });

  describe('gives of an interface', () => {
    const only = async (leaves: Leaves) => {
      const [found, ...others] = await networkInterfaces(new Service({ [primary]: leaves }));
      assert.ok(found && !found.isSettling && others.length === 0);
      return found;
    };

    it('what is promised, and nothing for what is absent', async () => {
      assert.deepEqual(await only(promised), {
        mac: primary,
        isPrimary: true,
        isSettling: false,
        networkCard: 0,
        deviceNumber: 0,
        interfaceId: 'eni-0f95d3625f5c521cc',
        subnetId: 'subnet-0ac62554d1e2f3a4b',
        vpcId: 'vpc-0a1b2c3d4e5f60718',
        ownerId: '123456789012',
        localHostname: 'ip-10-0-1-10.ec2.internal',
        securityGroups: ['web'],
        securityGroupIds: ['sg-0b07f8f6cb485d4df'],
        vpcIpv4CidrBlock: '10.0.0.0/16',
        vpcIpv4CidrBlocks: ['10.0.0.0/16'],
      });
    });

    it('no public name where it is served empty: the VPC gives no DNS names', async () => {
      assert.ok(!('publicHostname' in (await only({ ...promised, 'public-hostname': '' }))));
    });

    it('an empty list where one is served that may be absent', async () => {
      assert.deepEqual((await only({ ...promised, ipv6s: '' })).ipv6s, []);
    });

    it('private addresses by the public one, however it is called', async () => {
      const { ipv4Associations } = await only({ ...promised, 'ipv4-associations/__proto__': '10.0.1.10\n10.0.1.11' });
      assert.deepEqual(Object.entries(ipv4Associations ?? {}), [['__proto__', ['10.0.1.10', '10.0.1.11']]]);
    });

    it('nothing that could be changed', async () => {
      const found = await only({ ...promised, 'ipv4-associations/192.0.2.54': '10.0.1.10' });
      const parts = [found, found.securityGroups, found.ipv4Associations, found.ipv4Associations?.['192.0.2.54']];
      assert.deepEqual(
        parts.map((part) => part !== undefined && Object.isFrozen(part)),
        [true, true, true, true],
      );
      assert.ok(Object.isFrozen(await networkInterfaces(new Service({ [primary]: promised }))));
    });
  });

  describe('marks an interface as settling', () => {
    const settling = async (service: Service) => {
      const [first, found, ...others] = await networkInterfaces(service);
      assert.deepEqual([first?.mac, first?.isSettling, others], [primary, false, []]);
      assert.ok(found?.isSettling);
      return found;
    };

    for (const leaf of Object.keys(promised)) {
      it(`while ${leaf} is not listed`, async () => {
        const { [leaf]: _, ...others } = device(1);
        await settling(new Service({ [primary]: promised, [second]: others }));
      });

      it(`while ${leaf} is empty`, async () => {
        await settling(new Service({ [primary]: promised, [second]: device(1, { [leaf]: '' }) }));
      });
    }

    const unreadable: Readonly<Record<string, Leaves>> = {
      'local-ipv4s': {},
      'network-card': {},
      'ipv4-associations/': {},
      'ipv4-associations/192.0.2.54': { 'ipv4-associations/': '192.0.2.54' },
    };
    for (const [path, listings] of Object.entries(unreadable))
      it(`while ${path} is listed, but not there`, async () => {
        const service = new Service({ [primary]: promised, [second]: device(1, listings) });
        service.set(`${second}/`, [...Object.keys(promised), path.replace(/\/.*/, '/')].join('\n'));
        await settling(service);
      });

    it('while it is device 0, which only the primary one is, and gives no number then', async () => {
      const found = await settling(new Service({ [primary]: promised, [second]: promised }));
      assert.deepEqual([found.networkCard, found.deviceNumber], [0, undefined]);
    });

    it('while it has no network card where others have one', async () => {
      const found = await settling(new Service({ [primary]: device(0, { 'network-card': '0' }), [second]: device(1) }));
      assert.deepEqual([found.networkCard, found.deviceNumber], [undefined, 1]);
    });

    it('while there is no more of it than its MAC address', async () => {
      const service = new Service({ [primary]: promised });
      service.set('', `${primary}/\n${second}/`);
      assert.deepEqual(await settling(service), { mac: second, isPrimary: false, isSettling: true, networkCard: 0 });
    });
  });

  describe('asks', () => {
    const pathsOf = (asked: Service['asked']) => asked.map(({ path }) => path).sort();
    const allOf = (mac: string, leaves: Leaves) => Object.keys(leaves).map((leaf) => `${mac}/${leaf}`);

    it('for what is listed, but neither for what it knows nor for what it does not give', async () => {
      const more = { 'ipv4-associations/192.0.2.54': '10.0.1.10', 'local-ipv4s': '10.0.1.10' };
      const service = new Service({
        [primary]: { ...promised, ...more, mac: primary, profile: 'default', 'new-leaf': '1' },
      });
      await networkInterfaces(service);
      const directories = ['', `${primary}/`, `${primary}/ipv4-associations/`];
      assert.deepEqual(
        pathsOf(service.asked),
        ['/latest/meta-data/mac', ...directories, ...allOf(primary, { ...promised, ...more })].sort(),
      );
    });

    it('again, past the cache, for what seems unfinished, and for nothing else', async () => {
      const service = new Service({ [primary]: promised, [second]: device(0) });
      const isSecondListing = () => service.asked.filter(({ path }) => path === '').length === 2;
      service.meanwhile = (path) => path === '' && isSecondListing() && service.set(`${second}/device-number`, '1');
      const [, found] = await networkInterfaces(service);
      assert.deepEqual([found?.isSettling, found?.deviceNumber], [false, 1]);
      assert.deepEqual(
        pathsOf(service.asked.filter(({ fresh }) => fresh)),
        ['', `${second}/`, ...allOf(second, promised)].sort(),
      );
    });

    it('past the cache for everything, if told to', async () => {
      const service = new Service({ [primary]: promised });
      await networkInterfaces(service, { fresh: true });
      assert.deepEqual(
        service.asked.filter(({ fresh }) => fresh !== true),
        [],
      );
    });

    it('for four things at a time', async () => {
      const interfaces = [primary, second, third, fourth].map((mac, number) => [mac, device(number)]);
      const service = new Service(Object.fromEntries(interfaces));
      await networkInterfaces(service);
      assert.equal(service.mostAtOnce, 4);
    });

    it('each time within what is left of the deadline', async () => {
      const service = new Service({ [primary]: promised });
      await networkInterfaces(service, { deadlineMs: 1000 });
      const deadlines = service.asked.map(({ deadlineMs = Number.NaN }) => deadlineMs);
      assert.ok(deadlines.every((deadline, index) => deadline <= (deadlines[index - 1] ?? 1000)));
      assert.ok((deadlines.at(-1) ?? 0) < (deadlines[0] ?? 0));
    });

    it('with the least that can be given when nothing is left of the deadline', async () => {
      const service = new Service({ [primary]: promised });
      service.meanwhile = () => {
        const begun = performance.now();
        while (performance.now() - begun < 2);
      };
      await networkInterfaces(service, { deadlineMs: 2 });
      assert.equal(service.asked.at(-1)?.deadlineMs, 1);
    });
  });

  describe('leaves out an interface that is detached', () => {
    const paths = [`${second}/`, `${second}/subnet-id`, `${second}/vpc-ipv4-cidr-blocks`];
    for (const when of paths)
      it(`when ${when.replace(second, 'MAC')} is asked for`, async () => {
        const service = new Service({ [primary]: promised, [second]: device(1), [third]: device(2) });
        service.meanwhile = (path) => path === when && service.detach(second);
        const found = await networkInterfaces(service);
        assert.deepEqual(
          found.map(({ mac, isSettling }) => [mac, isSettling]),
          [
            [primary, false],
            [third, false],
          ],
        );
      });

    it('while another one is looked at again', async () => {
      const service = new Service({ [primary]: promised, [second]: device(1), [third]: device(0) });
      service.meanwhile = () => service.asked.some(({ fresh }) => fresh) && service.detach(second);
      const found = await networkInterfaces(service);
      assert.deepEqual(
        found.map(({ mac }) => mac),
        [primary, third],
      );
    });
  });

  describe('fails', () => {
    const interfaces = Object.fromEntries([primary, second, third, fourth].map((mac, number) => [mac, device(number)]));

    for (const [whose, options] of [
      ['of nobody', {}],
      ['of the caller', { signal: new AbortController().signal }],
    ] as const)
      it(`with the error of any answer but a 404, and asks for nothing more, with a signal ${whose}`, async () => {
        const service = new Service(interfaces);
        const failure = new Error('refused');
        service.meanwhile = (path) => {
          if (path.endsWith('/subnet-id')) throw failure;
        };
        await assert.rejects(networkInterfaces(service, options), (error) => error === failure);
        await asksNoMore(service);
      });

    async function asksNoMore(service: Service): Promise<void> {
      const asked = service.asked.length;
      for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
      assert.equal(service.asked.length, asked);
    }

    it('when an answer is not what its category promises', async () => {
      const service = new Service({ ...interfaces, [second]: device(1, { 'device-number': 'one' }) });
      await assert.rejects(networkInterfaces(service), { code: 'ERR_IMDS_DECODE' });
    });

    it('when the MAC address of the instance or the list of interfaces is not there', async () => {
      const service = new Service({});
      await assert.rejects(networkInterfaces(service), { code: 'ERR_IMDS_NOT_FOUND' });
    });

    it('when what is listed can be no MAC address', async () => {
      const service = new Service(interfaces);
      service.set('', `${primary}/\n<!DOCTYPE html>`);
      await assert.rejects(networkInterfaces(service), { code: 'ERR_IMDS_PATH' });
    });

    it('with the reason of its signal, and asks for nothing more', async () => {
      const service = new Service(interfaces);
      const caller = new AbortController();
      service.meanwhile = () => service.asked.length === 20 && caller.abort('enough');
      await assert.rejects(networkInterfaces(service, { signal: caller.signal }), (reason) => reason === 'enough');
      await asksNoMore(service);
    });
  });
});
