import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Stand, until, withBrowser } from './stand.js';

const end = (stand: Stand) => stand.page.getByRole('slider', { name: 'When end of spot-interruption is due' });
/** Seconds until the instance is gone. */
async function left(stand: Stand): Promise<number> {
  const { timeline, clock } = (await stand.control('state')) as {
    timeline: { time: string }[];
    clock: { now: string };
  };
  return (Date.parse(timeline[0]?.time ?? '') - Date.parse(clock.now)) / 1000;
}

describe('the timeline on the page', () => {
  const open = withBrowser();

  it('makes the events happen that people try most', async () => {
    const stand = await open({ scenario: { tree: { spot: null, events: null } } });
    const role = 'meta-data/iam/security-credentials/example-role';
    const before = (await stand.ask(role)).text;
    const token = await stand.token();
    await stand.press('Rebalance');
    await stand.answers('meta-data/events/recommendations/rebalance', 200);
    await stand.press('Maintenance');
    await stand.answers('meta-data/events/maintenance/scheduled', 200);
    await stand.press('Rotate credentials');
    await until(async () => JSON.parse((await stand.ask(role)).text).AccessKeyId !== JSON.parse(before).AccessKeyId);
    await stand.press('Expire tokens');
    await stand.answers('meta-data/mac', 401, { token });
    await stand.press('Detach the role');
    await stand.answers(role, 404);
    await stand.press('Attach a role');
    await stand.answers(role, 200);
    await stand.press('Spot interruption');
    await stand.answers('meta-data/spot/instance-action', 200);
    await stand.part('Timeline').getByText('a rebalance is recommended').waitFor();
  });

  it('brings what is to come about now, and the instance back', async () => {
    const stand = await open();
    await stand.press('Spot interruption');
    await stand.press('end of spot-interruption now');
    await stand.page.getByText('instance off').waitFor();
    await assert.rejects(stand.ask('meta-data/mac'), { code: 'ECONNREFUSED' });
    await stand.press('Start the instance');
    await stand.page.getByText('running', { exact: true }).waitFor();
    assert.equal((await stand.ask('meta-data/mac')).status, 200);
  });

  it('is dragged to another time, by the mouse and by keys', async () => {
    const stand = await open();
    await stand.press('Pause', stand.part('Timeline'));
    await stand.press('Spot interruption');
    await end(stand).waitFor();
    assert.ok(Math.abs((await left(stand)) - 120) < 0.1);
    const box = await end(stand).boundingBox();
    assert.ok(box);
    // Two of five minutes, to four.
    await stand.page.mouse.move(box.x + 8 + (box.width - 16) * 0.4, box.y + box.height / 2);
    await stand.page.mouse.down();
    await stand.page.mouse.move(box.x + 8 + (box.width - 16) * 0.8, box.y + box.height / 2, { steps: 5 });
    await stand.page.mouse.up();
    await until(async () => Math.abs((await left(stand)) - 240) < 5);
    const dragged = await left(stand);
    await end(stand).press('ArrowLeft');
    await until(async () => Math.abs((await left(stand)) - (dragged - 1)) < 0.6);
    await stand.press('Remove end of spot-interruption');
    await end(stand).waitFor({ state: 'detached' });
  });

  it('calls triggers', async () => {
    const stand = await open({ scenario: { timeline: [{ on: 'interrupt', event: 'detach-role' }] } });
    await stand.press('Trigger interrupt');
    await stand.answers('meta-data/iam', 404);
  });

  it('has a clock that is paused, hurried and moved forward, as the session tokens show', async () => {
    const stand = await open();
    const ttl = async (token: string): Promise<number> => {
      const { status, headers } = await stand.ask('meta-data/mac', { token });
      return status === 200 ? Number(headers['x-aws-ec2-metadata-token-ttl-seconds']) : 0;
    };
    const token = await stand.token(21_600);
    await stand.press('Pause', stand.part('Timeline'));
    await stand.page.getByRole('button', { name: 'Continue' }).waitFor();
    const paused = await ttl(token);
    await stand.press('Step 1 min');
    await until(async () => Math.abs((await ttl(token)) - (paused - 60)) <= 1);
    await stand.press('Step 10 s');
    await until(async () => Math.abs((await ttl(token)) - (paused - 70)) <= 1);
    await stand.page.getByLabel('Speed of the clock').selectOption('3600×');
    assert.ok(Math.abs((await ttl(token)) - (paused - 70)) <= 1);
    await stand.press('Continue');
    await until(async () => (await ttl(token)) === 0);
  });
});
