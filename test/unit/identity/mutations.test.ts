import assert from 'node:assert/strict';
import { constants, createHash, sign } from 'node:crypto';
import { inspect } from 'node:util';
import { type IdentityFault, type ImdsIdentityError, isImdsError } from '../../../src/errors.js';
import {
  type IdentityProof,
  type VerifyIdentityOptions,
  verifyIdentityDocument,
} from '../../../src/identity/verify.js';
import {
  type Assembly,
  assemble,
  attribute,
  detachedSignature,
  type Form,
  forms,
  identityDocument,
  ids,
  integer,
  lines,
  none,
  octetString,
  oid,
  open,
  type Pieces,
  sequence,
  signedBody,
  signedMessage,
  signedPieces,
  signer,
  signerInfo,
  tlv,
} from '../../support/signed-data.js';

const document = identityDocument();
const other = identityDocument({ accountId: '999999999999' });
const foreign = identityDocument({ region: 'eu-west-1' });

/** Trusts one signer per kind for us-east-1, and another for eu-west-1. */
function trust(form?: Form): VerifyIdentityOptions {
  const kind = form?.kind ?? 'signature';
  const key = form?.key ?? 'rsa1024';
  return {
    builtInKeys: false,
    certificates: [
      { kind, region: 'us-east-1', certificate: signer(key).publicKey },
      { kind, region: 'eu-west-1', certificate: signer(key, 'another region').publicKey },
    ],
  };
}

const isIdentityError = (error: unknown): error is ImdsIdentityError =>
  isImdsError(error) && error.code === 'ERR_IMDS_IDENTITY';

async function refuses(input: IdentityProof, options: VerifyIdentityOptions, ...reasons: IdentityFault[]) {
  await assert.rejects(verifyIdentityDocument(input, options), (error) => {
    assert.ok(isIdentityError(error), String(error));
    if (reasons.length > 0) assert.ok(reasons.includes(error.reason), `${error.reason}: ${error.message}`);
    return true;
  });
}

/** Runs a check with every form of message; a failure names the form. */
const inEveryForm = (check: (form: Form) => Promise<unknown>) => async (): Promise<void> => {
  for (const form of forms)
    await check(form).catch((cause: unknown) => assert.fail(`${form.title}: ${inspect(cause)}`));
};

// These try every octet of every form, which takes seconds.
const longMs = 300_000;

/** A copy with one octet changed, differently at every place. */
function changedAt(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ (1 + ((at * 97) % 255)), at);
  return copy;
}

const isOf = (type: Buffer) => (attribute: Buffer) => attribute.includes(type);
const without = (attributes: readonly Buffer[], type: Buffer): readonly Buffer[] =>
  attributes.filter((each) => !isOf(type)(each));

/** Type of an attribute that AWS does not use. */
const unheardOf = oid('1.2.840.113549.1.9.25.4');

/** Forged messages in any form, by the reason of their refusal and by title. */
type Forgeries = { readonly [Reason in IdentityFault]?: Readonly<Record<string, (form: Form) => Buffer>> };

/** A message changed after signing. */
const afterSigning =
  (change: (pieces: Assembly, form: Form) => Partial<Assembly>) =>
  (form: Form): Buffer => {
    const pieces = signedPieces(document, form);
    return assemble({ ...pieces, ...change(pieces, form) });
  };

/** A message whose signer is changed after signing. */
const signerAfterSigning = (change: (pieces: Assembly, form: Form) => Partial<Assembly['signer']>) =>
  afterSigning((pieces, form) => ({ signer: { ...pieces.signer, ...change(pieces, form) } }));

/** A message with other signers than the true one. */
const withSigners =
  (signers: (pieces: Assembly, form: Form) => readonly Buffer[]) =>
  (form: Form): Buffer => {
    const pieces = signedPieces(document, form);
    return assemble(pieces, signers(pieces, form));
  };

/** A message changed before the trusted key signs it. */
const beforeSigning =
  (change: (attributes: readonly Buffer[], form: Form) => Partial<Pieces>) =>
  (form: Form): Buffer => {
    const { signedAttributes } = signedPieces(document, form);
    return signedMessage(document, form, change(signedAttributes, form));
  };

const digestOf = (content: string, hash: string): Buffer => createHash(hash).update(content).digest();
const attacker = (form: Form) => signer(form.key, 'attacker');
const attackersInfo = (form: Form) => signerInfo(signedPieces(document, form, { signer: attacker(form) }));
const messageDigest = (content: string, hash: string): Buffer =>
  attribute(ids.messageDigest, octetString(digestOf(content, hash)));

/** By the reason of their refusal: messages forged without the key. */
const forgedWithoutKey: Forgeries = {
  signature: {
    'another document inserted': afterSigning((_, form) => ({ content: [form.content(Buffer.from(other))] })),
    'another document and its digest inserted': (form) => {
      const theirs = signedPieces(other, form);
      const { signature } = signedPieces(document, form).signer;
      return assemble({ ...theirs, signer: { ...theirs.signer, signature } });
    },
    'another document, signed by a foreign key whose certificate is inside': (form) =>
      assemble({
        ...signedPieces(other, form, { signer: attacker(form) }),
        lists: [tlv(0xa0, attacker(form).certificate)],
      }),
    'another document, signed by a foreign key in the name of the trusted certificate': (form) => {
      const pieces = signedPieces(other, form, { signer: attacker(form) });
      const { issuer, serialNumber } = signer(form.key);
      return assemble({
        ...pieces,
        lists: [tlv(0xa0, attacker(form).certificate, signer(form.key).certificate)],
        signer: { ...pieces.signer, identifier: sequence(issuer, serialNumber) },
      });
    },
    "a document that names another region than the key's": (form) => signedMessage(foreign, form),
    "a document signed by another region's key": (form) =>
      signedMessage(document, form, { signer: signer(form.key, 'another region') }),
    'the signed attributes in another order': signerAfterSigning(({ signedAttributes }) => ({
      attributes: tlv(0xa0, ...signedAttributes.toReversed()),
    })),
    'an attribute added': signerAfterSigning(({ signedAttributes }) => ({
      attributes: tlv(0xa0, ...signedAttributes, attribute(unheardOf, octetString(Buffer.of(1)))),
    })),
    'an empty signature': signerAfterSigning(() => ({ signature: octetString(Buffer.of()) })),
    'a signature of zeros': signerAfterSigning((_, form) => ({
      signature: octetString(form.key === 'dsa' ? sequence(integer(0), integer(0)) : Buffer.alloc(256)),
    })),
    'a signature of ones': signerAfterSigning((_, form) => ({
      signature: octetString(
        form.key === 'dsa' ? sequence(integer(1), integer(1)) : Buffer.concat([Buffer.alloc(255), Buffer.of(1)]),
      ),
    })),
    'a signature with an octet behind its end': signerAfterSigning(({ signer: { signature } }) => ({
      signature: octetString(Buffer.concat([rawSignature(signature), Buffer.of(0)])),
    })),
    'a signature with an octet before its beginning': signerAfterSigning(({ signer: { signature } }) => ({
      signature: octetString(Buffer.concat([Buffer.of(0), rawSignature(signature)])),
    })),
    'the signature of another document': signerAfterSigning((_, form) => ({
      signature: signedPieces(other, form).signer.signature,
    })),
  },
  'unknown-region': {
    'a document of a region without a known key': (form) =>
      signedMessage(identityDocument({ region: 'us-east-9' }), form),
  },
  malformed: {
    'the signed attributes removed': withSigners(({ signer: { attributes: _, ...elements } }) => [
      sequence(...Object.values(elements)),
    ]),
    'the signed attributes passed off as the content': (form) => {
      const pieces = signedPieces(document, form);
      const { attributes, ...elements } = pieces.signer;
      const covered = Buffer.concat([Buffer.of(0x31), attributes.subarray(1)]);
      return assemble({ ...pieces, content: [form.content(covered)] }, [sequence(...Object.values(elements))]);
    },
    'the signed attributes passed off as the content, and empty ones in their place': (form) => {
      const pieces = signedPieces(document, form);
      const covered = Buffer.concat([Buffer.of(0x31), pieces.signer.attributes.subarray(1)]);
      return assemble({
        ...pieces,
        content: [form.content(covered)],
        signer: { ...pieces.signer, attributes: tlv(0xa0) },
      });
    },
    'the signed attributes of indefinite length': signerAfterSigning(({ signer: { attributes } }) => ({
      attributes: open(0xa0, attributes.subarray(3)),
    })),
    'the signed attributes as the SET that was signed': signerAfterSigning(({ signer: { attributes } }) => ({
      attributes: Buffer.concat([Buffer.of(0x31), attributes.subarray(1)]),
    })),
    'unsigned attributes added': withSigners(({ signer }) => [
      sequence(...Object.values(signer), tlv(0xa1, attribute(ids.contentType, ids.data))),
    ]),
    'the signer twice': withSigners((pieces) => [signerInfo(pieces), signerInfo(pieces)]),
    'a second signer behind the first': withSigners((pieces, form) => [signerInfo(pieces), attackersInfo(form)]),
    'a second signer before the first': withSigners((pieces, form) => [attackersInfo(form), signerInfo(pieces)]),
    'no signer': withSigners(() => []),
    'an octet behind the end': (form) => Buffer.concat([signedMessage(document, form), Buffer.of(0)]),
    'two more end-of-contents octets': (form) => Buffer.concat([signedMessage(document, form), Buffer.of(0, 0)]),
    'the message twice': (form) => Buffer.concat([signedMessage(document, form), signedMessage(document, form)]),
    'the message within an OCTET STRING': (form) => octetString(signedMessage(document, form)),
    'the message as the content of another': (form) =>
      assemble({ ...signedPieces(document, form), content: [octetString(signedMessage(document, form))] }),
    'another type of message': afterSigning(() => ({ type: ids.data })),
    'another version of message': afterSigning(() => ({ version: integer(3) })),
    'another type of content': afterSigning(() => ({ contentType: ids.signedData })),
    'something other than certificates before the signers': afterSigning(() => ({ lists: [tlv(0xa2, integer(1))] })),
    'certificates twice': afterSigning((_, form) => ({
      lists: [tlv(0xa0, signer(form.key).certificate), tlv(0xa0, signer(form.key).certificate)],
    })),
    'one more set': afterSigning(() => ({ lists: [tlv(0x31)] })),
    'no content': afterSigning(() => ({ content: [] })),
    'empty content': afterSigning(() => ({ content: [octetString(Buffer.of())] })),
    'the content twice': afterSigning(({ content }) => ({ content: [...content, ...content] })),
    'something beside the content': afterSigning(({ content }) => ({ content: [Buffer.concat([...content, none])] })),
    'something behind the body of the message': (form) =>
      form.around(0x30, ids.signedData, form.around(0xa0, signedBody(signedPieces(document, form)), none)),
    'something behind the wrapped body': (form) =>
      form.around(0x30, ids.signedData, form.around(0xa0, signedBody(signedPieces(document, form))), none),
    'the content in pieces of pieces': afterSigning(() => ({
      content: [open(0x24, open(0x24, octetString(Buffer.from(document))))],
    })),
    'the content as another type of string': afterSigning(() => ({ content: [tlv(0x0c, Buffer.from(document))] })),
    'a piece of the content that is no OCTET STRING': afterSigning(() => ({
      content: [open(0x24, tlv(0x0c, Buffer.from(document)))],
    })),
    'another digest algorithm of the message': afterSigning(() => ({ digestAlgorithms: [sequence(ids.sha512, none)] })),
    'two digest algorithms of the message': afterSigning(({ digestAlgorithms }) => ({
      digestAlgorithms: [...digestAlgorithms, ...digestAlgorithms],
    })),
    'no digest algorithm': afterSigning(() => ({ digestAlgorithms: [] })),
    'another digest algorithm of the signer': signerAfterSigning(() => ({
      digestAlgorithm: sequence(ids.sha512, none),
    })),
    'parameters of the digest algorithm': signerAfterSigning((_, form) => ({
      digestAlgorithm: sequence(ids[form.hash], integer(1)),
    })),
    'more parameters of the digest algorithm': signerAfterSigning((_, form) => ({
      digestAlgorithm: sequence(ids[form.hash], none, none),
    })),
    'another signature algorithm with the same type of key': signerAfterSigning((_, form) => ({
      signatureAlgorithm: sequence(form.key === 'dsa' ? ids.dsaWithSha256 : ids.sha512WithRsa),
    })),
    'a signature algorithm with padding by PSS': signerAfterSigning(() => ({
      signatureAlgorithm: sequence(ids.rsaPss),
    })),
    'a signature algorithm for another type of key': signerAfterSigning(() => ({
      signatureAlgorithm: sequence(ids.ecdsaWithSha256),
    })),
    'another version of signer': signerAfterSigning(() => ({ version: integer(3) })),
    'a signer named by the identifier of its key': signerAfterSigning(() => ({
      identifier: tlv(0x80, Buffer.alloc(20)),
    })),
    'a signer without a serial number': signerAfterSigning((_, form) => ({
      identifier: sequence(signer(form.key).issuer),
    })),
    'a signer whose issuer is no name': signerAfterSigning((_, form) => ({
      identifier: sequence(none, signer(form.key).serialNumber),
    })),
    'a signer whose serial number is no number': signerAfterSigning((_, form) => ({
      identifier: sequence(signer(form.key).issuer, none),
    })),
    'a signer with more than issuer and serial number': signerAfterSigning((_, form) => ({
      identifier: sequence(signer(form.key).issuer, signer(form.key).serialNumber, none),
    })),
    'a signature as another type of string': signerAfterSigning(({ signer: { signature } }) => ({
      signature: tlv(0x03, rawSignature(signature)),
    })),
  },
};

/** Messages made with the key, but not as AWS makes them. */
const madeOtherwise: Forgeries = {
  malformed: {
    'signed without attributes': (form) => {
      const pieces = signedPieces(document, form, { covered: () => Buffer.from(document) });
      const { attributes: _, ...elements } = pieces.signer;
      return assemble(pieces, [sequence(...Object.values(elements))]);
    },
    'signed with no attribute in the set': beforeSigning(() => ({ attributes: [] })),
    'signed without the digest of the content': beforeSigning((attributes) => ({
      attributes: without(attributes, ids.messageDigest),
    })),
    'signed without the type of the content': beforeSigning((attributes) => ({
      attributes: without(attributes, ids.contentType),
    })),
    'signed with another type of content': beforeSigning((attributes) => ({
      attributes: [attribute(ids.contentType, ids.signedData), ...without(attributes, ids.contentType)],
    })),
    'signed with the type of the content twice': beforeSigning((attributes) => ({
      attributes: [attribute(ids.contentType, ids.data), ...attributes],
    })),
    'signed with the digest of the content twice': beforeSigning((attributes) => ({
      attributes: [...attributes, ...attributes.filter(isOf(ids.messageDigest))],
    })),
    'signed with two digests, the true one last': beforeSigning((attributes, { hash }) => ({
      attributes: [messageDigest(other, hash), ...attributes],
    })),
    'signed with two digests in one attribute': beforeSigning((attributes, { hash }) => ({
      attributes: [
        ...without(attributes, ids.messageDigest),
        attribute(ids.messageDigest, octetString(digestOf(document, hash)), octetString(digestOf(other, hash))),
      ],
    })),
    'signed with a digest attribute that is empty': beforeSigning((attributes) => ({
      attributes: [...without(attributes, ids.messageDigest), attribute(ids.messageDigest)],
    })),
    'signed with the digest as another type of string': beforeSigning((attributes, { hash }) => ({
      attributes: [
        ...without(attributes, ids.messageDigest),
        attribute(ids.messageDigest, tlv(0x0c, digestOf(document, hash))),
      ],
    })),
    'signed with an attribute of more than a type and values': beforeSigning((attributes) => ({
      attributes: [...attributes, sequence(unheardOf, tlv(0x31, none), none)],
    })),
    'signed with an attribute that is no SEQUENCE': beforeSigning((attributes) => ({
      attributes: [...attributes, ids.data],
    })),
    'signed with an attribute whose type is no object identifier': beforeSigning((attributes) => ({
      attributes: [...attributes, attribute(integer(1), integer(1))],
    })),
    'signed with SHA-512, and saying so': beforeSigning((_, form) => ({
      hash: 'sha512',
      digestAlgorithm: sequence(ids.sha512),
      ...(form.key !== 'dsa' && { signatureAlgorithm: sequence(ids.sha512WithRsa, none) }),
    })),
    'signed, but not JSON': (form) => signedMessage('instance', form),
    'signed, but an array and a newline': (form) => signedMessage('[]\n', form),
    'signed, but without an account': (form) => signedMessage(document.replace('accountId', 'account'), form),
  },
  signature: {
    'signed with attributes, but over the content alone': beforeSigning(() => ({
      covered: () => Buffer.from(document),
    })),
    'signed over the attributes as they are sent, not as a SET': beforeSigning((attributes) => ({
      covered: () => tlv(0xa0, ...attributes),
    })),
    'signed with a digest of no length': beforeSigning((attributes) => ({
      attributes: [...without(attributes, ids.messageDigest), attribute(ids.messageDigest, octetString(Buffer.of()))],
    })),
    'signed with the digest by another algorithm': beforeSigning((attributes) => ({
      attributes: [...without(attributes, ids.messageDigest), messageDigest(document, 'sha512')],
    })),
    'signed with SHA-512, and not saying so': beforeSigning((attributes, { key }) => ({
      hash: key === 'dsa' ? 'sha256' : 'sha512',
      attributes,
    })),
    'signed with padding by PSS': (form) => {
      const pieces = signedPieces(document, form);
      const covered = Buffer.concat([Buffer.of(0x31), pieces.signer.attributes.subarray(1)]);
      const signature = sign(form.hash, covered, {
        key: signer('rsa2048').privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
      });
      return assemble({ ...pieces, signer: { ...pieces.signer, signature: octetString(signature) } });
    },
  },
};

/** The contents of an OCTET STRING, whatever the form of its length. */
const rawSignature = (element: Buffer): Buffer =>
  element.subarray(element.readUInt8(1) < 0x80 ? 2 : (element.readUInt8(1) & 0x7f) + 2);

/** Changes to a signature's text after which it is not strict base64. */
const misspellings: Readonly<Record<string, (base64: string) => string>> = {
  'an empty text': () => '',
  'only line breaks': () => '\n\n',
  'the last character missing': (base64) => base64.slice(0, -1),
  'one more character': (base64) => `${base64}A`,
  'too much padding': (base64) => `${base64}====`,
  'a space within': (base64) => `${base64.slice(0, 40)} ${base64.slice(40)}`,
  'a null within': (base64) => `${base64.slice(0, 40)}\0${base64.slice(40)}`,
  'characters outside base64': (base64) => `${base64.slice(0, 40)}!!!!${base64.slice(40)}`,
  'a letter outside ASCII': (base64) => `${base64.slice(0, 40)}é${base64.slice(40)}`,
  base64url: (base64) => `-_-_${base64.slice(4)}`,
  'base64 of its base64': (base64) => Buffer.from(base64).toString('base64'),
  'the decoded bytes as text': (base64) => Buffer.from(base64, 'base64').toString('latin1'),
  'hexadecimal digits': (base64) => Buffer.from(base64, 'base64').toString('hex'),
  'armour of another kind': (base64) => `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----`,
  'armour without an end': (base64) => `-----BEGIN PKCS7-----\n${base64}`,
  'armour with another end': (base64) => `-----BEGIN PKCS7-----\n${base64}\n-----END CMS-----`,
  'armour twice': (base64) => `-----BEGIN PKCS7-----\n${base64}\n-----END PKCS7-----\n`.repeat(2),
  'text before the armour': (base64) => `see:\n-----BEGIN PKCS7-----\n${base64}\n-----END PKCS7-----`,
};

describe('verifyIdentityDocument(): a forged document', () => {
  before(() => {
    for (const type of ['rsa1024', 'rsa2048', 'dsa'] as const)
      for (const name of ['aws', 'another region', 'attacker']) signer(type, name);
  });

  describe('within a signature of any form', () => {
    const input = ({ kind }: Form, bytes: Buffer): IdentityProof => ({ kind, signature: bytes.toString('base64') });

    it(
      'holds when nothing is forged',
      inEveryForm(async (form) => {
        const { document: verified } = await verifyIdentityDocument(
          input(form, signedMessage(document, form)),
          trust(form),
        );
        assert.deepEqual(verified, JSON.parse(document));
      }),
    );

    for (const forgeries of [forgedWithoutKey, madeOtherwise])
      for (const [reason, messages] of Object.entries(forgeries) as [IdentityFault, Forgeries[IdentityFault]][])
        for (const [title, message] of Object.entries(messages ?? {}))
          it(
            `is refused: ${title}`,
            inEveryForm((form) => refuses(input(form, message(form)), trust(form), reason)),
          );

    for (const [title, misspell] of Object.entries(misspellings))
      it(
        `is refused: ${title}`,
        inEveryForm((form) => {
          const signature = misspell(signedMessage(document, form).toString('base64'));
          return refuses({ kind: form.kind, signature }, trust(form), 'malformed');
        }),
      );

    it(
      'is refused as another kind of signature',
      inEveryForm(async (form) => {
        const { kind } = form;
        const signature = lines(signedMessage(document, form));
        const certificates = (['rsa2048', 'pkcs7', 'signature'] as const).flatMap((each) =>
          form.key === 'dsa' && each !== 'pkcs7'
            ? []
            : [{ kind: each, region: 'us-east-1', certificate: signer(form.key).publicKey }],
        );
        const options = { builtInKeys: false, certificates };
        await verifyIdentityDocument({ kind, signature, document }, options);
        const another = kind === 'rsa2048' ? 'pkcs7' : 'rsa2048';
        await refuses({ kind: another, signature, document }, options, 'malformed');
        await refuses({ kind: 'signature', signature, document }, options, 'signature', 'unknown-region');
      }),
    );

    it(
      'is refused when it names the algorithm of another type of key',
      inEveryForm(async (form) => {
        if (form.kind !== 'pkcs7') return;
        const named = sequence(form.key === 'dsa' ? ids.sha1WithRsa : ids.dsaWithSha1);
        const message = signerAfterSigning(() => ({ signatureAlgorithm: named }))(form);
        await refuses(input(form, message), trust(form), 'signature');
      }),
    );

    it(
      'is refused beside a document that it does not contain',
      inEveryForm(async (form) => {
        const signature = lines(signedMessage(document, form));
        const altered = [`${document}\n`, ` ${document}`, JSON.stringify(JSON.parse(document)), other, '', '{}'];
        for (const each of altered)
          await refuses({ kind: form.kind, signature, document: each }, trust(form), 'mismatch');
      }),
    );

    it(
      'is refused when cut off anywhere',
      inEveryForm(async (form) => {
        const message = signedMessage(document, form);
        for (let length = 0; length < message.length; length++)
          await refuses(input(form, message.subarray(0, length)), trust(form), 'malformed');
      }),
    ).timeout(longMs);

    it(
      'is refused with any octet changed, except in the name and number of the certificate',
      inEveryForm(async (form) => {
        const message = signedMessage(document, form);
        const { issuer, serialNumber } = signer(form.key);
        const ignored = sequence(issuer, serialNumber);
        const from = message.indexOf(ignored);
        for (let at = 0; at < message.length; at++) {
          const forged = input(form, changedAt(message, at));
          if (at < from || at >= from + ignored.length) await refuses(forged, trust(form));
          else await unharmed(forged, form);
        }
      }),
    ).timeout(longMs);

    it(
      'is refused with an octet removed or inserted anywhere',
      inEveryForm(async (form) => {
        const message = signedMessage(document, form);
        for (let at = 0; at < message.length; at += 3) {
          const before = message.subarray(0, at);
          await refuses(input(form, Buffer.concat([before, message.subarray(at + 1)])), trust(form));
          await refuses(input(form, Buffer.concat([before, Buffer.of(0), message.subarray(at)])), trust(form));
        }
      }),
    ).timeout(longMs);
  });

  describe('beside its signature', () => {
    const signature = (): Buffer => detachedSignature(document);
    const input = (bytes: Buffer, signed: string | Buffer = document): IdentityProof => ({
      kind: 'signature',
      signature: bytes.toString('base64'),
      document: signed,
    });

    it('holds when nothing is forged', async () => {
      const { document: verified } = await verifyIdentityDocument(input(signature()), trust());
      assert.deepEqual(verified, JSON.parse(document));
    });

    const signedBy = (hash: string, padding = constants.RSA_PKCS1_PADDING): Buffer =>
      sign(hash, Buffer.from(document), { key: signer('rsa1024').privateKey, padding });

    const forged: readonly [string, IdentityFault, () => IdentityProof][] = [
      ['another document', 'signature', () => input(signature(), other)],
      ['a newline at the end', 'signature', () => input(signature(), `${document}\n`)],
      ['a carriage return in every line', 'signature', () => input(signature(), document.replaceAll('\n', '\r\n'))],
      ['a space at the beginning', 'signature', () => input(signature(), ` ${document}`)],
      ['the JSON re-printed', 'signature', () => input(signature(), JSON.stringify(JSON.parse(document)))],
      ['one letter in another case', 'signature', () => input(signature(), document.replace('ami-', 'AMI-'))],
      ['a byte order mark', 'malformed', () => input(signature(), `\ufeff${document}`)],
      ['UTF-16', 'malformed', () => input(signature(), Buffer.from(document, 'utf16le'))],
      ['no document', 'malformed', () => ({ kind: 'signature', signature: lines(signature()) })],
      ['an empty document', 'malformed', () => input(signature(), '')],
      ['not JSON', 'malformed', () => input(detachedSignature('signed'), 'signed')],
      ['JSON that is no document', 'malformed', () => input(detachedSignature('[]'), '[]')],
      [
        "another region's key",
        'signature',
        () => input(detachedSignature(document, signer('rsa1024', 'another region'))),
      ],
      ['another region', 'signature', () => input(detachedSignature(foreign), foreign)],
      ['a foreign key', 'signature', () => input(detachedSignature(document, signer('rsa1024', 'attacker')))],
      ['a longer foreign key', 'signature', () => input(detachedSignature(document, signer('rsa2048', 'attacker')))],
      ['the signature of another document', 'signature', () => input(detachedSignature(other))],
      ['SHA-1', 'signature', () => input(signedBy('sha1'))],
      ['SHA-512', 'signature', () => input(signedBy('sha512'))],
      ['padding by PSS', 'signature', () => input(signedBy('sha256', constants.RSA_PKCS1_PSS_PADDING))],
      ['an octet behind the signature', 'signature', () => input(Buffer.concat([signature(), Buffer.of(0)]))],
      ['an octet before the signature', 'signature', () => input(Buffer.concat([Buffer.of(0), signature()]))],
      ['the signature twice', 'signature', () => input(Buffer.concat([signature(), signature()]))],
      ['a signature of zeros', 'signature', () => input(Buffer.alloc(128))],
      ['a signature of ones', 'signature', () => input(Buffer.concat([Buffer.alloc(127), Buffer.of(1)]))],
      ['the digest as signature', 'signature', () => input(digestOf(document, 'sha256'))],
      ['the document as signature', 'signature', () => input(Buffer.from(document))],
      ['the certificate as signature', 'signature', () => input(signer('rsa1024').certificate)],
    ];
    for (const [title, reason, make] of forged) it(`is refused: ${title}`, () => refuses(make(), trust(), reason));

    // One that is base64 after all, or decodes to other bytes, fails as a signature.
    for (const [title, misspell] of Object.entries(misspellings)) {
      it(`is refused: ${title}`, () =>
        refuses(
          { kind: 'signature', signature: misspell(signature().toString('base64')), document },
          trust(),
          'malformed',
          'signature',
        ));
    }

    it('is refused with its signature cut off anywhere', async () => {
      for (let length = 0; length < signature().length; length++)
        await refuses(input(signature().subarray(0, length)), trust());
    });

    it('is refused with any octet of document or signature changed', async () => {
      const whole = Buffer.from(document);
      for (let at = 0; at < whole.length; at++) await refuses(input(signature(), changedAt(whole, at)), trust());
      const made = signature();
      for (let at = 0; at < made.length; at++) await refuses(input(changedAt(made, at)), trust());
    });
  });
});

/** Changes to unsigned bytes that nothing depends on have no effect, or are refused as malformed. */
async function unharmed(input: IdentityProof, form: Form): Promise<void> {
  try {
    const { document: verified } = await verifyIdentityDocument(input, trust(form));
    assert.deepEqual(verified, JSON.parse(document));
  } catch (error) {
    assert.ok(isIdentityError(error) && error.reason === 'malformed', String(error));
  }
}
