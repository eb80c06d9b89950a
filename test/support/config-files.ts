import fc from 'fast-check';

/** Profiles and keys that a generated file may have. */
export const profiles = ['default', 'q', 'a.b', 'r', 'a b'] as const;
export const keys = ['region', 's3', 'ec2_metadata_service_endpoint', 'metadata_service_timeout'] as const;

const comment = fc.constantFrom('', '', '', ' # c', ' ; c [x]', '\t# region = c', ' #', ';c', '#c');
const value = fc.constantFrom('', '', 'v', 'eu-west-1', 'http://127.0.0.1:9/a', '3', '"v"', 'a=b', 'a b', '[v]');
const equals = fc.constantFrom('=', ' = ', '\t=\t', '= ', ' =');
const indent = fc.constantFrom('', '', '', '', '  ', '\t', ' ');
const property = fc.tuple(indent, fc.constantFrom(...keys), equals, value, comment).map((parts) => parts.join(''));
const other = fc.constantFrom('', '', '# c', '; c', '  # [profile q]', '\t; region = c', '   ', '# [default]');
const lines = fc.array(fc.oneof({ arbitrary: property, weight: 4 }, { arbitrary: other, weight: 1 }), { maxLength: 5 });

/** Titles that every one of AWS's tools takes the same way. */
const plain = [
  'default',
  'profile default',
  'profile q',
  'profile "q"',
  "profile 'q'",
  'profile\tq',
  'profile a.b',
  'profile r',
].concat(['services q', 'sso-session default', 'plugins', 'q', 'sso-session q']);
/** Titles that one of them takes and another leaves out. */
const odd = ['profile q ', 'profile  r', 'profile "a b"', 'profile a b', ' profile q', 'profile', 'profile q]', ''];

/** The profile that a title names, in whatever way. */
const named = ([title]: readonly [string, ...unknown[]]) => title.replace(/profile|["'\s\]]/g, '');

/** A shared config file with every kind of line. */
export const configText = file(
  fc.array(fc.tuple(fc.constantFrom(...plain), fc.constantFrom('', '', '', ' # c', ' ; c', '\t#'), lines), {
    maxLength: 5,
  }),
);

/** A shared config file with sections whose titles are odd, and simple lines. */
export const oddConfigText = file(
  fc.uniqueArray(
    fc.tuple(
      fc.constantFrom(...plain, ...odd),
      fc.constantFrom('', ' # c', ';c', ' c', ' ]'),
      fc.uniqueArray(fc.constantFrom(...keys)).map((some) => some.map((key, index) => `${key} = v${index}`)),
    ),
    { maxLength: 4, selector: named },
  ),
);

function file(sections: fc.Arbitrary<[title: string, end: string, lines: string[]][]>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom('', '', '', '\ufeff', '\n'), sections, fc.constantFrom('\n', '\r\n'))
    .map(([start, all, end]) =>
      (start + all.flatMap(([title, tail, text]) => [`[${title}]${tail}`, ...text]).join('\n')).replaceAll('\n', end),
    );
}
