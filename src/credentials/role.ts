import type { Clock } from '../client/clock.js';
import type { Reader } from '../client/reader.js';
import { abortRetry } from '../client/retry.js';
import type { Call } from '../client/single-flight.js';
import { ImdsCredentialsError, ImdsDecodeError, isNotFound } from '../errors.js';
import { json } from '../metadata/decode.js';
import { iamInfo, longestLifeMs, type RoleCredentials, roleCredentials } from '../metadata/documents.js';
import { steadyClock } from './schedule.js';

/** A text from the service, and its clock compared with this machine's. */
interface Served {
  readonly path: string;
  readonly text: string;
  readonly servedAt: number;
  /** This machine's clock. */
  readonly here: () => number;
  /** By how much the service's clock is ahead of it. */
  readonly aheadMs: number;
  /** True if the previous answer, or this machine's clock, agrees. */
  readonly isConfirmed: boolean;
}

const rolesPath = 'iam/security-credentials/';
// More than a request takes, and less than matters for credentials.
const sameTimeMs = 60_000;

/** The instance's role: finds its credentials, or the reason that there are none. */
export class Role {
  readonly #reader: Pick<Reader, 'ask'>;
  readonly #clock: Clock;
  #listed: string | undefined;
  #aheadMs = 0;

  constructor(reader: Pick<Reader, 'ask'>, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /**
   * @param wanted name of the role; default: the first one listed
   * @returns them, and the service's clock in milliseconds since the epoch
   * @throws ImdsCredentialsError, ImdsDecodeError, and any error of a failed request
   */
  async credentials(
    wanted: string | undefined,
    call: Call,
  ): Promise<{ document: RoleCredentials; serviceTime: () => number }> {
    const found = wanted === undefined ? await this.#find(call) : await this.#read(rolesPath + wanted, call);
    if (!found) throw await this.#explain(wanted, call);
    // One wrong `Date` header must not decide how long credentials are valid, so another reply must confirm it.
    let served = found;
    let document = credentialsIn(served);
    for (let reads = 1; reads < 3 && !isPlausible(served, document); reads += 1) {
      const again = await this.#read(served.path, call).catch(() => undefined);
      if (!again) break;
      served = again;
      document = credentialsIn(served);
    }
    const aheadMs = likelyAheadMs(served, document);
    return { document, serviceTime: () => served.here() + aheadMs };
  }

  /** The document of the listed role. Another may have been attached since any listing. */
  async #find(call: Call, name = this.#listed, listings = 2): Promise<Served | undefined> {
    const served = name === undefined ? undefined : await this.#read(rolesPath + name, call);
    if (served || listings === 0) return served;
    this.#listed = await this.#list(call);
    return this.#listed === undefined ? undefined : await this.#find(call, this.#listed, listings - 1);
  }

  /** The listed role. The name of the instance profile, in `iam/info`, may differ. */
  async #list(call: Call): Promise<string | undefined> {
    const name = /\S.*/.exec((await this.#read(rolesPath, call))?.text ?? '')?.[0].trim();
    // IAM names have at most 64 characters, but services that imitate IMDS may list ARNs.
    if (name !== undefined && !/^(?!(?:.*\/)?\.\.?(?:\/|$))[\w+=,.@:/-]{1,2048}$/.test(name))
      throw new ImdsDecodeError(`Expected the name of a role from ${rolesPath}, got something else`);
    return name;
  }

  async #read(path: string, { deadline, fresh }: Call): Promise<Served | undefined> {
    const here = steadyClock(this.#clock);
    const askedAt = here();
    try {
      const deadlineMs = Math.max(1, deadline - this.#clock.running());
      const { text, servedAt } = await this.#reader.ask(path, { deadlineMs, fresh });
      const aheadMs = servedAt - askedAt;
      const isConfirmed = [0, this.#aheadMs].some((known) => Math.abs(aheadMs - known) <= sameTimeMs);
      this.#aheadMs = aheadMs;
      return { path, text, servedAt, here, aheadMs, isConfirmed };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      // Each request was already retried.
      abortRetry(error);
    }
  }

  /** The error for a missing role, as precise as the service allows. */
  async #explain(wanted: string | undefined, call: Call): Promise<ImdsCredentialsError> {
    const listed = wanted === undefined ? this.#listed : await this.#list(call).catch(() => undefined);
    if (wanted !== undefined && listed !== undefined && listed !== wanted)
      return noRole(
        `the instance has the role ${listed}, not ${wanted}`,
        'Omit option roleName, or attach an instance profile that contains this role.',
      );
    const info = await this.#read('iam/info', call)
      .then((served) => served && json(iamInfo)(Buffer.from(served.text), served.path))
      .catch(() => undefined);
    if (info && info.Code !== 'Success') return notSuccess('for the instance profile', info.Code, info.Message);
    if (listed !== undefined)
      return noRole(
        `the service lists the role ${listed}, but has no credentials for it`,
        'They may take a few seconds to appear: the option waitMs (`--wait SECONDS`) waits for them.',
      );
    if (info === undefined)
      return noRole(
        'no IAM role is attached to this instance',
        'Attach an instance profile: aws ec2 associate-iam-instance-profile --instance-id <id> --iam-instance-profile ' +
          'Name=<profile>. Its role appears after a few seconds.',
      );
    return noRole(
      `the instance profile has no role${info.Message ? `: ${inOneLine(info.Message)}` : ''}`,
      'Add a role to it: aws iam add-role-to-instance-profile --instance-profile-name <profile> --role-name <role>. ' +
        'It appears after a few seconds.',
    );
  }
}

/** A clock far from this machine's needs confirmation, and must leave the credentials no longer than AWS gives them. */
const isPlausible = ({ servedAt, aheadMs, isConfirmed }: Served, { Expiration }: RoleCredentials): boolean =>
  Math.abs(aheadMs) <= sameTimeMs || (isConfirmed && Date.parse(Expiration) - servedAt <= longestLifeMs);

/** The service's clock if plausible; else the later of both clocks, unless the credentials have expired by it. */
function likelyAheadMs(served: Served, document: RoleCredentials): number {
  const { servedAt, aheadMs } = served;
  if (isPlausible(served, document)) return aheadMs;
  const later = Math.max(0, aheadMs);
  return servedAt - aheadMs + later < Date.parse(document.Expiration) ? later : Math.min(0, aheadMs);
}

function credentialsIn({ path, text }: Served): RoleCredentials {
  const document = json(roleCredentials)(Buffer.from(text), path);
  if (document.AccessKeyId !== undefined) return document;
  throw notSuccess(`for the role ${path.slice(rolesPath.length)}`, document.Code, document.Message);
}

const noRole = (message: string, hint: string) => new ImdsCredentialsError(message, { reason: 'no-role', hint });

const hints = new Map(
  Object.entries({
    AssumeRoleUnauthorizedAccess:
      'The trust policy of the role must allow the service principal ec2.amazonaws.com the action sts:AssumeRole.',
    InstanceProfileNotFound:
      'The instance profile was deleted, or deleted and created again: replace the association, aws ec2 ' +
      'replace-iam-instance-profile-association --association-id <id> --iam-instance-profile Name=<profile>.',
  }),
);

/** The service returns 200 with a `Code` other than `Success` if EC2 got no credentials from AWS STS. */
function notSuccess(subject: string, serviceCode?: string, message?: string): ImdsCredentialsError {
  const said = [serviceCode, message].flatMap((text) => (text ? inOneLine(text) : []));
  return new ImdsCredentialsError(`there are no credentials ${subject}: ${said.join(': ')}`, {
    reason: 'not-success',
    serviceCode,
    hint: hints.get(serviceCode ?? '') ?? 'See "Troubleshoot IAM and Amazon EC2" in the IAM User Guide.',
  });
}

/** Text from the service as one line of at most 300 characters. */
const inOneLine = (text: string): string =>
  text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 300);
