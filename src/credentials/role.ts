import { type Clock, sleep } from '../client/clock.js';
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
  options: { readonly deadlineMs: number },
) => Promise<{ text: string; servedAt: number }>;

interface Served {
  readonly path: string;
  readonly text: string;
  /** The service's clock, in milliseconds since 1970: when it served this, plus the time since. */
  readonly serviceClock: () => number;
}

const rolesPath = 'iam/security-credentials/';
// A role appears some seconds after its profile was attached or the instance launched, so the first call waits.
const firstWaitsMs = [250, 500, 1000];

/** The instance's role: finds its credentials, or the reason why there are none. */
export class Role {
  readonly #readNow: ReadNow;
  readonly #clock: Clock;
  #listed: string | undefined;
  #waitsMs: readonly number[] = firstWaitsMs;

  constructor(readNow: ReadNow, clock: Clock) {
    this.#readNow = readNow;
    this.#clock = clock;
  }

  /**
   * @param wanted name of the role; by default the first that the service lists
   * @param deadline on the monotonic clock
   * @returns the credentials' document, and the service's clock
   * @throws ImdsCredentialsError, ImdsDecodeError, and every error of a failed request
   */
  async credentials(
    wanted: string | undefined,
    deadline: number,
  ): Promise<{ document: RoleCredentials; serviceClock: () => number }> {
    let served = await this.#find(wanted, deadline);
    for (const ms of this.#waitsMs) {
      if (served || this.#clock.now() + ms >= deadline) break;
      await sleep(this.#clock, ms);
      served = await this.#find(wanted, deadline);
    }
    this.#waitsMs = [];
    if (!served) throw await this.#explain(wanted, deadline);

    const { path, text, serviceClock } = served;
    const document = roleCredentials(Buffer.from(text), path);
    if (document.AccessKeyId === undefined)
      throw notSuccess(`for the role ${path.slice(rolesPath.length)}`, document.Code, document.Message);
    return { document, serviceClock };
  }

  async #find(wanted: string | undefined, deadline: number): Promise<Served | undefined> {
    const name = wanted ?? this.#listed;
    const served = name === undefined ? undefined : await this.#read(rolesPath + name, deadline);
    if (served || wanted !== undefined) return served;
    // Another role may be attached by now.
    this.#listed = await this.#list(deadline);
    return this.#listed === undefined ? undefined : await this.#read(rolesPath + this.#listed, deadline);
  }

  /** The role that the service lists. The name of the instance profile, in `iam/info`, may differ. */
  async #list(deadline: number): Promise<string | undefined> {
    const name = /\S.*/.exec((await this.#read(rolesPath, deadline))?.text ?? '')?.[0].trim();
    if (name !== undefined && !/^[\w+=,.@:/-]+$/.test(name))
      throw new ImdsDecodeError(`Expected the name of a role from ${rolesPath}, got something else`);
    return name;
  }

  async #read(path: string, deadline: number): Promise<Served | undefined> {
    const elapsedMs = stopwatch(this.#clock);
    try {
      const { text, servedAt } = await this.#readNow(path, { deadlineMs: Math.max(1, deadline - this.#clock.now()) });
      return { path, text, serviceClock: () => servedAt + elapsedMs() };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The error for a missing role, as exact as the service allows. */
  async #explain(wanted: string | undefined, deadline: number): Promise<ImdsCredentialsError> {
    const orNothing = <T>(read: Promise<T>) => read.catch(() => undefined);
    const listed = wanted === undefined ? undefined : await orNothing(this.#list(deadline));
    if (listed !== undefined && listed !== wanted)
      return noRole(
        `the instance has the role ${listed}, not ${wanted}`,
        'Leave out the option roleName, or attach an instance profile that contains this role.',
      );
    const read = this.#read('iam/info', deadline);
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
