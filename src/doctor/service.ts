import { isIP } from 'node:net';
import { codeOf, ImdsResponseError, ImdsUnreachableError } from '../errors.js';
import { inHops } from './distance.js';
import { otherFamily, socketOf, wellKnown } from './endpoint.js';
import type { Checks, Facts } from './facts.js';
import { type Answers, isLost, isSilence } from './probe.js';
import type { Outcomes } from './verdict.js';

const slowMs = 500;
// AWS refuses signatures that are off by five minutes ("Troubleshoot SigV4 requests", IAM User Guide).
const clockFailsMs = 5 * 60_000;
const clockWarnsMs = 60_000;

const took = (tookMs: number): string => `${Math.round(tookMs)} ms`;

const socketFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ENOTSOCK: 'that is not a socket',
  EACCES: 'this user may not open it',
};
// The local firewall causes these, too; but without any route there is no source address, either.
const noRoute = /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL)$/;

/** The meaning of a status other than 200 of a token request. */
const tokenStatuses: readonly (readonly [statuses: RegExp, words: string, outcome: Required<Outcomes>['token']])[] = [
  [/400/, 'considered malformed', 'malformed'],
  [/40[13]/, 'refused', 'forbidden'],
  [/40[45]|50[12]/, 'it issues no session tokens', 'unsupported'],
  [/429|503/, 'too many requests', 'throttled'],
  [/200/, 'but that is not a session token', 'unusable'],
  [/.*/, 'which is not a reply of IMDS', 'unusable'],
];

/** The checks of the replies, in the order of the report. */
export const serviceChecks: Checks<[Answers, Facts]> = {
  connection({ token: { error, tookMs }, routes }, { settings: { endpoint }, family }) {
    if (!(error instanceof ImdsUnreachableError)) return ['ok', `to ${endpoint}: made`, 'made'];
    const code = codeOf(error.cause) ?? 'unknown';
    const failed = (words: string, outcome: Required<Outcomes>['connection'] = 'refused') =>
      ['fail', `to ${endpoint}: ${words} (${code})`, outcome] as const;
    if (code === 'ETIMEDOUT')
      return failed(`no answer within ${took(tookMs)}, packets are dropped on the way`, 'silent');
    if (socketOf(endpoint)) return failed(socketFaults[code] ?? 'refused');
    if (/^(ENOTFOUND|EAI_.*)$/.test(code)) return failed('its name cannot be resolved');
    const isRouted = routes?.some((route) => route.family === family && route.from) ?? false;
    // Over IPv6 a remote firewall may cause it, too; then there is a route.
    if (/^(EACCES|EPERM)$/.test(code) && !(isRouted && family === 'IPv6'))
      return failed('forbidden by a prohibit route, or a rule for this process', 'locked');
    if (/^(ECONN|EACCES|EPERM)/.test(code)) return failed('refused, by a firewall or because nothing listens');
    if (!noRoute.test(code)) return failed('the attempt failed');
    return isRouted ? failed('rejected on the way') : failed('there is no route', 'no-route');
  },

  family({ other }, { family }) {
    if (!other) return undefined;
    const address = family ? wellKnown[otherFamily[family]] : 'the other endpoint';
    return other.status === 401 || other.instanceId
      ? ['warn', `${address} answers`, 'answered']
      : ['skip', `${address} does not answer either`, 'silent'];
  },

  token({ token: { granted, status, error, tookMs, attempts } }) {
    if (error instanceof ImdsUnreachableError) return ['skip', 'not requested', 'skipped'];
    if (isLost(error))
      return ['fail', `requested ${attempts} times in ${took(tookMs)}: connected, but no reply came`, 'lost'];
    if (status === undefined) return ['fail', error?.message ?? '', 'unusable'];
    if (granted) {
      const words = `granted in ${took(tookMs)}`;
      if (!granted.hasTtl) return ['warn', `${words}, without the TTL that IMDS states`, 'granted'];
      if (attempts > 1)
        return ['warn', `${words}, after ${attempts} requests: packets get lost, or the service is slow`, 'granted'];
      return [tookMs > slowMs ? 'warn' : 'ok', `${words} for ${granted.ttlSeconds} s`, 'granted'];
    }
    const [, words, outcome = 'unusable'] = tokenStatuses.find(([statuses]) => statuses.test(`${status}`)) ?? [];
    return ['fail', `the request returned ${status}: ${words}`, outcome];
  },

  responder({ token, read }) {
    const isHttp = !(token.error instanceof ImdsResponseError && token.error.fault === 'not-http');
    const responses = [token.response, read?.response].filter((response) => isHttp && response !== undefined);
    if (isHttp && responses.length === 0) return ['skip', 'nothing answered', 'unknown'];
    const names = responses.map((response) => response?.header('server'));
    if (names.includes('EC2ws')) return ['ok', 'calls itself EC2ws, as IMDS does', 'ec2'];
    const name = names.find(Boolean);
    const words = name ? `calls itself ${name.slice(0, 40)}` : 'gives no name';
    return ['warn', `${words}, IMDS calls itself EC2ws: an emulator, an interceptor or another cloud`, 'other'];
  },

  compatibility({ missing }) {
    if (!missing) return undefined;
    if (missing.length === 0) return ['ok', 'does what IMDS does: TTL, 401 for a made-up token, identity document'];
    return ['warn', `a compatible service that lacks some of what IMDS does: ${missing.join(', ')}`];
  },

  distance({ distance, isMeasurable, token }) {
    if (!isMeasurable) return ['skip', 'not measured: the endpoint is not the well-known one', 'unknown'];
    const isTokenLost = isLost(token.error);
    const silence = 'not measured: neither the time service nor the DNS beside IMDS answers';
    if (!distance) return [isTokenLost ? 'warn' : 'skip', silence, 'unknown'];
    const { hops, by } = distance;
    const service = by.speaks === 'NTP' ? 'the time service' : 'the DNS';
    const words = `${inHops(hops)}, measured by ${service}${isIP(by.address) ? ` at ${by.address}` : ''}`;
    const outcome = hops === 1 ? 'near' : 'far';
    return [isTokenLost && hops > 1 ? 'fail' : 'ok', `${words}: the hop limit must be at least ${hops}`, outcome];
  },

  allowance({ allowance }) {
    if (!allowance) return undefined;
    if ('why' in allowance) return ['skip', `dropped packets are not counted: ${allowance.why}`];
    const { device, dropped } = allowance;
    if (dropped === 0) return ['ok', `${device} has dropped none of the packets to IMDS`];
    const why = 'more than 1024 a second went to IMDS, DNS and time service (linklocal_allowance_exceeded)';
    return ['warn', `${device} has dropped ${dropped} packets since it came up: ${why}`];
  },

  read({ read, token }) {
    if (!read) return ['skip', 'no connection', 'skipped'];
    const { status, error } = read;
    if (error && isSilence(error)) return ['fail', 'not answered', 'silent'];
    if (status === undefined) return ['fail', error?.message ?? '', 'unusable'];
    if (status === 401)
      return token.granted
        ? ['fail', 'the fresh token was refused (401)', 'token-demanded']
        : ['ok', 'reads are answered: a valid token is required (401)', 'token-demanded'];
    if (status === 403) return ['fail', 'refused (403)', 'forbidden'];
    if (read.isThrottled) return ['fail', `too many requests (${status})`, 'throttled'];
    if (status !== 200) return ['fail', `not a reply of IMDS (${status})`, 'unusable'];
    if (!read.instanceId) return ['fail', 'answered, but not with an instance ID (200)', 'unusable'];
    if (!token.granted) return ['warn', 'answered regardless of the token (200)', 'token-ignored'];
    return ['ok', 'answered (200)', 'answered'];
  },

  v1({ v1 }) {
    if (v1 === undefined) return ['skip', 'no request without a token: it would show nothing more', 'skipped'];
    if ('withheldBy' in v1) return ['skip', `no request without a token: forbidden by ${v1.withheldBy}`, 'withheld'];
    const { status } = v1;
    const words = `one request without a token: ${status ? `answered ${status}` : 'not answered'}`;
    return status === 200 || status === 401 ? ['ok', words, 'answered'] : ['fail', words, 'silent'];
  },

  load: ({ details }) =>
    details?.isThrottled ? ['fail', 'some reads returned 429 or 503: too many requests', 'throttled'] : undefined,

  identity({ details, read }, { platform: { instanceId } }) {
    const served = details && read?.instanceId;
    if (served === undefined || instanceId === undefined) return undefined;
    if (served === instanceId) return ['ok', `${served}, as the firmware says`];
    return [
      'warn',
      `${served} is served, but the firmware says ${instanceId}: this is the metadata of another instance`,
    ];
  },

  role({ details }) {
    if (!details) return undefined;
    const { role } = details;
    if (role === 'none') return ['warn', 'no role: no instance profile is attached, so there are no credentials'];
    if (role === 'unreadable') return ['warn', 'could not be read'];
    const { name, document } = role;
    if (!document) return ['fail', `${name}: its credentials could not be read`];
    if (document.AccessKeyId === undefined)
      return [
        'fail',
        `${name}: ${(document.Code ?? document.Message ?? '').slice(0, 80)}; see the role's trust policy`,
      ];
    if (Date.parse(document.Expiration) <= Date.now())
      return ['fail', `${name}: its credentials expired at ${document.Expiration}`];
    return ['ok', `${name}: its credentials are valid`];
  },

  tags({ details }) {
    if (!details) return undefined;
    if (details.tags === 'unreadable') return ['warn', 'could not be read'];
    return ['ok', details.tags === 'served' ? 'served' : 'not served: InstanceMetadataTags is off, or there are none'];
  },

  clock({ token, read }) {
    const served = Date.parse((token.response ?? read?.response)?.header('date') ?? '');
    if (Number.isNaN(served)) return ['skip', 'nothing to compare it with'];
    const aheadMs = Date.now() - served;
    const offMs = Math.abs(aheadMs);
    // The header has only whole seconds.
    if (offMs < 2000) return ['ok', 'agrees with the service'];
    const words = `${Math.round(offMs / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the service`;
    if (offMs > clockFailsMs) return ['fail', `${words}: signed requests to AWS are refused`];
    return [offMs > clockWarnsMs ? 'warn' : 'ok', words];
  },
};
