import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { namesReply, timeReply } from '../../../src/lab/datagrams.js';

describe('the time service of a lab', () => {
  const question = Buffer.alloc(48);
  question[0] = 0b00_100_011;
  question.write('transmit', 40, 'latin1');

  it('repeats the transmit timestamp of the question and tells the time (RFC 5905)', () => {
    const reply = timeReply(question, Date.UTC(2026, 0, 1) + 500);
    assert.ok(reply);
    assert.equal(reply[0], 0b00_100_100);
    assert.equal(reply.toString('latin1', 24, 32), 'transmit');
    // Seconds since 1900, and half of one.
    assert.equal(reply.readUInt32BE(40), 3_976_214_400);
    assert.equal(reply.readUInt32BE(44), 2 ** 31);
  });

  it('ignores anything that is not a question', () => assert.equal(timeReply(Buffer.alloc(47), 0), undefined));
});

describe('the name server of a lab', () => {
  const question = (name: string, type: number): Buffer => {
    const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
    return Buffer.concat([
      Buffer.from([7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      ...labels,
      Buffer.from([0, 0, type, 0, 1]),
    ]);
  };

  it('knows the name of IMDS, in any case', () => {
    const reply = namesReply(question('Instance-Data.ec2.internal', 1));
    assert.deepEqual([...(reply?.subarray(0, 8) ?? [])], [7, 8, 0x81, 0x80, 0, 1, 0, 1]);
    assert.deepEqual([...(reply?.subarray(-4) ?? [])], [169, 254, 169, 254]);
  });

  it('has no other address for it', () => {
    const asked = question('instance-data.ec2.internal', 28);
    const reply = namesReply(asked);
    assert.deepEqual([...(reply?.subarray(2, 8) ?? [])], [0x81, 0x80, 0, 1, 0, 0]);
    assert.equal(reply?.length, asked.length);
  });

  it('refuses other names', () => {
    assert.deepEqual([...(namesReply(question('example.com', 1))?.subarray(2, 8) ?? [])], [0x81, 0x85, 0, 1, 0, 0]);
  });

  for (const [what, datagram] of [
    ['too short', Buffer.alloc(11)],
    ['cut within its name', question('example.com', 1).subarray(0, 16)],
    ['without a question', Buffer.alloc(20)],
    ['with a label longer than itself', Buffer.concat([question('a', 1).subarray(0, 12), Buffer.from([255, 1])])],
  ] as const)
    it(`says nothing to a datagram ${what}`, () => assert.equal(namesReply(datagram), undefined));
});
