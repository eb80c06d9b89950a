import type { WaitingClock } from '../client/clock.js';
import type { Call } from '../client/single-flight.js';
import { ImdsCredentialsError, ImdsDecodeError, isNotFound } from '../errors.js';
import { iamInfo, type RoleCredentials, roleCredentials } from '../metadata/documents.js';
import { stopwatch } from './schedule.js';

/**
 * Reads the text at a path from the service, past the cache.
 *
 * @returns the text, and when it was served: milliseconds since 1970 by the `Date` header
 * @throws ImdsNotFoundError when there is nothing
 */
export type ReadNow = (
  path: string,
  options: { readonly deadlineMs: number; readonly fresh?: boolean | undefined },
) => Promise<{ text: string; servedAt: number }>;

interface Served {
  readonly path: string;
  readonly text: string;
  /** When it was asked for, by this machine's clock, in milliseconds since 1970. */
  readonly askedAt: number;
  /** The service's clock less this machine's. */
  readonly aheadMs: number;
  readonly elapsedMs: () => number;
  /** This machine, or the answer before, has the service's clock at the same time. */
  readonly isConfirmed: boolean;
}

/** Credentials, and the service's clock in milliseconds since 1970. */
export interface RoleAnswer {
  readonly document: RoleCredentials;
  readonly serviceClock: () => number;
}

const rolesPath = 'iam/security-credentials/';
// More than a request takes, and less than matters to credentials.
const sameTimeMs = 60_000;
// AWS STS gives a role at most twelve hours.
const longestLifeMs = 24 * 60 * 60_000;

/** The instance's role: finds its credentials, or the reason why there are none. */
export class Role {
  readonly #readNow: ReadNow;
  readonly #clock: WaitingClock;
  #listed: string | undefined;
  #aheadMs = 0;

  constructor(readNow: ReadNow, clock: WaitingClock) {
    this.#readNow = readNow;
    this.#clock = clock;
  }

  /**
   * @param wanted name of the role; by default the first that the service lists
   * @throws ImdsCredentialsError, ImdsDecodeError, and every error of a failed request
   */
  async credentials(wanted: string | undefined, call: Call): Promise<RoleAnswer> {
    let answer = await this.#find(wanted, call);
    if (!answer) throw await this.#explain(wanted, call);
    // One wrong `Date` header must not decide how long credentials live, so another answer has to confirm it.
    for (let reads = 1; ; reads += 1) {
      const served: Served = answer;
      const document = credentialsIn(served);
      if (believes(served, document)) return { document, serviceClock: clockOf(served, served.aheadMs) };
      answer = reads < 3 ? await this.#read(served.path, call).catch(() => undefined) : undefined;
      if (!answer) return { document, serviceClock: clockOf(served, likeliest(served, document)) };
    }
  }

  async #find(wanted: string | undefined, call: Call): Promise<Served | undefined> {
    const name = wanted ?? this.#listed;
    const served = name === undefined ? undefined : await this.#read(rolesPath + name, call);
    if (served || wanted !== undefined) return served;
    // Another role may be attached by now.
    this.#listed = await this.#list(call);
    return this.#listed === undefined ? undefined : await this.#read(rolesPath + this.#listed, call);
  }

  /** The role that the service lists. The name of the instance profile, in `iam/info`, may differ. */
  async #list(call: Call): Promise<string | undefined> {
    const name = /\S.*/.exec((await this.#read(rolesPath, call))?.text ?? '')?.[0].trim();
    if (name !== undefined && !/^[\w+=,.@:/-]+$/.test(name))
      throw new ImdsDecodeError(`Expected the name of a role from ${rolesPath}, got something else`);
    return name;
  }

  async #read(path: string, call: Call): Promise<Served | undefined> {
    const elapsedMs = stopwatch(this.#clock);
    const askedAt = this.#clock.wallClock();
    try {
      const { text, servedAt } = await this.#readNow(path, {
        deadlineMs: Math.max(1, call.deadline - this.#clock.running()),
        fresh: call.fresh,
      });
      const aheadMs = servedAt - askedAt;
      const isConfirmed = [0, this.#aheadMs].some((known) => Math.abs(aheadMs - known) <= sameTimeMs);
      this.#aheadMs = aheadMs;
      return { path, text, askedAt, aheadMs, elapsedMs, isConfirmed };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The error for a missing role, as exact as the service allows. */
  async #explain(wanted: string | undefined, call: Call): Promise<ImdsCredentialsError> {
    const orNothing = <T>(read: Promise<T>) => read.catch(() => undefined);
    const listed = wanted === undefined ? undefined : await orNothing(this.#list(call));
    if (listed !== undefined && listed !== wanted)
      return noRole(
        `the instance has the role ${listed}, not ${wanted}`,
        'Leave out the option roleName, or attach an instance profile that contains this role.',
      );
    const read = this.#read('iam/info', call);
    const info = await orNothing(read.then((served) => served && iamInfo(Buffer.from(served.text), served.path)));
    if (info === undefined)
      return noRole(
        'no IAM role is attached to this instance',
        'Attach an instance profile: aws ec2 associate-iam-instance-profile --instance-id <id> --iam-instance-profile ' +
          'Name=<profile>. Its role appears after some seconds.',
      );
    if (info.Code !== 'Success') return notSuccess('for the instance profile', info.Code, info.Message);
    return noRole(
      `the instance profile gives no role${info.Message ? `: ${inOneLine(info.Message)}` : ''}`,
      'Add a role to it: aws iam add-role-to-instance-profile --instance-profile-name <profile> --role-name <role>. ' +
        'It appears after some seconds.',
    );
  }
}

const clockOf =
  ({ askedAt, elapsedMs }: Served, aheadMs: number) =>
  (): number =>
    askedAt + aheadMs + elapsedMs();

/** A clock that is far from this machine's needs another witness, and to leave the credentials no longer than AWS gives them. */
const believes = ({ askedAt, aheadMs, isConfirmed }: Served, { Expiration }: RoleCredentials): boolean =>
  Math.abs(aheadMs) <= sameTimeMs || (isConfirmed && Date.parse(Expiration) - askedAt - aheadMs <= longestLifeMs);

/** The later of both clocks, but not one by which the credentials have ended. */
const likeliest = ({ askedAt, aheadMs }: Served, { Expiration }: RoleCredentials): number =>
  [Math.max(0, aheadMs), Math.min(0, aheadMs)].find((ahead) => askedAt + ahead < Date.parse(Expiration)) ?? 0;

function credentialsIn({ path, text }: Served): RoleCredentials {
  const document = roleCredentials(Buffer.from(text), path);
  if (document.AccessKeyId !== undefined) return document;
  throw notSuccess(`for the role ${path.slice(rolesPath.length)}`, document.Code, document.Message);
}

const noRole = (message: string, hint: string) => new ImdsCredentialsError(message, { reason: 'no-role', hint });

const hints: ReadonlyMap<string | undefined, string> = new Map([
  [
    'AssumeRoleUnauthorizedAccess',
    'The trust policy of the role has to allow the service principal ec2.amazonaws.com the action sts:AssumeRole.',
  ],
  [
    'InstanceProfileNotFound',
    'The instance profile was deleted, or deleted and created again: replace the association, aws ec2 ' +
      'replace-iam-instance-profile-association --association-id <id> --iam-instance-profile Name=<profile>.',
  ],
]);

/** The service answers 200 with a `Code` other than `Success` when EC2 got no credentials from AWS STS. */
function notSuccess(subject: string, serviceCode?: string, message?: string): ImdsCredentialsError {
  const said = [serviceCode, message].flatMap((text) => (text ? inOneLine(text) : []));
  return new ImdsCredentialsError(`there are no credentials ${subject}: ${said.join(': ')}`, {
    reason: 'not-success',
    serviceCode,
    hint: hints.get(serviceCode) ?? 'See "Troubleshoot IAM and Amazon EC2" in the IAM User Guide.',
  });
}

/** A text of the service as one line of at most 300 characters. */
const inOneLine = (text: string): string =>
  text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 300);
