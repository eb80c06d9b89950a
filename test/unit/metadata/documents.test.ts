import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ImdsDecodeError } from '../../../src/errors.js';
import { json } from '../../../src/metadata/decode.js';
import * as documents from '../../../src/metadata/documents.js';
import { isFrozen } from '../../support/frozen.js';

const path = '/latest/meta-data/thing';
const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** The value, or the message of the refusal. */
function outcome(shape: documents.Shape<unknown>, body: string | Buffer): unknown {
  try {
    return json(shape)(Buffer.from(body), path);
  } catch (error) {
    assert.ok(error instanceof ImdsDecodeError, inspect(error));
    assert.equal(error.cause, undefined);
    return `! ${error.message}`;
  }
}

const refused = (expected: string) => `! Expected ${expected} from ${path}, got something else`;

const event = {
  NotBefore: '21 Jan 2019 09:00:43 GMT',
  Code: 'system-reboot',
  Description: 'scheduled reboot',
  EventId: 'instance-event-0d59937288b749b32',
  NotAfter: '21 Jan 2019 09:17:23 GMT',
  State: 'active',
};
const issued = {
  Code: 'Success',
  LastUpdated: '2026-11-23T09:00:00Z',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'wJalrEXAMPLE',
  Token: 'IQoJEXAMPLE',
  Expiration: '2026-11-23T15:05:00Z',
};
const identity = {
  accountId: '189292791360',
  architecture: 'arm64',
  availabilityZone: 'ap-southeast-2a',
  billingProducts: null,
  devpayProductCodes: null,
  marketplaceProductCodes: ['3iplms73etrdhxdepv72l6ywj'],
  imageId: 'ami-0cbde744623b7506b',
  instanceId: 'i-0c5541936caf78c12',
  instanceType: 't4g.small',
  kernelId: null,
  pendingTime: '2026-02-16T00:38:27Z',
  privateIp: '10.0.1.242',
  ramdiskId: null,
  region: 'ap-southeast-2',
  version: '2017-09-30',
};
const accelerator = {
  version_2018_04_12: {
    'elastic-inference-accelerator-id': 'eia-bfa21c7904f64a82a21b9f4540169ce1',
    'elastic-inference-accelerator-type': 'eia1.medium',
  },
};
const without = <T extends object>(document: T, name: keyof T) => ({ ...document, [name]: undefined });

/** Documents that are given back as they are, and documents that are refused. */
const cases: Record<string, [shape: documents.Shape<unknown>, taken: unknown[], refused: unknown[]]> = {
  spotInstanceAction: [
    documents.spotInstanceAction,
    [
      { action: 'terminate', time: '2017-09-18T08:22:00Z' },
      { action: 'something-new', time: '2017-09-18T08:22:00Z', more: { deep: [1] } },
    ],
    [[], null, 'text'],
  ],
  rebalanceRecommendation: [
    documents.rebalanceRecommendation,
    [{ noticeTime: '2020-11-05T08:22:00Z' }],
    [[], null, 'text'],
  ],
  iamInfo: [
    documents.iamInfo,
    [
      {
        Code: 'Success',
        LastUpdated: '2020-04-02T18:50:40Z',
        InstanceProfileArn: 'arn:aws:iam::896453262835:instance-profile/baskinc-role',
        InstanceProfileId: 'AIPA5BOGHHXZELSK34VU4',
      },
      { Code: 'InstanceProfileNotFound', Message: 'Instance Profile not found' },
    ],
    [{}, { Code: null }],
  ],
  identityCredentialsInfo: [
    documents.identityCredentialsInfo,
    [{ Code: 'Success', LastUpdated: '2019-07-06T14:22:56Z', AccountId: '329910648901' }, { Code: 'Failed' }],
    [{ AccountId: '329910648901' }, { Code: 200 }],
  ],
  roleCredentials: [
    documents.roleCredentials,
    [
      issued,
      { ...issued, AccountId: '123456789012' },
      without(issued, 'Type'),
      without(issued, 'Code'),
      { ...issued, Code: 'Failed' },
      { Message: 'no role' },
      {
        Code: 'AssumeRoleUnauthorizedAccess',
        Message: 'EC2 cannot assume the role',
        LastUpdated: '2026-11-23T09:00:00Z',
      },
    ],
    [
      {},
      { Code: 'Success' },
      without(issued, 'AccessKeyId'),
      without(issued, 'SecretAccessKey'),
      without(issued, 'Token'),
      without(issued, 'Expiration'),
      { ...issued, Expiration: 'never' },
      { ...issued, Expiration: 1763904000 },
      { ...issued, Token: '' },
      { ...issued, AccessKeyId: null },
    ],
  ],
  instanceIdentityDocument: [
    documents.instanceIdentityDocument,
    [
      identity,
      { ...without(identity, 'marketplaceProductCodes'), version: '2010-08-31' },
      { ...identity, privateIp: null },
    ],
    [without(identity, 'accountId'), { ...identity, region: null }, [identity]],
  ],
  elasticInferenceAccelerator: [
    documents.elasticInferenceAccelerator,
    [accelerator],
    [{}, { version_2018_04_12: null }, { version_2018_04_12: { 'elastic-inference-accelerator-id': 'eia-1' } }],
  ],
  elasticGpuAssociation: [
    documents.elasticGpuAssociation,
    [{}, { anything: [1, { at: 'all' }] }],
    [[], 'text', null, 3],
  ],
};

describe('documents', () => {
  for (const [name, [shape, taken, refusedDocuments]] of Object.entries(cases))
    describe(name, () => {
      it('gives a document as it is, unknown fields included, frozen throughout', () => {
        for (const document of taken) {
          const value = outcome(shape, JSON.stringify(document, undefined, 2));
          assert.deepEqual(value, JSON.parse(JSON.stringify(document)));
          assert.ok(isFrozen(value));
        }
      });
      it('refuses a document that lacks something or is of another form', () => {
        for (const document of refusedDocuments)
          assert.match(String(outcome(shape, JSON.stringify(document))), /^! Expected a JSON object/);
      });
      it('refuses an empty body, cut JSON and text that is none', () => {
        assert.match(String(outcome(shape, '')), /got an empty answer$/);
        for (const body of [JSON.stringify(taken[0]).slice(0, -1), '<html>', latin1('{"é":1}')])
          assert.match(String(outcome(shape, body)), /got something else$/);
      });
    });

  for (const [time, expected] of [
    ['2029-01-21T09:00:43+00:00', '2029-01-21T09:00:43Z'],
    ['2029-01-21 09:00:43 UTC', '2029-01-21T09:00:43Z'],
    ['21 Jan 2029 09:00:43 GMT', '2029-01-21T09:00:43Z'],
    ['Sun, 21 Jan 2029 09:00:43 GMT', '2029-01-21T09:00:43Z'],
    ['21 Jan 2029 09:00:43', undefined],
    ['01/02/2029 09:00:43 GMT', undefined],
    ['2029-02-30T09:00:43+00:00', undefined],
    ['soon', undefined],
    [1863680443, undefined],
    [['2029-01-21T09:00:43Z'], undefined],
    [null, undefined],
  ] as const)
    it(`reads the time ${JSON.stringify(time)} of a notice as ${expected ?? 'unknown'}`, () => {
      const expectedTime = expected === undefined ? {} : { time: expected };
      assert.deepEqual(outcome(documents.spotInstanceAction, JSON.stringify({ action: 'stop', time })), {
        action: 'stop',
        ...expectedTime,
      });
    });

  it('gives what can be read of a Spot interruption and a recommendation', () => {
    assert.deepEqual(outcome(documents.spotInstanceAction, '{"action":1,"more":2}'), { more: 2 });
    assert.deepEqual(outcome(documents.rebalanceRecommendation, '{"noticeTime":1604564520}'), {});
  });

  describe('maintenanceEvents', () => {
    const events = (...list: unknown[]) => outcome(documents.maintenanceEvents, JSON.stringify(list));

    it('gives an empty array when there are none', () => assert.deepEqual(events(), []));

    it('turns the instants into ISO 8601 and keeps the other fields', () => {
      const value = events({ ...event, NotBeforeDeadline: '2 Feb 2019 09:00:00 GMT', more: { deep: [1] } });
      assert.deepEqual(value, [
        {
          ...event,
          NotBefore: '2019-01-21T09:00:43Z',
          NotAfter: '2019-01-21T09:17:23Z',
          NotBeforeDeadline: '2019-02-02T09:00:00Z',
          more: { deep: [1] },
        },
      ]);
      assert.ok(isFrozen(value));
    });

    it('takes instants that already are ISO 8601', () => {
      const [first] = json(documents.maintenanceEvents)(
        Buffer.from(JSON.stringify([{ ...event, NotBefore: '2019-01-21T09:00:43Z' }])),
        path,
      );
      assert.equal(first?.NotBefore, '2019-01-21T09:00:43Z');
    });

    for (const NotAfter of [undefined, '', 'unknown', '31 Foo 2019 00:00:00 GMT'])
      it(`leaves out an end of ${inspect(NotAfter)}`, () => {
        const { NotAfter: _, ...rest } = event;
        assert.deepEqual(events({ ...event, NotAfter }), [{ ...rest, NotBefore: '2019-01-21T09:00:43Z' }]);
      });

    for (const [name, flawed] of Object.entries({
      'an object': event,
      'a text': 'none',
    }))
      it(`refuses ${name}`, () => {
        assert.equal(outcome(documents.maintenanceEvents, JSON.stringify(flawed)), refused('a JSON array'));
      });

    const good = { ...event, NotBefore: '2019-01-21T09:00:43Z', NotAfter: '2019-01-21T09:17:23Z' };
    for (const [name, flawed, left] of [
      ['an ID', { ...event, EventId: undefined }, without(good, 'EventId')],
      ['a start', { ...event, NotBefore: null }, without(good, 'NotBefore')],
      [
        'a start that is in the calendar',
        { ...event, NotBefore: '30 Feb 2019 00:00:00 GMT' },
        without(good, 'NotBefore'),
      ],
      ['a start in a known time zone', { ...event, NotBefore: '21 Jan 2019 09:00:43 CET' }, without(good, 'NotBefore')],
      ['an end', { ...event, NotAfter: null }, without(good, 'NotAfter')],
      ['a code that is text', { ...event, Code: 7 }, without(good, 'Code')],
    ] as const)
      it(`gives an event without ${name}, and hides no other`, () => {
        assert.deepEqual(events(event, null, flawed, event), [good, JSON.parse(JSON.stringify(left)), good]);
      });
  });

  it('says which fields it needs', () => {
    assert.equal(
      outcome(documents.roleCredentials, '{}'),
      `! Expected a JSON object with AccessKeyId, SecretAccessKey, Token, Expiration, or one with another Code than Success from ${path}, got one without AccessKeyId, SecretAccessKey, Token, Expiration`,
    );
    assert.match(
      String(outcome(documents.roleCredentials, JSON.stringify({ ...issued, Token: '' }))),
      /without Token$/,
    );
  });

  const read = (shape: documents.Shape<unknown>, document: unknown) => outcome(shape, JSON.stringify(document));

  it('leaves out an optional field that is null, empty or of another form', () => {
    const plain = without(without(without(issued, 'Code'), 'Type'), 'LastUpdated');
    assert.deepEqual(
      read(documents.roleCredentials, { ...plain, Code: null, Type: '', LastUpdated: null, AccountId: 123456789012 }),
      JSON.parse(JSON.stringify(plain)),
    );
    assert.deepEqual(read(documents.iamInfo, { Code: 'Success', InstanceProfileArn: 7, LastUpdated: null }), {
      Code: 'Success',
    });
    assert.deepEqual(
      read(documents.instanceIdentityDocument, { ...identity, billingProducts: [1] }),
      JSON.parse(JSON.stringify(without(identity, 'billingProducts'))),
    );
  });

  it('reads instants with an offset, for every document', () => {
    const served = '2026-11-23T17:05:00+02:00';
    const instant = '2026-11-23T15:05:00Z';
    for (const [shape, document, field] of [
      [documents.roleCredentials, issued, 'Expiration'],
      [documents.spotInstanceAction, { action: 'stop' }, 'time'],
      [documents.rebalanceRecommendation, {}, 'noticeTime'],
      [documents.instanceIdentityDocument, identity, 'pendingTime'],
    ] as const)
      assert.deepEqual(read(shape, { ...document, [field]: served }), { ...document, [field]: instant });
  });

  it('gives the failure of credentials without what there is of them', () => {
    const failure = { Code: 'AssumeRoleUnauthorizedAccess', Message: 'EC2 cannot assume the role' };
    for (const half of [
      { AccessKeyId: '', SecretAccessKey: '', Token: '', Expiration: '' },
      { AccessKeyId: null, SecretAccessKey: null, Token: null, Expiration: null },
      { ...without(issued, 'Token'), ...failure },
    ])
      assert.deepEqual(Object.keys(Object(read(documents.roleCredentials, { ...half, ...failure }))).sort(), [
        'Code',
        ...('LastUpdated' in half ? ['LastUpdated'] : []),
        'Message',
        ...('Type' in half ? ['Type'] : []),
      ]);
  });

  it('never shows the body in an error', () => {
    for (const body of ['{"SecretAccessKey":"wJalrEXAMPLE",', 'wJalrEXAMPLE', '{"Token":"wJalrEXAMPLE"}'])
      assert.throws(
        () => json(documents.roleCredentials)(Buffer.from(body), path),
        (error) => error instanceof ImdsDecodeError && !inspect(error, { depth: null }).includes('wJalr'),
      );
  });

  it('freezes documents nested deeper than the stack', () => {
    const depth = 30_000;
    const value = json(documents.elasticGpuAssociation)(
      Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`),
      path,
    );
    assert.ok(Object.isFrozen(value['a']));
  });

  it('leaves prototypes alone', () => {
    const value = json(documents.elasticGpuAssociation)(Buffer.from('{"__proto__":{"polluted":true}}'), path);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal('polluted' in {}, false);
  });
});
