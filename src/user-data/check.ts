import { type UserDataAgent, userDataAgents } from './agents.js';
import type { UserData, UserDataPart } from './decode.js';
import type { Flaw, FlawName } from './flaws.js';
import { isForCloudInit } from './kinds.js';

/**
 * `run`: the agent acts on the part. `refused`: it fails on it and says so in its log. `ignored`: it skips it, as meant
 * for others.
 */
export type UserDataFate = 'run' | 'refused' | 'ignored';

/** What would happen to a part. */
export interface UserDataPartCheck {
  /** The part, as returned by {@link decodeUserData}. */
  readonly part: UserDataPart;
  readonly fates: Readonly<Record<UserDataAgent, UserDataFate>>;
  /** Some agent runs it. */
  readonly runs: boolean;
}

/** The fate of user data on each kind of instance. */
export interface UserDataCheck {
  /** Every part would be run by some agent, and there are no flaws. */
  readonly isFine: boolean;
  readonly parts: readonly UserDataPartCheck[];
}

/**
 * Says what cloud-init, nodeadm (Amazon EKS), EC2Launch (Windows), Bottlerocket and Ignition would do with each part of user
 * data, as far as documented. Nothing is run, and the content of scripts and documents is not checked.
 *
 * @example
 * const { parts } = checkUserData(await decodeUserData(bytes));
 * const lost = parts.filter(({ runs }) => !runs);
 */
export function checkUserData(userData: UserData): UserDataCheck {
  const parts = userData.parts.map((part): UserDataPartCheck => {
    const fates = Object.fromEntries(
      userDataAgents.map((agent) => [agent, has(userData, 'too-large') ? 'refused' : rules[agent](part, userData)]),
      // These are all the agents.
    ) as Record<UserDataAgent, UserDataFate>;
    return Object.freeze({ part, fates: Object.freeze(fates), runs: Object.values(fates).includes('run') });
  });
  const isFine = userData.flaws.length === 0 && parts.every(({ part, runs }) => runs && part.flaws.length === 0);
  return Object.freeze({ isFine, parts: Object.freeze(parts) });
}

const has = ({ flaws }: { readonly flaws: readonly Flaw[] }, ...names: readonly FlawName[]): boolean =>
  flaws.some(({ flaw }) => names.includes(flaw));

/** The rules of each agent for a part. */
const rules: Readonly<Record<UserDataAgent, (part: UserDataPart, whole: UserData) => UserDataFate>> = {
  // The kernel executes a script, and refuses one without an interpreter.
  'cloud-init': (part) => {
    if (has(part, 'blank-before-shebang', 'no-shebang', 'carriage-return')) return 'refused';
    return isForCloudInit(part.kind) ? 'run' : 'ignored';
  },
  // Go's parser refuses the whole archive. Anything else must be a NodeConfig.
  // https://github.com/awslabs/amazon-eks-ami/tree/main/nodeadm/internal/configprovider
  nodeadm: (part, { isMime, isCut, parts }) => {
    const isConfig = part.kind === 'eks-node-config';
    if (!isMime) return isConfig ? 'run' : 'refused';
    if (!isConfig || has(part, 'media-type')) return 'ignored';
    return isCut || parts.some((each) => has(each, 'missing-empty-line')) ? 'refused' : 'run';
  },
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
  EC2Launch: (part) => (/^(?:windows|ec2launch)-/.test(part.kind) && !has(part, 'packed') ? 'run' : 'ignored'),
  // The whole is TOML, or gzipped TOML.
  // https://github.com/bottlerocket-os/bottlerocket/tree/develop/sources/api/early-boot-config
  Bottlerocket: (part) => asWhole(part, 'bottlerocket-settings'),
  Ignition: (part) => asWhole(part, 'ignition'),
};

/** For an agent that takes the whole, or nothing if it is empty. */
function asWhole(part: UserDataPart, kind: UserDataPart['kind']): UserDataFate {
  if (part.content.length === 0) return 'ignored';
  return part.kind === kind && !has(part, 'packed') ? 'run' : 'refused';
}
