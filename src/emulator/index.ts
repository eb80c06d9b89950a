import { type Answer, empty, page } from './answers.js';
import { instanceTree } from './instance.js';
import { isOwnHost, type Listener, listen, type Reception } from './listener.js';
import {
  changeOptions,
  type EmulatorOptions,
  type InstanceOptions,
  type InstanceSettings,
  readOptions,
} from './options.js';
import { type Asked, answerTo, versionOf } from './service.js';
import { SessionTokens } from './tokens.js';
import { MetadataTree, type Tree, type Value } from './tree.js';

export { EmulatorOptionError, type EmulatorOptions, type InstanceOptions, type InstanceSettings } from './options.js';
export type { Content, DatedContent, Tree, Value } from './tree.js';

/** One request that arrived. It holds no header, so no session token. */
export interface SeenRequest {
  readonly method: string;
  /** As it was sent, such as `/latest/meta-data/instance-id`. */
  readonly path: string;
  /** 2 if it asked for a session token or carried one, else 1. */
  readonly version: 1 | 2;
  /** Status of the answer, or `unanswered` if none was sent. */
  readonly status: number | 'unanswered';
  /** What a computed value of the tree threw; the answer was a 500. */
  readonly error?: unknown;
}

/** An instance metadata service of your own. */
export interface Emulator {
  /** Where it listens, without a slash at the end, such as `http://127.0.0.1:41253`. */
  readonly url: string;
  /** One URL for each `host`. */
  readonly urls: readonly string[];
  /** Environment variables that lead AWS's SDKs and tools, and this package, to the emulator. */
  readonly env: Readonly<Record<string, string>>;
  /** The instance's options as they are now. Changed by `configure`. */
  readonly options: InstanceOptions;
  /** The latest 10,000 requests, oldest first. The same array for the emulator's whole life. */
  readonly requests: readonly SeenRequest[];
  /**
   * Changes options of the running instance, at once; those not named stay.
   *
   * @throws EmulatorOptionError naming the option and what is accepted
   */
  configure(settings: InstanceSettings): void;
  /**
   * Puts a value, or a directory of values, at a path, in place of what was there.
   *
   * @example
   * emulator.set('spot/instance-action', '{"action": "stop", "time": "2026-11-23T09:30:00Z"}');
   */
  set(path: string, value: Value | Tree): void;
  /** Takes a value or a directory away; the path is then answered 404. False if nothing was there. */
  remove(path: string): boolean;
  /** Ends every session token issued so far, as hibernation does: reads with one of them are answered 401. */
  expireTokens(): void;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const requestsKept = 10_000;

/**
 * Starts an emulator of the EC2 instance metadata service, on a free port of the loopback interface unless told
 * otherwise. It keeps the process alive until it is closed.
 *
 * @throws EmulatorOptionError for an option that cannot be used, the system's error if it cannot listen
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
 * @example
 * await using emulator = await createEmulator({ httpTokens: 'required' });
 * await fetch(`${emulator.url}/latest/meta-data/instance-id`); // 401
 */
export async function createEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { hosts, port, base, tree: laidOver, now, instance: initial } = readOptions(options);
  const launched = new Date(now());
  const tree = new MetadataTree();
  if (base === 'instance') tree.merge(instanceTree(launched), launched);
  tree.merge(laidOver, launched);
  const instance = { options: initial, tree, tokens: new SessionTokens(), launched, now };
  const requests: SeenRequest[] = [];

  const decide = (asked: Asked): { answer: Answer | undefined; error?: unknown } => {
    try {
      return { answer: isOwnHost(asked.headers.host, hosts) ? answerTo(asked, instance) : empty(new Date(now()), 403) };
    } catch (error) {
      return { answer: empty(new Date(now()), 500), error };
    }
  };
  const reception: Reception = {
    answer(asked) {
      const { answer, ...outcome } = decide(asked);
      const { method, target: path } = asked;
      requests.push({ method, path, version: versionOf(asked), status: answer?.status ?? 'unanswered', ...outcome });
      if (requests.length > requestsKept) requests.shift();
      return answer;
    },
    refuse: (status) => page(new Date(now()), status),
    servesIpv6: () => instance.options.httpProtocolIpv6 === 'enabled',
  };

  const listeners: Listener[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  };
  try {
    for (const host of hosts) listeners.push(await listen(host, port, reception));
  } catch (error) {
    await close();
    throw error;
  }
  const urls = Object.freeze(listeners.map((listener) => listener.url));
  const [url = ''] = urls;

  return {
    url,
    urls,
    env: Object.freeze({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url, AWS_EC2_METADATA_DISABLED: 'false' }),
    requests,
    get options() {
      return instance.options;
    },
    configure(settings) {
      instance.options = changeOptions(settings, instance.options);
    },
    set: (path, value) => tree.set(path, value, new Date(now())),
    remove: (path) => tree.remove(path, new Date(now())),
    expireTokens: () => instance.tokens.voidAll(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
