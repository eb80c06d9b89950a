import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ImdsDecodeError } from '../../../src/errors.js';
import * as decode from '../../../src/metadata/decode.js';
import { maintenanceEvents } from '../../../src/metadata/documents.js';
import { rows } from '../../../src/metadata/lookup.js';
import { isFrozen } from '../../support/frozen.js';

const path = '/latest/meta-data/thing';

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const texts = fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text));
const anyJson = fc.json().map((text) => Buffer.from(text));
const row = fc.constantFrom(...rows());

/** Documents that are nearly right: AWS's fields, each with a fitting value, another one, or none. */
const nearly = (fields: readonly string[]) =>
  fc
    .dictionary(
      fc.constantFrom(...fields),
      fc.oneof(
        fc.constantFrom('Success', '2026-11-23T15:05:00Z', '21 Jan 2019 09:00:43 GMT', '', null, true, 0),
        fc.string(),
        fc.array(fc.string(), { maxLength: 2 }),
      ),
    )
    .map((document) => Buffer.from(JSON.stringify(document)));
const documents = nearly([
  ...['Code', 'Message', 'LastUpdated', 'AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration', 'action', 'time'],
  ...['noticeTime', 'EventId', 'State', 'Description', 'NotBefore', 'NotAfter', 'accountId', 'region', '__proto__'],
]);
const body = fc.oneof(
  bytes,
  texts,
  anyJson,
  documents,
  documents.map((document) => Buffer.from(`[${document}]`)),
);

const lineBreak = fc.constantFrom('\n', '\r\n');
const entry = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\r\n]/.test(text));
describe('decoding, whatever the body', () => {
  const seed = Number(process.env['FAST_CHECK_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  const check = (property: fc.IRawProperty<unknown>, numRuns = 300) => fc.assert(property, { seed, numRuns });
  before(() => console.log(`    FAST_CHECK_SEED=${seed}`));

  it('gives a frozen value or an ImdsDecodeError that does not name another path', () => {
    check(
      fc.property(row, body, ({ category }, content) => {
        try {
          const value = category.decode(content);
          assert.ok(value instanceof Uint8Array || isFrozen(value));
        } catch (error) {
          assert.ok(error instanceof ImdsDecodeError);
          assert.ok(error.message.includes(category.path));
        }
      }),
      3000,
    );
  });

  it('tells of every value whether it is settled and when it expires', () => {
    check(
      fc.property(row, body, ({ category }, content) => {
        let value: unknown;
        try {
          value = category.decode(content);
        } catch {
          fc.pre(false);
        }
        assert.ok([true, false, undefined].includes(category.isSettled?.(value)));
        const expiresAt = category.expiresAt?.(value);
        assert.ok(expiresAt === undefined || Number.isFinite(expiresAt));
      }),
    );
  });

  it('gives back the entries of a list, whatever ends its lines', () => {
    check(
      fc.property(fc.array(entry, { minLength: 1 }), lineBreak, fc.boolean(), (entries, end, last) => {
        const content = entries.join(end) + (last ? end : '');
        assert.deepEqual(decode.lines(Buffer.from(content), path), entries);
      }),
    );
  });

  it('gives back the key pairs of public-keys/', () => {
    check(
      fc.property(fc.array(fc.tuple(fc.nat(999), entry), { minLength: 1 }), (keys) => {
        const content = keys.map(([index, name]) => `${index}=${name}`).join('\n');
        const expected = keys.map(([index, name]) => ({ index, name }));
        assert.deepEqual(decode.publicKeys(Buffer.from(content), path), expected);
      }),
    );
  });

  it('gives back a text, one final line break taken off', () => {
    check(
      fc.property(entry, fc.constantFrom('', '\n', '\r\n'), (text, end) => {
        assert.equal(decode.text(Buffer.from(text + end), path), text);
      }),
    );
  });

  it('gives back every whole number, and none of another spelling', () => {
    check(
      fc.property(fc.maxSafeNat(), (number) => {
        assert.equal(decode.integer(Buffer.from(String(number)), path), number);
        assert.throws(() => decode.integer(Buffer.from(`0${number}`), path), ImdsDecodeError);
      }),
    );
  });

  it('gives maintenance events the instants they were written with', () => {
    const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
    const date = fc.date({ min: new Date('2010-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });
    check(
      fc.property(date, (instant) => {
        const iso = `${instant.toISOString().slice(0, 19)}Z`;
        const month = months[instant.getUTCMonth()];
        const NotBefore = `${instant.getUTCDate()} ${month} ${iso.slice(0, 4)} ${iso.slice(11, 19)} GMT`;
        const event = { EventId: 'e', Code: 'c', State: 's', Description: 'd', NotBefore };
        assert.deepEqual(decode.json(maintenanceEvents)(Buffer.from(JSON.stringify([event])), path), [
          { ...event, NotBefore: iso },
        ]);
      }),
    );
  });
});
