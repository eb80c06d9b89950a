import { documents, eventDate } from './documents.js';
import { EmulatorOptionError } from './option-error.js';
import { oneOf } from './shape.js';
import type { MetadataTree } from './tree.js';

const descriptions = {
  'instance-stop': 'The instance is running on degraded hardware',
  'instance-retirement': 'The instance is running on degraded hardware',
  'instance-reboot': 'scheduled reboot',
  'system-reboot': 'scheduled reboot',
  'system-maintenance': 'scheduled maintenance',
} as const;
type Code = keyof typeof descriptions;

export const maintenanceCode = oneOf(...(Object.keys(descriptions) as Code[]));

type Row = Readonly<Record<string, string>>;

/** Of each list; each event reads and writes it. Real instances have one or two. */
const mostRows = 20;

/** An event as the service lists it, scheduled. */
export function maintenanceEvent(code: Code, eventId: string, begin: Date, end: Date): Row {
  return {
    NotBefore: eventDate(begin),
    Code: code,
    Description: descriptions[code],
    EventId: eventId,
    NotAfter: eventDate(end),
    State: 'active',
  };
}

/** The same event in the history. */
function ended(event: Row, outcome: 'completed' | 'canceled'): Row {
  const word = outcome === 'completed' ? '[Completed]' : '[Canceled]';
  return { ...event, Description: `${word} ${event['Description']}`, State: outcome };
}

/** Adds an event to `events/maintenance/scheduled`. */
export function schedule(tree: MetadataTree, event: Row, at: Date): void {
  const scheduled = rows(tree, 'scheduled', at);
  if (scheduled.length >= mostRows)
    throw new EmulatorOptionError(`${mostRows} events are scheduled, which is the most`);
  write(tree, 'scheduled', [...scheduled, event], at);
}

/** Moves an event to `events/maintenance/history`. */
export function archive(tree: MetadataTree, eventId: string, outcome: 'completed' | 'canceled', at: Date): void {
  const scheduled = rows(tree, 'scheduled', at);
  const past = scheduled.filter(({ EventId }) => EventId === eventId).map((event) => ended(event, outcome));
  const others = scheduled.filter(({ EventId }) => EventId !== eventId);
  write(tree, 'scheduled', others, at);
  write(tree, 'history', [...past, ...rows(tree, 'history', at)].slice(0, mostRows), at);
}

function rows(tree: MetadataTree, list: 'scheduled' | 'history', at: Date): readonly Row[] {
  const found = tree.json(`meta-data/events/maintenance/${list}`, at);
  return Array.isArray(found) ? found : [];
}

function write(tree: MetadataTree, list: 'scheduled' | 'history', all: readonly Row[], at: Date): void {
  tree.set(`events/maintenance/${list}`, documents(all), at);
}
