import { after, before, describe } from 'mocha';
import { createEmulator as create, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';

let control = false;

/** An emulator that has a control service beside it while `describeBothWays` says so. */
export function createEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options);
  return create(control && isObject ? { control, ...options } : options);
}

/** True while emulators are to have a control service. */
export const isControlled = (): boolean => control;

/** Describes an emulator twice: alone, and with its control service, which changes nothing of it. */
export function describeBothWays(title: string, tests: () => void): void {
  for (const isControlled of [false, true])
    describe(isControlled ? `${title}, controlled` : title, () => {
      before(() => {
        control = isControlled;
      });
      after(() => {
        control = false;
      });
      tests();
    });
}
