import { useState } from 'preact/hooks';
import { Card } from './card.js';
import { ClockControl } from './clock-control.js';
import { spanText, timeText, useNow } from './measures.js';
import { ask, type Pending } from './service.js';
import { attempt, useModel } from './store.js';

const happen = (event: object): void => void attempt(ask('POST', '/v1/events', event));

const buttons = [
  { label: 'Spot interruption', run: () => happen({ event: 'spot-interruption' }) },
  { label: 'Rebalance', run: () => happen({ event: 'rebalance' }) },
  { label: 'Maintenance', run: () => happen({ event: 'maintenance' }) },
  { label: 'Rotate credentials', run: () => happen({ event: 'rotate-credentials' }) },
  { label: 'Expire tokens', run: () => void attempt(ask('POST', '/v1/tokens/expire')) },
];

/** The pending and past events, and their clock. */
export function Timeline() {
  const hasRole = useModel(({ tree }) => tree['meta-data'] instanceof Object && 'iam' in tree['meta-data']);
  const isRunning = useModel(({ state }) => state?.running ?? true);
  const triggers = useModel(({ state }) => state?.triggers);
  const names = [...new Set(triggers?.map(({ on }) => on))];
  const role = hasRole
    ? { label: 'Detach the role', run: () => happen({ event: 'detach-role' }) }
    : { label: 'Attach a role', run: () => happen({ event: 'attach-role' }) };
  const start = isRunning ? [] : [{ label: 'Start the instance', run: () => happen({ event: 'resume' }) }];
  const waiting = names.map((name) => ({ label: `Trigger ${name}`, run: () => happen({ trigger: name }) }));
  return (
    <Card title="Timeline">
      <ClockControl />
      <div class="buttons">
        {[...start, ...buttons, role, ...waiting].map(({ label, run }) => (
          <button key={label} type="button" onClick={run}>
            {label}
          </button>
        ))}
      </div>
      <Coming />
      <Past />
    </Card>
  );
}

const horizons = [60_000, 300_000, 900_000, 3_600_000, 6 * 3_600_000, 86_400_000, 7 * 86_400_000];

function Coming() {
  const timeline = useModel(({ state }) => state?.timeline ?? none);
  const now = useNow();
  const last = Math.max(0, ...timeline.map(({ time }) => Date.parse(time) - now));
  const horizon = horizons.find((one) => one >= last) ?? last;
  return (
    <>
      <h3>To come</h3>
      {timeline.length === 0 && <p class="quiet">Nothing is due.</p>}
      <ul class="coming">
        {timeline.map((one) => (
          <Item key={one.id} pending={one} left={Date.parse(one.time) - now} horizon={horizon} />
        ))}
      </ul>
    </>
  );
}

const none: readonly Pending[] = [];

/** An event to drag to another time with a slider, whose left end is now. */
function Item({ pending, left, horizon }: { pending: Pending; left: number; horizon: number }) {
  const { id, event } = pending;
  const [dragged, setDragged] = useState<number>();
  const name = event.part === 'end' ? `end of ${event.event}` : event.event;
  const details = Object.entries(event).filter(([key]) => key !== 'event' && key !== 'part');
  const move = async (ms: number): Promise<void> => {
    await attempt(ask('PATCH', `/v1/events/${id}`, { in: Math.round(ms) }));
    setDragged(undefined);
  };
  const shown = Math.max(0, dragged ?? left);
  return (
    <li>
      <span class="name">{name}</span>
      <span class="due">in {spanText(shown)}</span>
      <button type="button" aria-label={`${name} now`} onClick={() => void move(0)}>
        Now
      </button>
      <button
        type="button"
        class="plain"
        aria-label={`Remove ${name}`}
        onClick={() => void attempt(ask('DELETE', `/v1/events/${id}`))}
      >
        ✕
      </button>
      <input
        type="range"
        aria-label={`When ${name} is due`}
        aria-valuetext={`in ${spanText(shown)}`}
        min={0}
        max={horizon}
        step={1000}
        value={shown}
        onInput={({ currentTarget }) => setDragged(currentTarget.valueAsNumber)}
        onChange={({ currentTarget }) => void move(currentTarget.valueAsNumber)}
      />
      {details.length > 0 && (
        <span class="quiet detail">{details.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')}</span>
      )}
    </li>
  );
}

function Past() {
  const happened = useModel((model) => model.happened);
  if (happened.length === 0) return null;
  return (
    <>
      <h3>Happened</h3>
      <ol class="past">
        {happened.toReversed().map(({ time, event, detail, error }, index) => (
          <li key={`${time} ${event} ${index}`}>
            <span class="time">{timeText(time)}</span> <b>{event}</b>{' '}
            <span class={error === undefined ? 'quiet' : 'bad'}>{error ?? detail}</span>
          </li>
        ))}
      </ol>
    </>
  );
}
