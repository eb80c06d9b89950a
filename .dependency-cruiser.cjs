/**
 * The rooms of src/ and the directions between them, as docs/design.md draws them. Types count as imports.
 *
 * Each room may import itself and what is named here; the packages that do a room's work are named in `packages`.
 */
const core = ['errors', 'metadata', 'client'];
const subjects = ['credentials', 'network', 'identity', 'user-data', 'watch'];
/** @type {Record<string, string[]>} */
const rooms = {
  errors: [],
  platform: [],
  version: [],
  metadata: ['errors'],
  client: ['metadata', 'errors', 'platform', 'version'],
  ...Object.fromEntries(subjects.map((room) => [room, core])),
  doctor: [...core, 'platform'],
  imds: [...core, 'platform', ...subjects, 'doctor'],
  index: [...core, 'platform', ...subjects, 'doctor', 'imds'],
  record: ['imds', 'metadata', 'errors'],
  // The service's side: it shares no code with the client, so that a mistake in one is found by the other.
  emulator: [],
  lab: ['emulator/index'],
  // It runs inside of other programs: it has to load fast, and what it counts must not be its own.
  audit: [],
  // It runs in browsers, and knows the emulator by its control service alone.
  panel: [],
  cli: [
    'index',
    // For a plain `imds get`, which has to start fast.
    'client/client',
    'record',
    'emulator/index',
    'lab/index',
    'lab/plan',
    'audit/report',
    'audit/states',
    'audit/text',
    'metadata',
    'version',
  ],
};
/** A package, and the only files that may import it. */
const packages = {
  got: '^src/client/transport\\.ts$',
  'p-retry': '^src/client/retry\\.ts$',
  'lru-cache': '^src/client/cache\\.ts$',
  libmime: '^src/user-data/mime\\.ts$',
  libqp: '^src/user-data/mime\\.ts$',
  commander: '^src/cli/',
  'fastest-levenshtein': '^src/cli/',
  preact: '^src/panel/',
};

/** The files of a room: a folder, or one file. @param {string} room */
const filesOf = (room) => `src/${room}(/|\\.ts$)`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-file-without-a-room',
      severity: 'error',
      from: { pathNot: `^(${Object.keys(rooms).map(filesOf).join('|')})` },
      to: {},
    },
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `what-${room}-imports`,
      severity: 'error',
      from: { path: `^${filesOf(room)}` },
      to: { path: '^src/', pathNot: `^(${[room, ...allowed].map(filesOf).join('|')})` },
    })),
    ...Object.entries(packages).map(([name, place]) => ({
      name: `one-place-for-${name}`,
      severity: 'error',
      from: { pathNot: place },
      to: { path: `(^|/)node_modules/${name}/` },
    })),
    {
      name: 'no-other-package',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm', 'npm-dev'], pathNot: `(^|/)node_modules/(${Object.keys(packages).join('|')})/` },
    },
    {
      // The global `process` is what the privileges of test/package/rooms.test.ts look for.
      name: 'no-imported-process',
      severity: 'error',
      from: {},
      to: { path: '^(node:)?process$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
