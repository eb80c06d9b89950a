/** Prints values, read with node:http alone: what no client can be faster than. `node http.cjs ENDPOINT COUNT` */
const { request } = require('node:http');

const [endpoint, count] = process.argv.slice(2);
const send = (method, path, headers) =>
  new Promise((resolve, reject) => {
    const sent = request(endpoint + path, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.once('end', () => resolve(text));
    });
    sent.once('error', reject).end();
  });

(async () => {
  const token = await send('PUT', '/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' });
  for (let index = 0; index < Number(count); index += 1)
    process.stdout.write(await send('GET', `/latest/meta-data/${index}`, { 'x-aws-ec2-metadata-token': token }));
})();
