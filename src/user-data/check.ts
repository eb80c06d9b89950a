import { type UserDataAgent, userDataAgents } from './agents.js';
import type { UserData, UserDataPart } from './decode.js';
import type { Flaw, FlawName } from './flaws.js';
import { isForCloudInit } from './kinds.js';

/**
 * `run`: the agent does what the part says. `refused`: it fails on it, and says so in its log. `ignored`: it passes over it,
 * as what others act on.
 */
export type UserDataFate = 'run' | 'refused' | 'ignored';

/** What would happen to a part. */
export interface UserDataPartCheck {
  /** The part, as {@link decodeUserData} gives it. */
  readonly part: UserDataPart;
  readonly fates: Readonly<Record<UserDataAgent, UserDataFate>>;
  /** Some agent runs it. */
  readonly runs: boolean;
}

/** What would happen to user data, on each kind of instance. */
export interface UserDataCheck {
  /** Every part would be run by some agent, and nothing is flawed. */
  readonly isFine: boolean;
  readonly parts: readonly UserDataPartCheck[];
}

/**
 * Says what cloud-init, nodeadm (Amazon EKS), EC2Launch (Windows), Bottlerocket and Ignition would do with each part of user
 * data, as far as they document it. Nothing is run, and what is inside a script or document is not looked at.
 *
 * @example
 * const { parts } = checkUserData(await decodeUserData(bytes));
 * const lost = parts.filter(({ runs }) => !runs);
 */
export function checkUserData(userData: UserData): UserDataCheck {
  const parts = userData.parts.map((part): UserDataPartCheck => {
    const fates = Object.fromEntries(
      userDataAgents.map((agent) => [agent, has(userData, 'too-large') ? 'refused' : rules[agent](part, userData)]),
      // The agents are all that there are.
    ) as Record<UserDataAgent, UserDataFate>;
    return Object.freeze({ part, fates: Object.freeze(fates), runs: Object.values(fates).includes('run') });
  });
  const isFine = userData.flaws.length === 0 && parts.every(({ part, runs }) => runs && part.flaws.length === 0);
  return Object.freeze({ isFine, parts: Object.freeze(parts) });
}

const has = ({ flaws }: { readonly flaws: readonly Flaw[] }, ...names: readonly FlawName[]): boolean =>
  flaws.some(({ flaw }) => names.includes(flaw));

/** What each agent does with a part. */
const rules: Readonly<Record<UserDataAgent, (part: UserDataPart, whole: UserData) => UserDataFate>> = {
  // The kernel executes a script, and refuses one without an interpreter.
  'cloud-init': (part) => {
    if (has(part, 'blank-before-shebang', 'no-shebang', 'carriage-return')) return 'refused';
    return isForCloudInit(part.kind) ? 'run' : 'ignored';
  },
  // Go's parser refuses the archive as a whole. What is no archive has to be a NodeConfig.
  // https://github.com/awslabs/amazon-eks-ami/tree/main/nodeadm/internal/configprovider
  nodeadm: (part, { isMime, isCut, parts }) => {
    const isConfig = part.kind === 'eks-node-config';
    if (!isMime) return isConfig ? 'run' : 'refused';
    if (!isConfig || has(part, 'media-type')) return 'ignored';
    return isCut || parts.some((each) => has(each, 'missing-empty-line')) ? 'refused' : 'run';
  },
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
  EC2Launch: (part) => (/^(?:windows|ec2launch)-/.test(part.kind) && !has(part, 'packed') ? 'run' : 'ignored'),
  // The whole is TOML, or gzip of it.
  // https://github.com/bottlerocket-os/bottlerocket/tree/develop/sources/api/early-boot-config
  Bottlerocket: (part) => asWhole(part, 'bottlerocket-settings'),
  Ignition: (part) => asWhole(part, 'ignition'),
};

/** For an agent that takes the whole, or nothing when it is empty. */
function asWhole(part: UserDataPart, kind: UserDataPart['kind']): UserDataFate {
  if (part.content.length === 0) return 'ignored';
  return part.kind === kind && !has(part, 'packed') ? 'run' : 'refused';
}
