import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ImdsIdentityError, isImdsError } from '../../../src/errors.js';
import { type Element, readElement } from '../../../src/identity/ber.js';
import { openSignedData } from '../../../src/identity/signed-data.js';
import { type IdentityProof, verifyIdentityDocument } from '../../../src/identity/verify.js';
import {
  detachedSignature,
  forms,
  identityDocument,
  open,
  signedMessage,
  signer,
  tlv,
} from '../../support/signed-data.js';

const document = identityDocument();
const isIdentityError = (error: unknown): error is ImdsIdentityError =>
  isImdsError(error) && error.code === 'ERR_IMDS_IDENTITY';

/** False when `work` throws an ImdsIdentityError; any other error fails the test. */
function accepts(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    assert.ok(isIdentityError(error) && error.reason === 'malformed', String(error));
    return false;
  }
}

/** A valid message with parts removed, repeated, exchanged and overwritten. */
const mutated = (valid: Buffer): fc.Arbitrary<Buffer> => {
  const at = fc.nat(valid.length);
  const piece = fc.tuple(at, at).map(([from, to]) => valid.subarray(Math.min(from, to), Math.max(from, to)));
  const filling = fc.oneof(
    piece,
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(
      Buffer.of(0x30, 0x80),
      Buffer.of(0, 0),
      Buffer.of(0x84, 0xff, 0xff, 0xff, 0xff),
      Buffer.of(0x82, 0xff, 0xff),
    ),
  );
  const change = fc.record({ at, length: fc.oneof(fc.nat(8), fc.nat(valid.length)), filling });
  return fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) =>
      changes.reduce(
        (bytes, { at: from, length, filling: put }) =>
          Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + length)]),
        valid,
      ),
    );
};

/** Trees of elements with definite and indefinite lengths, and their depth. */
interface Tree {
  readonly bytes: Buffer;
  readonly depth: number;
}
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .tuple(fc.constantFrom(0x02, 0x04, 0x05, 0x06, 0x13, 0x80), fc.uint8Array({ maxLength: 300 }))
      .map(([tag, bytes]) => ({ bytes: tlv(tag, bytes), depth: 0 })),
    fc
      .tuple(
        fc.constantFrom(tlv, open),
        fc.constantFrom(0x24, 0x30, 0x31, 0xa0, 0xa1),
        fc.array(tie('tree'), { maxLength: 4 }),
      )
      .map(([write, tag, children]) => ({
        bytes: write(tag, ...children.map(({ bytes }) => bytes)),
        depth: Math.max(0, ...children.map(({ depth }) => depth + 1)),
      })),
  ),
}));
/** Trees within the limits of the reader. */
const readable = tree.filter(({ bytes, depth }) => bytes.length <= 0xffff && depth <= 16).map(({ bytes }) => bytes);

/** Writes an element again from what was read. */
const whole = (element: Element): Buffer => {
  const { tag, children, contents, bytes, definite } = element;
  const parts = children.length > 0 ? children.map(whole) : [contents];
  assert.ok(Buffer.concat(parts).equals(contents));
  const written = definite ? tlv(tag, ...parts) : open(tag, ...parts);
  assert.ok(written.equals(bytes));
  return written;
};

describe('readElement()', () => {
  it('reads arbitrary bytes completely, or refuses them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        accepts(() => whole(readElement(Buffer.from(bytes))));
      }),
      { numRuns: 2000 },
    );
  });

  it('reads what was written', () => {
    fc.assert(
      fc.property(readable, (bytes) => {
        assert.ok(whole(readElement(bytes)).equals(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses readable bytes cut off or continued', () => {
    fc.assert(
      fc.property(
        readable,
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (bytes, more, part) => {
          assert.equal(
            accepts(() => readElement(bytes.subarray(0, Math.floor(bytes.length * part)))),
            false,
          );
          assert.equal(
            accepts(() => readElement(Buffer.concat([bytes, more]))),
            false,
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a mutated identity signature', () => {
  for (const form of forms) {
    const valid = signedMessage(document, form);
    const { kind } = form;
    const certificates = [{ kind, region: 'us-east-1', certificate: signer(form.key).publicKey } as const];

    it(`is refused or gives the signed document: ${form.title}`, async () => {
      await fc.assert(
        fc.asyncProperty(mutated(valid), async (bytes) => {
          try {
            const verified = await verifyIdentityDocument({ kind, signature: bytes }, { certificates });
            assert.deepEqual(verified.document, JSON.parse(document));
          } catch (error) {
            assert.ok(isIdentityError(error), String(error));
          }
        }),
        { numRuns: 300 },
      );
    });

    it(`is opened or refused: ${form.title}`, () => {
      fc.assert(
        fc.property(mutated(valid), (bytes) => {
          accepts(() => openSignedData(bytes, form.hash));
        }),
        { numRuns: 500 },
      );
    });
  }

  it('is refused for arbitrary text', async () => {
    const fragments = fc.constantFrom(
      '-----BEGIN PKCS7-----',
      '-----END PKCS7-----',
      '\n',
      '=',
      'MIAGCSqGSIb3DQEHAqCAMIACAQEx',
      ' ',
      '-',
    );
    const text = fc
      .array(fc.oneof(fragments, fc.string({ maxLength: 20 }), fc.base64String({ maxLength: 40 })))
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom('rsa2048', 'pkcs7', 'signature'), async (signature, kind) => {
        const input: IdentityProof = { signature, kind, document };
        await assert.rejects(verifyIdentityDocument(input), isIdentityError);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused with any document but the signed one', async () => {
    const signature = detachedSignature(document);
    const certificates = [
      { kind: 'signature', region: 'us-east-1', certificate: signer('rsa1024').publicKey } as const,
    ];
    await fc.assert(
      fc.asyncProperty(mutated(Buffer.from(document)), async (changed) => {
        const verifying = verifyIdentityDocument({ kind: 'signature', signature, document: changed }, { certificates });
        if (changed.equals(Buffer.from(document))) await verifying;
        else await assert.rejects(verifying, isIdentityError);
      }),
      { numRuns: 500 },
    );
  });
});
