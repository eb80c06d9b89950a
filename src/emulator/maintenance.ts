import { documents, eventDate } from './documents.js';
import { EmulatorOptionError } from './option-error.js';
import { isObject, oneOf } from './shape.js';
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

/** Maximum length of each list; each event reads and writes it. Real instances have one or two entries. */
const mostRows = 20;

/** Adds an event to `events/maintenance/scheduled`, replacing one with the same ID. */
export function schedule(
  tree: MetadataTree,
  { code, eventId, begin, end }: { code: Code; eventId: string; begin: Date; end: Date },
  at: Date,
): void {
  const others = rows(tree, 'scheduled', at).filter(({ EventId }) => EventId !== eventId);
  if (others.length >= mostRows)
    throw new EmulatorOptionError(`${mostRows} events are scheduled, which is the maximum`);
  const row = {
    NotBefore: eventDate(begin),
    Code: code,
    Description: descriptions[code],
    EventId: eventId,
    NotAfter: eventDate(end),
    State: 'active',
  };
  write(tree, 'scheduled', [...others, row], at);
}

/** Moves an event to `events/maintenance/history`. */
export function archive(tree: MetadataTree, eventId: string, outcome: 'completed' | 'canceled', at: Date): void {
  const scheduled = rows(tree, 'scheduled', at);
  const word = outcome === 'completed' ? '[Completed]' : '[Canceled]';
  const past = scheduled
    .filter(({ EventId }) => EventId === eventId)
    .map((row) => ({ ...row, Description: `${word} ${row['Description']}`, State: outcome }));
  const others = scheduled.filter(({ EventId }) => EventId !== eventId);
  write(tree, 'scheduled', others, at);
  write(tree, 'history', [...past, ...rows(tree, 'history', at)].slice(0, mostRows), at);
}

/** Anything that is not a row, in a list set by the user, is left out. */
function rows(tree: MetadataTree, list: 'scheduled' | 'history', at: Date): readonly Row[] {
  const found = tree.json(`meta-data/events/maintenance/${list}`, at);
  return Array.isArray(found) ? found.filter((row): row is Row => isObject(row)) : [];
}

function write(tree: MetadataTree, list: 'scheduled' | 'history', all: readonly Row[], at: Date): void {
  tree.set(`events/maintenance/${list}`, documents(all), at);
}
