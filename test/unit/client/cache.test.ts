import assert from 'node:assert/strict';
import { Cache, type Keep } from '../../../src/client/cache.js';
import { systemClock } from '../../../src/client/clock.js';

interface Entry {
  readonly body: Buffer | undefined;
}

const entry = (text = 'value'): Entry => ({ body: Buffer.from(text) });
const forLife: Keep = { forMs: Number.POSITIVE_INFINITY, survivesStop: true };
const untilStop: Keep = { forMs: Number.POSITIVE_INFINITY, survivesStop: false };
const brief: Keep = { forMs: 1000, survivesStop: false };
const not: Keep = { forMs: 0, survivesStop: false };

describe('Cache', () => {
  let time: number;
  let wallTime: number;
  let cache: Cache<Entry>;
  beforeEach(() => {
    time = 0;
    wallTime = 0;
    cache = new Cache(10, { ...systemClock, now: () => time, wallClock: () => wallTime });
  });

  async function fill(count: number, value: Entry): Promise<void> {
    for (let index = 0; index < count; index++) {
      await cache.open();
      cache.set(`/${index}`, value, forLife, cache.epoch);
    }
  }

  it('knows nothing at first', () => assert.equal(cache.get('/a'), undefined));

  it('returns the same entry that was set', () => {
    const value = entry();
    cache.set('/a', value, brief, cache.epoch);
    assert.equal(cache.get('/a'), value);
    assert.equal(cache.get('/b'), undefined);
  });

  it('keeps an absence like a value', () => {
    cache.set('/a', { body: undefined }, brief, cache.epoch);
    assert.deepEqual(cache.get('/a'), { body: undefined });
  });

  it('returns an entry before its maximum age, not at it', () => {
    time = 500;
    cache.set('/a', entry(), brief, cache.epoch);
    time = 1499;
    assert.ok(cache.get('/a'));
    time = 1500;
    assert.equal(cache.get('/a'), undefined);
    time = 501;
    assert.equal(cache.get('/a'), undefined, 'not even by a clock that runs backwards');
  });

  it('gives no entry past its maximum age after a hibernation, in which the monotonic clock stood still', () => {
    cache.set('/a', entry(), brief, cache.epoch);
    wallTime = 60_999;
    assert.ok(cache.get('/a'));
    wallTime = 61_000;
    assert.equal(cache.get('/a'), undefined);
  });

  it('gives no entry past its maximum age because the wall clock was set back', () => {
    wallTime = 5000;
    cache.set('/a', entry(), brief, cache.epoch);
    wallTime = 0;
    time = 999;
    assert.ok(cache.get('/a'));
    time = 1000;
    assert.equal(cache.get('/a'), undefined);
  });

  it('gives an entry without a maximum age forever', () => {
    cache.set('/a', entry(), forLife, cache.epoch);
    time = Number.MAX_SAFE_INTEGER;
    wallTime = Number.MAX_SAFE_INTEGER;
    assert.ok(cache.get('/a'));
  });

  it('restarts the age when a value is replaced', () => {
    cache.set('/a', entry('old'), brief, cache.epoch);
    time = 900;
    cache.set('/a', entry('new'), brief, cache.epoch);
    time = 1800;
    assert.equal(cache.get('/a')?.body?.toString(), 'new');
  });

  it('forgets the earlier value when a later one is not to be kept', () => {
    cache.set('/a', entry('old'), forLife, cache.epoch);
    cache.set('/a', entry('new'), not, cache.epoch);
    assert.equal(cache.get('/a'), undefined);
  });

  it('forgets after a stop and start what may then be another, and keeps the rest', () => {
    cache.set('/immutable', entry(), forLife, cache.epoch);
    cache.set('/stop-start', entry(), untilStop, cache.epoch);
    cache.set('/live', entry(), brief, cache.epoch);
    cache.startEpoch();
    assert.deepEqual(
      ['/immutable', '/stop-start', '/live'].map((path) => cache.get(path) !== undefined),
      [true, false, false],
    );
  });

  it('does not keep what was read before a stop and start, unless it cannot change', () => {
    const before = cache.epoch;
    cache.set('/stop-start', entry('old'), untilStop, before);
    cache.startEpoch();
    assert.notEqual(cache.epoch, before);
    cache.set('/stop-start', entry('late'), untilStop, before);
    cache.set('/immutable', entry('late'), forLife, before);
    assert.equal(cache.get('/stop-start'), undefined);
    assert.equal(cache.get('/immutable')?.body?.toString(), 'late');
    cache.set('/stop-start', entry('new'), untilStop, cache.epoch);
    assert.equal(cache.get('/stop-start')?.body?.toString(), 'new');
  });

  it('evicts the least recently used entry when there are too many', async () => {
    await fill(10, entry());
    cache.get('/0');
    await cache.open();
    cache.set('/10', entry(), forLife, cache.epoch);
    assert.ok(cache.get('/0'));
    assert.equal(cache.get('/1'), undefined);
    assert.ok(cache.get('/10'));
  });

  it('holds no more than 16 MiB together, whatever the number of entries', async () => {
    cache = new Cache(1000, { ...systemClock, now: () => time });
    await fill(40, { body: Buffer.alloc(1024 * 1024) });
    const kept = Array.from({ length: 40 }, (_, index) => cache.get(`/${index}`)).filter((each) => each !== undefined);
    assert.ok(kept.length >= 14 && kept.length <= 16, `${kept.length} are kept`);
    assert.ok(cache.get('/39'));
  });

  it('can hold an empty body', () => {
    cache.set('/a', entry(''), brief, cache.epoch);
    assert.equal(cache.get('/a')?.body?.length, 0);
  });

  it('forgets everything when it is cleared', () => {
    cache.set('/a', entry(), forLife, cache.epoch);
    cache.clear();
    assert.equal(cache.get('/a'), undefined);
  });
});
