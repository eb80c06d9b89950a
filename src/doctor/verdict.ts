/** The conclusion of a diagnosis. */
export type Verdict =
  | 'healthy'
  | 'hop-limit'
  | 'endpoint-disabled'
  | 'unreachable'
  | 'refused'
  | 'throttled'
  | 'foreign-responder'
  | 'v1-only'
  | 'disabled-by-setting'
  | 'not-ec2'
  | 'enclave'
  | 'locked'
  | 'other-family'
  | 'inconclusive';

/** The outcomes of the checks that affect the verdict, each in one word. */
export interface Outcomes extends Readonly<Partial<Words>> {}

interface Words {
  settings: 'usable' | 'disabled';
  endpoint: 'well-known' | 'custom';
  machine: 'ec2' | 'elsewhere' | 'unknown' | 'enclave';
  /** `locked`: this machine itself forbids it. */
  connection: 'made' | 'refused' | 'no-route' | 'locked' | 'silent';
  /** The well-known endpoint of the other IP family, tried when the first cannot be connected to. */
  family: 'answered' | 'silent';
  /** `lost`: connected and requested, but nothing came back. */
  token: 'granted' | 'lost' | 'forbidden' | 'malformed' | 'unsupported' | 'throttled' | 'unusable' | 'skipped';
  /** A read with the token, or if none was granted, with a made-up one, to which IMDS replies 401 at once. */
  read: 'answered' | 'token-demanded' | 'token-ignored' | 'forbidden' | 'throttled' | 'silent' | 'unusable' | 'skipped';
  /** The reads that follow. */
  load: 'throttled';
  responder: 'ec2' | 'other' | 'unknown';
  /** `near`: no router in between. */
  distance: 'near' | 'far' | 'unknown';
  /** A read without any token. */
  v1: 'answered' | 'silent' | 'skipped' | 'withheld';
}

type Row = readonly [verdict: Verdict, conditions: { readonly [Check in keyof Outcomes]?: readonly Outcomes[Check][] }];

const noConnection = ['refused', 'no-route', 'silent'] as const;
const noToken = ['forbidden', 'malformed', 'unsupported', 'unusable'] as const;
const mayLose = ['unknown', 'far'] as const;

/** The first row whose conditions all hold gives the verdict. */
const table: readonly Row[] = [
  ['disabled-by-setting', { settings: ['disabled'] }],
  ['throttled', { load: ['throttled'] }],
  ['healthy', { token: ['granted'], read: ['answered'] }],
  ['throttled', { token: ['throttled'] }],
  ['throttled', { token: ['granted', 'lost'], read: ['throttled'] }],
  ['v1-only', { token: noToken, read: ['token-ignored'], endpoint: ['custom'] }],
  ['foreign-responder', { token: noToken, responder: ['other'] }],
  ['v1-only', { token: noToken, read: ['token-ignored'] }],
  ['endpoint-disabled', { token: ['forbidden', 'lost'], read: ['forbidden'] }],
  ['refused', { token: ['forbidden', 'malformed', 'unsupported'] }],
  ['refused', { token: ['granted'], read: ['forbidden', 'token-demanded'] }],
  ['foreign-responder', { token: ['lost'], read: ['unusable'], responder: ['other'] }],
  ['hop-limit', { token: ['lost'], distance: mayLose, read: ['token-demanded', 'token-ignored'] }],
  ['hop-limit', { token: ['lost'], distance: mayLose, v1: ['answered'] }],
  ['locked', { connection: ['locked'] }],
  ['other-family', { connection: noConnection, family: ['answered'] }],
  ['enclave', { connection: noConnection, machine: ['enclave'], endpoint: ['well-known'] }],
  ['unreachable', { connection: noConnection, machine: ['ec2'] }],
  ['unreachable', { connection: noConnection, distance: ['near', 'far'] }],
  ['unreachable', { connection: noConnection, endpoint: ['custom'] }],
  ['not-ec2', { connection: noConnection }],
  ['inconclusive', {}],
];

/** The verdict from the outcomes of all checks. */
export function verdictOf(outcomes: Outcomes): Verdict {
  const holds = ([, conditions]: Row): boolean =>
    Object.entries(conditions).every(([check, accepted]) =>
      accepted.some((outcome) => outcome === outcomes[check as keyof Outcomes]),
    );
  return table.find(holds)?.[0] ?? 'inconclusive';
}
