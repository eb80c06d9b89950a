/** The same with imds: `node imds.cjs ENDPOINT COUNT`. One value by its accessor, several by their paths. */
const { Imds } = require('imds');

const [endpoint, count] = process.argv.slice(2);
(async () => {
  const imds = new Imds({ endpoint });
  if (count === '1') return process.stdout.write(await imds.instanceId());
  for (let index = 0; index < Number(count); index += 1)
    process.stdout.write(await imds.get(`/latest/meta-data/${index}`));
})();
