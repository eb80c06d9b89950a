import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ImdsNotFoundError } from '../../../src/errors.js';
import type { CallOptions } from '../../../src/metadata/accessor.js';
import { type Categories, table } from '../../../src/metadata/categories.js';
import type { Category } from '../../../src/metadata/category.js';
import { bindOnDemand } from '../../../src/metadata/rows.js';
import { NetworkInterfaces, type NetworkReader } from '../../../src/network/interfaces.js';

const directory = '/latest/meta-data/network/interfaces/macs/';
const primary = '0e:49:61:0f:c3:11';
const second = '0e:49:61:0f:c3:77';
const third = '0e:49:61:0f:c3:99';
const fourth = '0e:49:61:0f:c3:aa';

type Leaves = Readonly<Record<string, string>>;

/** The required properties of an interface. */
const required: Leaves = {
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
const device = (number: number, more?: Leaves): Leaves => ({ ...required, 'device-number': `${number}`, ...more });

const networkInterfaces = (service: Service, rest: () => CallOptions = () => ({})) => service.interfaces.read(rest);

/** A reader that answers with bodies by path; listings follow from them unless set. */
class Service implements NetworkReader {
  readonly mac: NetworkReader['mac'];
  readonly network: NetworkReader['network'];
  readonly asked: (CallOptions & { readonly path: string })[] = [];
  /** Called with the path before each answer. */
  meanwhile: (path: string) => void = () => {};
  time = 0;
  readonly interfaces = new NetworkInterfaces(this, () => this.time);
  /** Paths whose answer has not come yet. */
  readonly underWay = new Set<string>();
  readonly #bodies = new Map<string, string>([['/latest/meta-data/mac', primary]]);

  constructor(interfaces: Readonly<Record<string, Leaves>>) {
    for (const [mac, leaves] of Object.entries(interfaces))
      for (const [leaf, body] of Object.entries(leaves)) this.set(`${mac}/${leaf}`, body);
    const accessors = {} as Categories;
    bindOnDemand(accessors, table, (category, options) => this.#answer(category, options));
    ({ mac: this.mac, network: this.network } = accessors);
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
    this.underWay.add(path);
    await new Promise(setImmediate);
    this.meanwhile(path);
    this.underWay.delete(path);
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
  describe('sorts interfaces', () => {
    const orders: Readonly<Record<string, Readonly<Record<string, Leaves>>>> = {
      'the primary one first, even if others are device 0 of their cards': {
        [second]: device(0, { 'network-card': '1' }),
        [primary]: device(0, { 'network-card': '0' }),
      },
      'then by device number': {
        [third]: device(10),
        [second]: device(9),
        [primary]: device(0),
      },
      'and by network card before that': {
        [fourth]: device(0, { 'network-card': '2' }),
        [third]: device(1, { 'network-card': '1' }),
        [second]: device(2, { 'network-card': '0' }),
        [primary]: device(0, { 'network-card': '0' }),
      },
      'the primary one first, even without a number yet': {
        [second]: device(1),
        [primary]: { 'interface-id': 'eni-0f95d3625f5c521cc' },
      },
      'others without a number last': {
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

  describe('gives an interface', () => {
    const only = async (leaves: Leaves) => {
      const [found, ...others] = await networkInterfaces(new Service({ [primary]: leaves }));
      assert.ok(found?.isComplete && others.length === 0);
      return found;
    };

    it('with the required properties, and without absent ones', async () => {
      assert.deepEqual(await only(required), {
        mac: primary,
        isPrimary: true,
        isComplete: true,
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

    it('without an empty public name: the VPC gives no DNS names', async () => {
      assert.ok(!('publicHostname' in (await only({ ...required, 'public-hostname': '' }))));
    });

    it('with an empty list for an optional one that is empty', async () => {
      assert.deepEqual((await only({ ...required, ipv6s: '' })).ipv6s, []);
    });

    it('with private addresses by the public one, whatever its name', async () => {
      const { ipv4Associations } = await only({ ...required, 'ipv4-associations/__proto__': '10.0.1.10\n10.0.1.11' });
      assert.deepEqual(Object.entries(ipv4Associations ?? {}), [['__proto__', ['10.0.1.10', '10.0.1.11']]]);
    });

    it('deeply frozen', async () => {
      const found = await only({ ...required, 'ipv4-associations/192.0.2.54': '10.0.1.10' });
      const parts = [found, found.securityGroups, found.ipv4Associations, found.ipv4Associations?.['192.0.2.54']];
      assert.deepEqual(
        parts.map((part) => part !== undefined && Object.isFrozen(part)),
        [true, true, true, true],
      );
      assert.ok(Object.isFrozen(await networkInterfaces(new Service({ [primary]: required }))));
    });
  });

  describe('marks an interface as settling', () => {
    const settling = async (service: Service) => {
      const [first, found, ...others] = await networkInterfaces(service);
      assert.deepEqual([first?.mac, first?.isSettling, others], [primary, false, []]);
      assert.ok(found?.isSettling);
      return found;
    };

    for (const leaf of Object.keys(required)) {
      it(`while ${leaf} is not listed`, async () => {
        const { [leaf]: _, ...others } = device(1);
        await settling(new Service({ [primary]: required, [second]: others }));
      });

      it(`while ${leaf} is empty`, async () => {
        await settling(new Service({ [primary]: required, [second]: device(1, { [leaf]: '' }) }));
      });
    }

    const unreadable: Readonly<Record<string, Leaves>> = {
      'local-ipv4s': {},
      'network-card': {},
      'ipv4-associations/': {},
      'ipv4-associations/192.0.2.54': { 'ipv4-associations/': '192.0.2.54' },
    };
    for (const [path, listings] of Object.entries(unreadable))
      it(`while ${path} is listed, but missing`, async () => {
        const service = new Service({ [primary]: required, [second]: device(1, listings) });
        service.set(`${second}/`, [...Object.keys(required), path.replace(/\/.*/, '/')].join('\n'));
        await settling(service);
      });

    it('while it is device 0 without being primary, and leaves out the number', async () => {
      const found = await settling(new Service({ [primary]: required, [second]: required }));
      assert.deepEqual([found.networkCard, found.deviceNumber], [0, undefined]);
    });

    it('while it has no network card and others have one', async () => {
      const found = await settling(new Service({ [primary]: device(0, { 'network-card': '0' }), [second]: device(1) }));
      assert.deepEqual([found.networkCard, found.deviceNumber], [undefined, 1]);
    });

    it('while only its MAC address is known', async () => {
      const service = new Service({ [primary]: required });
      service.set('', `${primary}/\n${second}/`);
      assert.deepEqual(await settling(service), {
        mac: second,
        isPrimary: false,
        isComplete: false,
        isSettling: true,
        networkCard: 0,
      });
    });
  });

  describe('takes what is missing for absent', () => {
    const { 'vpc-ipv4-cidr-blocks': _, ...lacking } = required;
    const at = async (service: Service, time: number) => {
      service.time = time;
      service.asked.length = 0;
      const [found, ...others] = await networkInterfaces(service);
      assert.ok(found && others.length === 0);
      const readsAgain = service.asked.some(({ fresh }) => fresh);
      return [found.isComplete, found.isSettling, readsAgain];
    };

    it('a minute after the interface was first seen, and reads it as any other', async () => {
      const service = new Service({ [primary]: lacking });
      assert.deepEqual(await at(service, 5), [false, true, true]);
      assert.deepEqual(await at(service, 60_004), [false, true, true]);
      assert.deepEqual(await at(service, 60_005), [false, false, false]);
      service.set(`${primary}/vpc-ipv4-cidr-blocks`, '10.0.0.0/16');
      assert.deepEqual(await at(service, 60_006), [true, false, false]);
    });

    it('not of one that was complete or gone in between', async () => {
      const service = new Service({ [primary]: required });
      for (const [time, leaves] of [
        [0, lacking],
        [50_000, required],
        [100_000, lacking],
      ] as const) {
        service.detach(primary);
        for (const [leaf, body] of Object.entries(leaves)) service.set(`${primary}/${leaf}`, body);
        assert.equal((await at(service, time))[1], leaves === lacking);
      }
      assert.deepEqual(await at(service, 159_999), [false, true, true]);
      assert.deepEqual(await at(service, 160_000), [false, false, false]);
    });
  });

  describe('reads', () => {
    const pathsOf = (asked: Service['asked']) => asked.map(({ path }) => path).sort();
    const allOf = (mac: string, leaves: Leaves) => Object.keys(leaves).map((leaf) => `${mac}/${leaf}`);

    it('what is listed, except the MAC address and unknown names', async () => {
      const more = { 'ipv4-associations/192.0.2.54': '10.0.1.10', 'local-ipv4s': '10.0.1.10' };
      const service = new Service({
        [primary]: { ...required, ...more, mac: primary, profile: 'default', 'new-leaf': '1' },
      });
      await networkInterfaces(service);
      const directories = ['', `${primary}/`, `${primary}/ipv4-associations/`];
      assert.deepEqual(
        pathsOf(service.asked),
        ['/latest/meta-data/mac', ...directories, ...allOf(primary, { ...required, ...more })].sort(),
      );
    });

    it('a settling interface again, bypassing the cache, and nothing else', async () => {
      const service = new Service({ [primary]: required, [second]: device(0) });
      const isSecondListing = () => service.asked.filter(({ path }) => path === '').length === 2;
      service.meanwhile = (path) => path === '' && isSecondListing() && service.set(`${second}/device-number`, '1');
      const [, found] = await networkInterfaces(service);
      assert.deepEqual([found?.isSettling, found?.deviceNumber], [false, 1]);
      assert.deepEqual(
        pathsOf(service.asked.filter(({ fresh }) => fresh)),
        ['', `${second}/`, ...allOf(second, required)].sort(),
      );
    });

    it('everything bypassing the cache with fresh', async () => {
      const service = new Service({ [primary]: required });
      await networkInterfaces(service, () => ({ fresh: true }));
      assert.deepEqual(
        service.asked.filter(({ fresh }) => fresh !== true),
        [],
      );
    });

    it('one interface after another, its values at once', async () => {
      const interfaces = [primary, second, third, fourth].map((mac, number) => [mac, device(number)]);
      const service = new Service(Object.fromEntries(interfaces));
      let most = 0;
      service.meanwhile = () => {
        const macs = new Set([...service.underWay].map((path) => path.split('/')[0]));
        assert.ok(macs.size === 1 || service.asked.length <= 2, [...service.underWay].join(' '));
        most = Math.max(most, service.underWay.size);
      };
      assert.equal((await networkInterfaces(service)).length, 4);
      assert.equal(most, Object.keys(required).length);
    });

    it('each value with options of its own, taken when it is read', async () => {
      const service = new Service({ [primary]: required, [second]: device(0) });
      let left = 1000;
      await networkInterfaces(service, () => ({ deadlineMs: left-- }));
      assert.deepEqual(
        service.asked.map(({ deadlineMs }) => deadlineMs),
        service.asked.map((_, index) => 1000 - index),
      );
    });
  });

  describe('leaves out an interface that is detached', () => {
    const paths = [`${second}/`, `${second}/subnet-id`, `${second}/vpc-ipv4-cidr-blocks`];
    for (const when of paths)
      it(`when ${when.replace(second, 'MAC')} is read`, async () => {
        const service = new Service({ [primary]: required, [second]: device(1), [third]: device(2) });
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

    it('while another one is read again', async () => {
      const service = new Service({ [primary]: required, [second]: device(1), [third]: device(0) });
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
      ['without', {}],
      ['with', { signal: new AbortController().signal }],
    ] as const)
      it(`with the error of any answer but a 404, and reads no more, ${whose} a signal`, async () => {
        const service = new Service(interfaces);
        const failure = new Error('refused');
        service.meanwhile = (path) => {
          if (path.endsWith('/subnet-id')) throw failure;
        };
        await assert.rejects(
          networkInterfaces(service, () => options),
          (error) => error === failure,
        );
        await readsNoMore(service);
      });

    async function readsNoMore(service: Service): Promise<void> {
      const asked = service.asked.length;
      for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
      assert.equal(service.asked.length, asked);
    }

    it('when an answer is not what its category promises', async () => {
      const service = new Service({ ...interfaces, [second]: device(1, { 'device-number': 'one' }) });
      await assert.rejects(networkInterfaces(service), { code: 'ERR_IMDS_DECODE' });
    });

    it('when the MAC address of the instance or the list of interfaces is missing', async () => {
      const service = new Service({});
      await assert.rejects(networkInterfaces(service), { code: 'ERR_IMDS_NOT_FOUND' });
    });

    it('when the list contains something that cannot be a MAC address', async () => {
      const service = new Service(interfaces);
      service.set('', `${primary}/\n<!DOCTYPE html>`);
      await assert.rejects(networkInterfaces(service), {
        code: 'ERR_IMDS_DECODE',
        message: `Expected names of one path segment each from ${directory}, got something else`,
      });
    });

    it('when the list of public addresses contains something that cannot be one', async () => {
      const service = new Service({ [primary]: device(0, { 'ipv4-associations/192.0.2.54': '10.0.1.10' }) });
      service.set(`${primary}/ipv4-associations/`, '192.0.2.54\n..');
      await assert.rejects(networkInterfaces(service), { code: 'ERR_IMDS_DECODE' });
    });

    it('with the reason of its signal, and reads no more', async () => {
      const service = new Service(interfaces);
      const caller = new AbortController();
      service.meanwhile = () => service.asked.length >= 20 && caller.abort('enough');
      await assert.rejects(
        networkInterfaces(service, () => ({ signal: caller.signal })),
        (reason) => reason === 'enough',
      );
      await readsNoMore(service);
    });
  });
});
