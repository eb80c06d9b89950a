/** The same with AWS's client: `node aws.cjs ENDPOINT COUNT`. */
const { MetadataService } = require('@aws-sdk/ec2-metadata-service');

const [endpoint, count] = process.argv.slice(2);
(async () => {
  const service = new MetadataService({ endpoint });
  for (let index = 0; index < Number(count); index += 1)
    process.stdout.write(await service.request(`/latest/meta-data/${index}`, {}));
})();
