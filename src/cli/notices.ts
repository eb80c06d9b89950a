import type { Notice, NoticeOf } from '../index.js';
import type { Io } from './io.js';
import { type Paint, printable } from './output.js';

/** A notice for people: when it was seen, its kind, and its content. */
export function noticeLine(notice: Notice, { bold, red }: Paint): string {
  const seconds = notice.seenAt.replace(/\.\d+Z$/, 'Z');
  const isUrgent = notice.kind === 'spot-interruption' && notice.change !== 'withdrawn';
  const kind = isUrgent ? red(bold(notice.kind)) : bold(notice.kind);
  return `${seconds} ${kind}: ${printable(words(notice).replace(/\s+/g, ' '))}\n`;
}

// Stands for a time that the service did not give, or not in a readable form.
const unknownTime = 'an unknown time';

function words(notice: Notice): string {
  const isGone = notice.change === 'withdrawn';
  switch (notice.kind) {
    case 'spot-interruption': {
      const { action = 'interruption', deadline = unknownTime, millisecondsLeft } = notice;
      if (isGone) return `withdrawn: no ${action} at ${deadline}`;
      const left = millisecondsLeft === undefined ? '' : `, ${Math.round(millisecondsLeft / 1000)} s left`;
      return `${action} at ${deadline}${left}`;
    }
    case 'rebalance': {
      const { noticeTime = unknownTime } = notice;
      return isGone ? `withdrawn: that of ${noticeTime}` : `recommended at ${noticeTime}`;
    }
    case 'maintenance':
      return `${isGone ? 'no longer scheduled: ' : ''}${maintenance(notice)}`;
    case 'target-lifecycle-state':
      if (isGone) return `none, was ${notice.state}`;
      return notice.previous ? `${notice.state}, was ${notice.previous.state}` : notice.state;
    case 'credentials': {
      const { role, code, expiration } = notice;
      if (isGone) return `no role, was ${role}`;
      return expiration === undefined ? `none of the role ${role}: ${code}` : `of the role ${role} until ${expiration}`;
    }
    case 'tags':
      return isGone ? 'none any more' : changes(notice.previous?.tags ?? {}, notice.tags);
    case 'addresses': {
      const { mac, previous } = notice;
      if (isGone) return `${mac} is no longer attached`;
      const now = all(notice);
      const text = previous ? [...without(now, all(previous), '+'), ...without(all(previous), now, '-')] : now;
      // Perhaps only the order changed: another address is the primary one.
      return `${mac} has ${text.length > 0 ? text.join(' ') : now.join(' ') || 'none'}`;
    }
  }
}

function maintenance({ event }: NoticeOf<'maintenance'>): string {
  const { Code = 'event', NotBefore = unknownTime, NotAfter, Description, EventId } = event;
  const more = `${Description ? `, ${Description}` : ''}${EventId ? ` (${EventId})` : ''}`;
  return `${Code} from ${NotBefore}${NotAfter ? ` to ${NotAfter}` : ''}${more}`;
}

type Tags = Readonly<Record<string, string>>;

/** The tags that are new or changed, and those that were removed. */
function changes(before: Tags, now: Tags): string {
  const set = Object.entries(now).filter(([key, value]) => before[key] !== value);
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(now, key));
  return [...set.map((tag) => tag.join('=')), ...gone.map((key) => `no ${key}`)].join(', ');
}

type Addresses = Omit<NonNullable<NoticeOf<'addresses'>['previous']>, 'mac'>;

const all = ({ localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix }: Addresses): readonly string[] =>
  [localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix].flat();

const without = (these: readonly string[], those: readonly string[], sign: string): readonly string[] =>
  these.filter((each) => !those.includes(each)).map((each) => sign + each);

const prefix = 'IMDS_NOTICE_';
// Linux allows 128 KiB per variable, and all of them count towards the limit for starting a program.
const longestValue = 32 * 1024;

/**
 * `IMDS_NOTICE_KIND`, `IMDS_NOTICE_MILLISECONDS_LEFT`, …: the strings and numbers of a notice. A variable cannot hold a
 * NUL, which is written `\x00`; longer values are left out, and so are an environment's variables of another notice.
 */
export function noticeEnv(notice: Notice, inherited: Io['env']): Io['env'] {
  const others = Object.keys(inherited).filter((name) => name.startsWith(prefix));
  const plain = Object.entries(notice)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([name, value]) => [
      `${prefix}${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`,
      String(value).replaceAll('\0', '\\x00'),
    ])
    .filter(([, value = '']) => Buffer.byteLength(value) <= longestValue);
  return { ...Object.fromEntries(others.map((name) => [name, undefined])), ...Object.fromEntries(plain) };
}
