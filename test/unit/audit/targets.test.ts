import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { cutPath } from '../../../src/audit/paths.js';
import { shownCommand } from '../../../src/audit/processes.js';
import { Targets } from '../../../src/audit/targets.js';

describe('addresses of IMDS', () => {
  const env: Record<string, string> = {};
  const targets = new Targets(env, 'http://127.0.0.1:1338/');

  for (const [host, port, expected] of [
    ['169.254.169.254', '80', true],
    ['169.254.169.254', undefined, true],
    ['fd00:ec2::254', undefined, true],
    ['[fd00:ec2::254]', undefined, true],
    ['instance-data.ec2.internal', undefined, true],
    ['169.254.169.25', undefined, false],
    ['169.254.169.254.example.org', undefined, false],
    ['127.0.0.1', 1338, true],
    ['localhost', '1338', true],
    ['127.0.0.1', 1339, false],
    ['127.0.0.1', undefined, false],
    [undefined, 1338, false],
  ] as const) {
    it(`${expected ? 'include' : 'do not include'} ${host} with port ${port}`, () => {
      assert.equal(
        targets.has(host, () => port),
        expected,
      );
    });
  }

  it('follow the environment', () => {
    assert.equal(targets.hasUrl('http://[::1]:8080/latest/'), false);
    env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = 'http://[::1]:8080';
    assert.equal(targets.hasUrl('http://[::1]:8080/latest/'), true);
    env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = 'nonsense';
    assert.equal(targets.hasUrl('http://[::1]:8080/latest/'), false);
    env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = 'https://imds.example';
    assert.equal(targets.hasUrl('https://imds.example/latest/'), true);
    assert.equal(targets.hasUrl('http://imds.example/latest/'), false);
  });
});

describe('reported paths', () => {
  for (const [path, shown] of [
    ['/latest/meta-data/mac', '/latest/meta-data/mac'],
    ['//latest/meta-data/mac?token=1#2', '/latest/meta-data/mac'],
    ['/latest/meta-data/iam/security-credentials/', '/latest/meta-data/iam/security-credentials/'],
    ['/latest/meta-data/iam/security-credentials/my-role', '/latest/meta-data/iam/security-credentials/*'],
    ['//latest/meta-data/iam//security-credentials//my-role', '/latest/meta-data/iam/security-credentials/*'],
    [
      '/latest/meta-data/iam/security-credentials-extended/my-role',
      '/latest/meta-data/iam/security-credentials-extended/*',
    ],
    ['/latest/meta-data/iam-ecs-x/info', '/latest/meta-data/iam-ecs-x/info'],
    ['/latest/meta-data/iam-ecs-x/security-credentials/my-task', '/latest/meta-data/iam-ecs-x/security-credentials/*'],
    [
      '/latest/meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/vpc-id',
      '/latest/meta-data/network/interfaces/macs/*/vpc-id',
    ],
    ['/latest/meta-data/tags/instance/Name', '/latest/meta-data/tags/instance/*'],
    ['/latest/meta-data/managed-ssh-keys/active-keys/me', '/latest/meta-data/managed-ssh-keys/active-keys/*'],
    ['/latest/AQAEAKQRRHnsX8GCPgYTGMShrFJkMhru3n-8Ul5Gzvzj-bpWKYZuiw==/mac', '/latest/*/mac'],
    ['/a\u001b[2J\u00e9', '/a?[2J?'],
  ] as const) {
    it(`cut ${path}`, () => assert.equal(cutPath(path), shown));
  }

  it('have a length', () => assert.equal(cutPath(`/${'a'.repeat(5000)}`).length, 120));
});

describe('started programs', () => {
  const targets = new Targets({});
  const url = 'http://169.254.169.254/latest/meta-data';
  for (const [words, shown] of [
    [['/usr/bin/curl', '-s', `${url}/mac`], `curl ${url}/mac`],
    [['curl', '169.254.169.254'], 'curl http://169.254.169.254'],
    [['/bin/sh', '-c', `A=1 B=2 wget -q ${url}/ | grep x`], `wget ${url}/`],
    [['sh', '-c', `for i in 1 2; do curl -s "${url}/mac"; done; aws --endpoint '${url}'`], `do ${url}/mac, aws ${url}`],
    [
      ['python3', '-c', `import requests; requests.get("${url}/iam/security-credentials/me")`],
      `python3 ${url}/iam/security-credentials/*`,
    ],
    [['cmd.exe', '/d', '/s', '/c', `"curl ${url}/"`], `curl ${url}/`],
    [['sh', '-c', `curl \\\n  -H 'X: a b' \\\n  "${url}/mac"`], `curl ${url}/mac`],
    [['sh', '-c', `/bin/bash -c "curl '${url}/mac' | x"`], `bash ${url}/mac`],
    [['sh', '-c', `x="$(curl -H "X: a" "${url}/mac")"`], `curl ${url}/mac`],
    [['sh', '-c', `"/usr/bin/curl" ${url}/`], `curl ${url}/`],
    [['curl', 'http://169.254.169.2540/'], undefined],
    [['curl', 'http://example.org/'], undefined],
    [[process.execPath, url], undefined],
  ] as const) {
    it(`are shown as ${shown}`, () => assert.equal(shownCommand(words, targets), shown));
  }

  it('are shown without the password of the endpoint', () => {
    const given = 'http://me:hush@127.0.0.1:1338/';
    assert.equal(
      shownCommand(['curl', `${given}latest/`], new Targets({}, given)),
      'curl http://127.0.0.1:1338/latest/',
    );
  });

  for (const script of [
    `KEY='one hush' curl ${url}`,
    `KEY="one;hush two" curl ${url}`,
    `KEY="one \\" (hush two" curl ${url}`,
    `echo it\\'s; KEY='one hush' curl ${url}`,
    `KEY=one\\ hush\\;two curl ${url}`,
    `# it's\nKEY='one hush' curl ${url}`,
    `curl \\\n -H "X:hush" ${url}`,
    `curl --header \\\n 'X: hush' ${url}`,
  ])
    it(`are shown without the texts of ${JSON.stringify(script)}`, () => {
      assert.match(String(shownCommand(['sh', '-c', script], targets)), new RegExp(`^(curl|sh) ${url}$`));
    });
});
