import { useState } from 'preact/hooks';
import { timeText, useNow } from './measures.js';
import { ask } from './service.js';
import { attempt, useModel } from './store.js';

const speeds = [1, 10, 60, 600, 3600];
const steps = [
  ['10 s', 10_000],
  ['1 min', 60_000],
  ['1 h', 3_600_000],
] as const;

const change = (clock: object): void => void attempt(ask('POST', '/v1/clock', clock));

/** The emulator's clock: pause, speed and steps. */
export function ClockControl() {
  const clock = useModel(({ state }) => state?.clock);
  const now = useNow();
  const [chosen, setChosen] = useState(1);
  if (!clock) return null;
  const speed = clock.paused ? chosen : clock.speed;
  const offered = [...new Set([...speeds, speed])].sort((a, b) => a - b);
  const choose = (next: number): void => {
    setChosen(next);
    if (!clock.paused) change({ speed: next });
  };
  const toggle = (): void => {
    setChosen(speed);
    change({ speed: clock.paused ? speed : 0 });
  };
  return (
    <div class="clock">
      <time dateTime={new Date(now).toISOString()} title={`${new Date(now).toISOString().slice(0, 10)}, UTC`}>
        {timeText(now)}
      </time>
      <button type="button" aria-pressed={clock.paused} onClick={toggle}>
        {clock.paused ? 'Continue' : 'Pause'}
      </button>
      <select
        aria-label="Speed of the clock"
        value={speed}
        onChange={({ currentTarget }) => choose(Number(currentTarget.value))}
      >
        {offered.map((one) => (
          <option key={one} value={one}>
            {one}×
          </option>
        ))}
      </select>
      <span class="steps">
        {steps.map(([label, advanceMs]) => (
          <button key={label} type="button" aria-label={`Step ${label}`} onClick={() => change({ advanceMs })}>
            +{label}
          </button>
        ))}
      </span>
    </div>
  );
}
