import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useModel } from './store.js';

const tickMs = 250;

/** The current time of the emulator's clock, in milliseconds since the epoch; updated as it ticks. */
export function useNow(): number {
  const clock = useModel(({ state }) => state?.clock);
  const arrived = useModel((model) => model.arrived);
  const [, tick] = useState<unknown>();
  const isRunning = clock !== undefined && !clock.paused;
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => tick({}), tickMs);
    return () => clearInterval(timer);
  }, [isRunning]);
  return clock ? Date.parse(clock.now) + (performance.now() - arrived) * clock.speed : 0;
}

/** The current width of an element. */
export function useWidth<Of extends HTMLElement>(): readonly [{ current: Of | null }, number] {
  const element = useRef<Of>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** `1 h 5 min`: the two largest non-zero units. */
export function spanText(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000) * 1000);
  const parts = units.flatMap(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.slice(0, 2).join(' ') || '0 s';
}

/** `09:00:10`, in UTC like all AWS times. */
export const timeText = (time: number | string): string => new Date(time).toISOString().slice(11, 19);
