// @ts-check
/** Frees a test run, and all it starts, from the settings of this machine. */
import { guardedEnv } from './guard.mjs';

const environment = guardedEnv();
for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
Object.assign(process.env, environment);
