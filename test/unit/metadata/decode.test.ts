import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ImdsDecodeError } from '../../../src/errors.js';
import * as decode from '../../../src/metadata/decode.js';

const path = '/latest/meta-data/thing';
const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** The value, or the message of the refusal. */
function outcome(decoder: decode.Decoder<unknown>, body: string | Buffer): unknown {
  try {
    return decoder(Buffer.from(body), path);
  } catch (error) {
    assert.ok(error instanceof ImdsDecodeError, inspect(error));
    assert.equal(error.cause, undefined);
    return `! ${error.message}`;
  }
}

const refused = (expected: string) => `! Expected ${expected} from ${path}, got something else`;
const empty = (expected: string) => `! Expected ${expected} from ${path}, got an empty answer`;

const cases: Record<string, [decoder: decode.Decoder<unknown>, cases: [body: string | Buffer, outcome: unknown][]]> = {
  text: [
    decode.text,
    [
      ['i-0abc', 'i-0abc'],
      ['i-0abc\n', 'i-0abc'],
      ['i-0abc\r\n', 'i-0abc'],
      ['i-0abc\n\n', 'i-0abc\n'],
      ['a\nb\n', 'a\nb'],
      [' padded ', ' padded '],
      ['Zürich', 'Zürich'],
      ['\ufeffmarked', '\ufeffmarked'],
      ['', empty('a text')],
      ['\n', empty('a text')],
      ['\r\n\n', empty('a text')],
      [latin1('Zürich'), refused('UTF-8 text')],
    ],
  ],
  textOrEmpty: [
    decode.textOrEmpty,
    [
      ['', ''],
      ['\n', ''],
      ['web-1\n', 'web-1'],
      [latin1('é'), refused('UTF-8 text')],
    ],
  ],
  utf8: [
    decode.utf8,
    [
      ['', ''],
      ['a\n', 'a\n'],
      [latin1('é'), refused('UTF-8 text')],
    ],
  ],
  integer: [
    decode.integer,
    [
      ['0', 0],
      ['17\n', 17],
      ['9007199254740991', Number.MAX_SAFE_INTEGER],
      ...['-1', '+1', '1.0', '1e3', '0x10', '007', ' 1', '1 2', 'one', '9007199254740992'].map(
        (body): [string, string] => [body, refused('a whole number')],
      ),
      ['', empty('a whole number')],
    ],
  ],
  boolean: [
    decode.boolean,
    [
      ['true', true],
      ['false\n', false],
      ...['True', '1', 'yes', 'true '].map((body): [string, string] => [body, refused('true or false')]),
      ['', empty('true or false')],
    ],
  ],
  lines: [
    decode.lines,
    [
      ['one', ['one']],
      ['one\ntwo/', ['one', 'two/']],
      ['one\r\ntwo\r\n', ['one', 'two']],
      ['\none\n\n\ntwo\n', ['one', 'two']],
      ['', empty('one entry a line')],
      ['\n\n', empty('one entry a line')],
      [latin1('é'), refused('UTF-8 text')],
    ],
  ],
  publicKeys: [
    decode.publicKeys,
    [
      ['0=my-public-key', [{ index: 0, name: 'my-public-key' }]],
      [
        '0=a=b,c\n12=d\n',
        [
          { index: 0, name: 'a=b,c' },
          { index: 12, name: 'd' },
        ],
      ],
      ...['my-public-key', '0=', '=key', '-1=key', '0 = key', '0=key\nopenssh-key'].map((body): [string, string] => [
        body,
        refused('lines of the form 0=name'),
      ]),
    ],
  ],
  instantIfAny: [
    decode.instantIfAny,
    [
      ['2015-01-05T18:02:00Z', '2015-01-05T18:02:00Z'],
      ['2015-01-05T18:02:00.125Z\n', '2015-01-05T18:02:00.125Z'],
      ...['', 'soon', '2015-01-05', '2015-02-30T00:00:00Z', '2015-01-05T25:00:00Z', '2015-01-05T18:02:00'].map(
        (body): [string, undefined] => [body, undefined],
      ),
    ],
  ],
  bytes: [
    decode.bytes,
    [
      ['', Buffer.alloc(0)],
      [Buffer.from([0x1f, 0x8b, 0xff, 0x0a]), Buffer.from([0x1f, 0x8b, 0xff, 0x0a])],
    ],
  ],
};

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
const documents: Record<string, [decoder: decode.Decoder<unknown>, taken: unknown[], refused: unknown[]]> = {
  spotInstanceAction: [
    decode.spotInstanceAction,
    [
      { action: 'terminate', time: '2017-09-18T08:22:00Z' },
      { action: 'something-new', time: '2017-09-18T08:22:00Z', more: { deep: [1] } },
    ],
    [{ action: 'stop' }, { action: 'stop', time: 'soon' }, { action: 1, time: '2017-09-18T08:22:00Z' }, [], null],
  ],
  rebalanceRecommendation: [
    decode.rebalanceRecommendation,
    [{ noticeTime: '2020-11-05T08:22:00Z' }],
    [{}, { noticeTime: 1604564520 }, 'text'],
  ],
  iamInfo: [
    decode.iamInfo,
    [
      {
        Code: 'Success',
        LastUpdated: '2020-04-02T18:50:40Z',
        InstanceProfileArn: 'arn:aws:iam::896453262835:instance-profile/baskinc-role',
        InstanceProfileId: 'AIPA5BOGHHXZELSK34VU4',
      },
      { Code: 'InstanceProfileNotFound', Message: 'Instance Profile not found' },
    ],
    [{}, { Code: 'Success', InstanceProfileArn: 7 }],
  ],
  identityCredentialsInfo: [
    decode.identityCredentialsInfo,
    [{ Code: 'Success', LastUpdated: '2019-07-06T14:22:56Z', AccountId: '329910648901' }, { Code: 'Failed' }],
    [{ AccountId: '329910648901' }, { Code: 'Success', AccountId: 329910648901 }],
  ],
  roleCredentials: [
    decode.roleCredentials,
    [
      issued,
      { ...issued, AccountId: '123456789012' },
      without(issued, 'Type'),
      {
        Code: 'AssumeRoleUnauthorizedAccess',
        Message: 'EC2 cannot assume the role',
        LastUpdated: '2026-11-23T09:00:00Z',
      },
    ],
    [
      {},
      { Code: 'Success' },
      without(issued, 'Code'),
      without(issued, 'AccessKeyId'),
      without(issued, 'SecretAccessKey'),
      without(issued, 'Token'),
      without(issued, 'Expiration'),
      { ...issued, Expiration: 'never' },
      { ...issued, Code: 'Failed' },
    ],
  ],
  instanceIdentityDocument: [
    decode.instanceIdentityDocument,
    [
      identity,
      { ...without(identity, 'marketplaceProductCodes'), version: '2010-08-31' },
      { ...identity, privateIp: null },
    ],
    [without(identity, 'accountId'), { ...identity, region: null }, { ...identity, billingProducts: [1] }, [identity]],
  ],
  elasticInferenceAccelerator: [
    decode.elasticInferenceAccelerator,
    [accelerator],
    [{}, { version_2018_04_12: null }, { version_2018_04_12: { 'elastic-inference-accelerator-id': 'eia-1' } }],
  ],
  elasticGpuAssociation: [decode.elasticGpuAssociation, [{}, { anything: [1, { at: 'all' }] }], [[], 'text', null, 3]],
};

const isFrozen = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));

describe('decoding', () => {
  for (const [name, [decoder, table]] of Object.entries(cases))
    describe(name, () => {
      for (const [body, expected] of table)
        it(`makes ${inspect(expected)} of ${inspect(body)}`, () => {
          assert.deepEqual(outcome(decoder, body), expected);
        });
    });

  for (const [name, [decoder, taken, refusedDocuments]] of Object.entries(documents))
    describe(name, () => {
      it('gives a document as it is, unknown fields included, frozen throughout', () => {
        for (const document of taken) {
          const value = outcome(decoder, JSON.stringify(document, undefined, 2));
          assert.deepEqual(value, JSON.parse(JSON.stringify(document)));
          assert.ok(isFrozen(value));
        }
      });
      it('refuses a document that lacks something or is of another form', () => {
        for (const document of refusedDocuments)
          assert.match(String(outcome(decoder, JSON.stringify(document))), /^! Expected a JSON object/);
      });
      it('refuses an empty body, cut JSON and text that is none', () => {
        assert.match(String(outcome(decoder, '')), /got an empty answer$/);
        for (const body of [JSON.stringify(taken[0]).slice(0, -1), '<html>', latin1('{"é":1}')])
          assert.match(String(outcome(decoder, body)), /got something else$/);
      });
    });

  describe('maintenanceEvents', () => {
    const events = (...list: unknown[]) => outcome(decode.maintenanceEvents, JSON.stringify(list));

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
      const [first] = decode.maintenanceEvents(
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
      'an event without an ID': [without(event, 'EventId')],
      'an event without a start': [without(event, 'NotBefore')],
      'a start on 30 February': [{ ...event, NotBefore: '30 Feb 2019 00:00:00 GMT' }],
      'a start in another time zone': [{ ...event, NotBefore: '21 Jan 2019 09:00:43 CET' }],
      'a good event before a flawed one': [event, {}],
    }))
      it(`refuses ${name}`, () => {
        assert.equal(
          outcome(decode.maintenanceEvents, JSON.stringify(flawed)),
          refused('a JSON array, each element a JSON object with EventId, Code, State, Description, NotBefore'),
        );
      });
  });

  it('freezes lists, which are shared between callers', () => {
    assert.ok(isFrozen(decode.lines(Buffer.from('one\ntwo'), path)));
    assert.ok(isFrozen(decode.publicKeys(Buffer.from('0=one'), path)));
  });

  it('says which fields it needs', () => {
    assert.equal(
      outcome(decode.roleCredentials, '{}'),
      refused(
        'a JSON object with Code, AccessKeyId, SecretAccessKey, Token, Expiration, or one with another Code than Success',
      ),
    );
  });

  it('never shows the body in an error', () => {
    for (const body of ['{"SecretAccessKey":"wJalrEXAMPLE",', 'wJalrEXAMPLE', '{"Token":"wJalrEXAMPLE"}'])
      assert.throws(
        () => decode.roleCredentials(Buffer.from(body), path),
        (error) => error instanceof ImdsDecodeError && !inspect(error, { depth: null }).includes('wJalr'),
      );
  });

  it('freezes documents nested deeper than the stack', () => {
    const depth = 200_000;
    const value = decode.elasticGpuAssociation(Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`), path);
    assert.ok(Object.isFrozen(value['a']));
  });

  it('leaves prototypes alone', () => {
    const value = decode.elasticGpuAssociation(Buffer.from('{"__proto__":{"polluted":true}}'), path);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal('polluted' in {}, false);
  });

  describe('credentialsExpiry', () => {
    it('is the instant of Expiration in milliseconds', () => {
      assert.equal(decode.credentialsExpiry(JSON.stringify(issued)), Date.UTC(2026, 10, 23, 15, 5));
    });
    it('is unknown for anything that holds no credentials', () => {
      for (const content of ['', 'web-role', '{}', '[]', 'null', JSON.stringify(without(issued, 'Token'))])
        assert.equal(decode.credentialsExpiry(content), undefined);
    });
  });
});
