import { resolve } from 'node:path';
import type { Installation } from './packed.js';

/** The ways in which projects find modules: TypeScript's settings, and the kinds of file that these compile. */
const modes = {
  commonjs: { settings: { module: 'commonjs' }, files: ['consumer.ts'] },
  node16: { settings: { module: 'node16' }, files: ['consumer.mts', 'consumer.cts'] },
  nodenext: { settings: { module: 'nodenext' }, files: ['consumer.mts', 'consumer.cts'] },
  bundler: { settings: { module: 'esnext', moduleResolution: 'bundler' }, files: ['consumer.ts', 'consumer.mts'] },
};
export const moduleModes = Object.keys(modes) as (keyof typeof modes)[];

/**
 * Checks `source` in a project with the package, as strictly as the compiler can, declarations of packages included.
 *
 * @param compiler the folder of a `typescript` package
 * @param types the folder with @types/node
 */
export function typeCheck(
  installation: Installation,
  mode: keyof typeof modes,
  source: string,
  { compiler, types }: { compiler: string; types: string },
): void {
  const { settings, files } = modes[mode];
  for (const name of files) installation.write(name, source);
  const compilerOptions = {
    ...settings,
    target: 'es2022',
    lib: ['es2018'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
    typeRoots: [types],
  };
  installation.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
  installation.run(process.execPath, [resolve(compiler, 'bin/tsc'), '--project', installation.folder]);
}

/** Reads values of several types, as a program in TypeScript does. */
export const consumer = `
import { Imds, ImdsError, isImdsError, type ImdsOptions, type NetworkInterface } from 'imds';
import { createEmulator, type Emulator, type EmulatorOptions } from 'imds/emulator';

export async function read(options: EmulatorOptions, settings: ImdsOptions): Promise<string | undefined> {
  const emulator: Emulator = await createEmulator(options);
  const imds = new Imds({ ...settings, endpoint: emulator.url });
  try {
    const index: number = await imds.amiLaunchIndex();
    const address: string | undefined = await imds.publicIpv4({ fresh: true });
    const interfaces: readonly NetworkInterface[] = await imds.networkInterfaces();
    for await (const notice of imds.watch()) if (notice.kind === 'spot-interruption') return String(index + interfaces.length);
    return address;
  } catch (error) {
    if (isImdsError(error)) return error.code;
    throw new ImdsError('ERR_IMDS_RESPONSE', 'unexpected');
  } finally {
    await emulator.close();
  }
}
`;
