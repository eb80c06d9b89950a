/** The header lengths of a segment, in 32-bit words: its data begin after that. */
const headerLengths = Array.from({ length: 11 }, (_, index) => index + 5);

const word = (text: string): string => `0x${Buffer.from(text).toString('hex')}`;

/** Methods other than PUT, as their first four bytes. */
const otherMethods = ['GET ', 'HEAD', 'POST', 'OPTI', 'DELE', 'PATC'];

/**
 * Rules for the namespace of IMDS that limit the hops of replies to token requests only: the last request on a
 * connection marks it, and all segments with data sent back on a marked one are limited, including retransmissions.
 * Loaded with `nft -f`, it replaces the previous limit atomically.
 */
export function hopLimitRules(hopLimit: number): string {
  const add = (chain: string, rule: string): string => `add rule inet lab ${chain} ${rule}`;
  // One rule for each header length, because old versions of nft have no name for the start of the data.
  const marks = (method: string, mark: 0 | 1): string[] =>
    headerLengths.map((length) =>
      add('requests', `tcp dport 80 tcp doff ${length} @th,${length * 32},32 ${word(method)} ct mark set ${mark}`),
    );
  const limits = headerLengths.flatMap((length) => {
    const reply = `tcp sport 80 ct mark 1 tcp doff ${length}`;
    return [
      add('replies', `${reply} ip length > ${20 + 4 * length} ip ttl set ${hopLimit}`),
      // In IPv6 it is the length of the payload.
      add('replies', `${reply} ip6 length > ${4 * length} ip6 hoplimit set ${hopLimit}`),
    ];
  });
  return [
    'add table inet lab',
    'add chain inet lab requests { type filter hook input priority 0; }',
    // After connection tracking, which owns the mark.
    'add chain inet lab replies { type filter hook output priority -150; }',
    'flush chain inet lab requests',
    'flush chain inet lab replies',
    ...marks('PUT ', 1),
    ...otherMethods.flatMap((method) => marks(method, 0)),
    ...limits,
    '',
  ].join('\n');
}
