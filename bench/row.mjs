/** Runs one row for run.mjs, in a separate process. */
/** @type {{ row: import('./measure.mjs').Row }} */
const { row } = await import(`./rows/${process.argv[2]}.mjs`);
const result = await row.run();
process.send(result, () => process.disconnect());
