/** Prints one value, read with AWS's client. */
import { MetadataService } from '@aws-sdk/ec2-metadata-service';

const [endpoint] = process.argv.slice(2);
process.stdout.write(await new MetadataService({ endpoint }).request('/latest/meta-data/instance-id', {}));
