import { isIPv4, isIPv6 } from 'node:net';
import { ipv4Text, ipv6Text, isTelling, type Network, numberOf, replaceNetworks, shortestPrefix } from './addresses.js';

/*
 * What stands in for what tells whose instance it is. The values of one kind are put in order and numbered, and the
 * replacements have the same order: what has been replaced once is replaced by itself.
 */

/** What a name is of; where one is of several things, the first of these. */
const nameKinds = [
  'role',
  'profile',
  'key',
  'group',
  'placement',
  'host',
  'domain',
  'product',
  'resource',
  'tag',
  'value',
] as const;
export type NameKind = (typeof nameKinds)[number];

/** By length, then by characters: the order of numbers without leading zeros. */
const inOrder = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/** Names that people gave, replaced as a whole. */
export class Names {
  readonly #kinds = new Map<string, NameKind>();

  /** Notes a name. */
  add(kind: NameKind, name: string): void {
    const known = this.#kinds.get(name);
    if (known === undefined || nameKinds.indexOf(kind) < nameKinds.indexOf(known)) this.#kinds.set(name, kind);
  }

  /** The replacement of each name. */
  replacements(): ReadonlyMap<string, string> {
    return new Map(
      nameKinds.flatMap((kind) => {
        const names = [...this.#kinds].filter(([, of]) => of === kind).map(([name]) => name);
        return names.sort(inOrder).map((name, index) => [name, nameOf(kind, index + 1)] as const);
      }),
    );
  }
}

// One word, so that it does not look like an address together with what is next to it. RFC 2606 keeps `.example` free.
const nameOf = (kind: NameKind, number: number): string => `${kind}${number}${kind === 'domain' ? '.example' : ''}`;

const character = '[\\w.:/-]';

/** Gives a function that replaces names where they stand as words in a sentence. */
export function inSentences(names: ReadonlyMap<string, string>): (text: string) => string {
  const words = [...names.keys()].sort((a, b) => inOrder(b, a)).map((name) => name.replace(/[^\w\s]/g, '\\$&'));
  if (words.length === 0) return (text) => text;
  const pattern = new RegExp(`(?<!${character})(?:${words.join('|')})(?![\\w:/-]|\\.\\w)`, 'g');
  return (text) => text.replace(pattern, (name) => names.get(name) ?? name);
}

/** What is known by its form. */
type Token =
  | { readonly kind: 'network'; readonly network: Network; readonly print: (base: bigint) => string }
  | { readonly kind: 'mac' | 'account'; readonly text: string }
  /** `start` is what stays, `length` that of the rest. */
  | { readonly kind: 'id' | 'unique-id'; readonly text: string; readonly start: string; readonly length: number };

const longest = { 4: 32, 6: 128 } as const;

const addressToken = (version: 4 | 6, text: string, print: (base: bigint) => string): Token => ({
  kind: 'network',
  network: { version, base: numberOf(version, text), length: longest[version] },
  print,
});

/** An address, or the network that it is in. */
function addressOrNetwork(text: string): Token | undefined {
  const [first = '', prefix] = text.split('/');
  const version = isIPv4(first) ? 4 : isIPv6(first) ? 6 : undefined;
  if (version === undefined) return undefined;
  const isLong = !first.includes('::');
  const printed = (base: bigint): string => (version === 4 ? ipv4Text(base) : ipv6Text(base, isLong));
  if (prefix === undefined) return addressToken(version, first, printed);
  const length = Number(prefix);
  if (length < shortestPrefix[version] || length > longest[version]) return undefined;
  const host = BigInt(longest[version] - length);
  const network: Network = { version, base: (numberOf(version, first) >> host) << host, length };
  return { kind: 'network', network, print: (base) => `${printed(base)}/${prefix}` };
}

/** What is known by its form, and how it is read; undefined for what only looks like it. The first that fits counts. */
const forms: readonly { readonly form: string; readonly read: (text: string) => Token | undefined }[] = [
  {
    form: '(?<![\\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\\w:])',
    read: (text) => ({ kind: 'mac', text: text.toLowerCase() }),
  },
  {
    form: '(?<![\\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:/\\d{1,3})?(?![\\w:]|\\.\\d)',
    read: addressOrNetwork,
  },
  {
    // ip-10-0-1-10.ec2.internal, ec2-192-0-2-54.compute-1.amazonaws.com
    form: '(?<![\\w-])(?:ip|ec2)-\\d{1,3}(?:-\\d{1,3}){3}(?![\\w-])',
    read(text) {
      const [start = '', ...parts] = text.split('-');
      const dotted = parts.join('.');
      return isIPv4(dotted)
        ? addressToken(4, dotted, (base) => `${start}-${ipv4Text(base).replaceAll('.', '-')}`)
        : undefined;
    },
  },
  { form: '(?<![\\w.])\\d{1,3}(?:\\.\\d{1,3}){3}(?:/\\d{1,2})?(?![\\w]|\\.\\d)', read: addressOrNetwork },
  {
    // Those of EC2 have 8 or 17 digits, those of accelerators 32. What bp- stands before tells a product of AWS.
    form: '(?<![\\w-])(?!bp-)[a-z]+(?:-[a-z]+)*-(?:[0-9a-f]{32}|[0-9a-f]{17}|[0-9a-f]{8})(?![\\w-])',
    read(text) {
      const start = text.slice(0, text.lastIndexOf('-') + 1);
      return { kind: 'id', text, start, length: text.length - start.length };
    },
  },
  {
    // IAM's unique identifiers and access key IDs (IAM User Guide, "IAM identifiers"), but not those of examples.
    form: '(?<![A-Za-z0-9])(?![A-Z0-9]*EXAMPLE(?![A-Za-z0-9]))(?:ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)[A-Z0-9]{12,124}(?![A-Za-z0-9])',
    read: (text) => ({ kind: 'unique-id', text, start: text.slice(0, 4), length: text.length - 4 }),
  },
  { form: '(?<![\\w.])\\d{12}(?!\\w|\\.\\d)', read: (text) => ({ kind: 'account', text }) },
];

const anyForm = new RegExp(forms.map(({ form }) => `(${form})`).join('|'), 'g');

/** Calls back for each of the known forms in a text, and puts what that gives in its place. */
const eachToken = (text: string, replaced: (token: Token, text: string) => string): string =>
  text.replace(anyForm, (found: string, ...groups: readonly unknown[]) => {
    const token = forms[groups.indexOf(found)]?.read(found);
    if (token === undefined || (token.kind === 'network' && !isTelling(token.network))) return found;
    return replaced(token, found);
  });

/** Whether a text is one of the known forms and nothing else, so that it needs no name in its place. */
export function isToken(text: string): boolean {
  let isWhole = false;
  eachToken(text, (_, found) => {
    isWhole = found === text;
    return found;
  });
  return isWhole;
}

/** Addresses and identifiers, which are known by their form and replaced wherever they stand. */
export class Tokens {
  readonly #networks: Network[] = [];
  readonly #others = new Map<string, Set<string>>();

  /** Notes what is in a text. */
  add(text: string): void {
    eachToken(text, (token, found) => {
      if (token.kind === 'network') this.#networks.push(token.network);
      else {
        const group = this.#others.get(groupOf(token)) ?? new Set();
        this.#others.set(groupOf(token), group.add(token.text));
      }
      return found;
    });
  }

  /** Gives a function that replaces in a text all that was noted. */
  replacement(): (text: string) => string {
    const networks = replaceNetworks(this.#networks);
    const numbers = new Map(
      [...this.#others].map(([group, texts]) => [
        group,
        new Map([...texts].sort(inOrder).map((text, index) => [text, index])),
      ]),
    );
    return (text) =>
      eachToken(text, (token, found) => {
        if (token.kind === 'network') return token.print(networks(token.network));
        const index = numbers.get(groupOf(token))?.get(token.text);
        return index === undefined ? found : otherOf(token, index);
      });
  }
}

type Other = Exclude<Token, { kind: 'network' }>;

const groupOf = (token: Other): string => ('start' in token ? `${token.start} ${token.length}` : token.kind);

// These accounts are AWS's in its examples. More than one or two is not to be expected.
const accounts = ['111122223333', '444455556666', '777788889999'];
const firstDocumentedMac = 0x00_00_5e_00_53_00;

function otherOf(token: Other, index: number): string {
  switch (token.kind) {
    case 'account':
      return accounts[index] ?? String(900_000_000_000 + index);
    case 'mac':
      // 256 of them are for documentation (RFC 9542, section 2.1.2), more than an instance can have interfaces.
      return (firstDocumentedMac + index)
        .toString(16)
        .padStart(12, '0')
        .replace(/..(?=.)/g, '$&:');
    case 'id':
      return token.start + (index + 1).toString(16).padStart(token.length, '0');
    case 'unique-id': {
      const end = 'EXAMPLE';
      return token.start + String(index + 1).padStart(token.length - end.length, '0') + end;
    }
  }
}
