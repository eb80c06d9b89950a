import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { layout } from '../../../src/lab/layout.js';

describe('the network of a lab', () => {
  it('has no IPv6 where the kernel has none', () => {
    const script = layout({ place: 'container', trouble: 'locked', hasIpv6: false });
    const commands = [...script.matchAll(/<<'IP'\n([\s\S]*?)\nIP\n/g)].flatMap(([, batch = '']) => batch.split('\n'));
    assert.ok(commands.length > 20);
    assert.deepEqual(
      commands.filter((command) => /::|addrgenmode/.test(command)),
      [],
    );
    assert.doesNotMatch(script, /ipv6/);
  });
});
