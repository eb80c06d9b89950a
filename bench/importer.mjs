/** Prints how many milliseconds the import of a package takes, everything it loads included. */
const [name] = process.argv.slice(2);
const start = performance.now();
await import(name);
process.stdout.write(String(performance.now() - start));
