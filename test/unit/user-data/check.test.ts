import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { userDataAgents } from '../../../src/user-data/agents.js';
import { checkUserData } from '../../../src/user-data/check.js';
import { decodeUserData } from '../../../src/user-data/decode.js';

const script = '#!/bin/sh\necho hunter2\n';
const config = '---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n';
const powershell = '<powershell>Get-Date</powershell>\n';
const tasks = 'version: 1.0\ntasks:\n- task: executeScript\n';
const settings = '# mine\n[settings.kubernetes]\ncluster-name = "web"\n';
const ignition = '{"ignition":{"version":"3.3.0"}}';

const head = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n';
const archive = (...parts: readonly string[]) => `${head}${parts.map((part) => `--B\n${part}\n`).join('')}--B--\n`;
const leaf = (contentType: string, text: string) => `Content-Type: ${contentType}\n\n${text}`;
const node = (text: string) => leaf('application/node.eks.aws', text);
const twice = (content: string) => Buffer.from(content).toString('base64');

/** A line for each part: its fates by agent, as letters in the order of the agents, and its flaws with their lines. */
async function told(content: string | Uint8Array): Promise<readonly string[]> {
  const userData = await decodeUserData(Buffer.from(content));
  const { parts } = checkUserData(userData);
  return parts.map(({ part, fates, runs }) => {
    const letters = userDataAgents.map((agent) => ({ run: '+', refused: 'x', ignored: '.' })[fates[agent]]);
    assert.equal(runs, letters.includes('+'));
    const flaws = [...part.flaws, ...userData.flaws].map(({ flaw, line }) => ` ${flaw}:${line}`);
    return letters.join('') + flaws.join('');
  });
}

describe('checkUserData()', () => {
  const cases: Readonly<Record<string, readonly [content: string | Uint8Array, ...told: readonly string[]]>> = {
    'a script': [script, '+x.xx'],
    'a gzipped script': [gzipSync(script), '+x.xx'],
    'a script in base64': [twice(script), '+x.xx'],
    'a script in base64 with a newline': [`${twice(script)}\n`, '.x.xx packed:1'],
    'a gzipped script in lines of base64': [
      gzipSync(script).toString('base64').replace(/.{19}/g, '$&\r\n'),
      '.x.xx packed:1',
    ],
    'words in lines of base64': [twice('words').replace(/.{4}/, '$&\n'), '.x.xx'],
    'base64 in a part that does not name it': [archive(leaf('text/plain', twice(script))), '...xx packed:7'],
    'a script with CRLF line ends': [script.replaceAll('\n', '\r\n'), '+x.xx'],
    'a blank line before #!': [`\n${script}`, 'xx.xx blank-before-shebang:1'],
    'blanks before #!': [`  ${script}`, 'xx.xx blank-before-shebang:1'],
    'a script with carriage returns alone': [script.replaceAll('\n', '\r'), 'xx.xx carriage-return:1'],
    'a carriage return within the first line': ['#!/bin/sh\r -e\n', 'xx.xx carriage-return:1'],
    'a byte order mark before #!': [`\ufeff${script}`, '.x.xx byte-order-mark:1'],
    'a byte order mark before a MIME archive': [`\ufeff${archive(node(config))}`, '.x.xx byte-order-mark:1'],
    'a blank line before a MIME archive': [`\n${archive(node(config))}`, '.x.xx blank-before-mime:1'],
    'a cloud-config in UTF-16': [Buffer.from('\ufeff#cloud-config\n', 'utf16le'), '.x.xx byte-order-mark:1'],
    'a byte order mark before something unknown': ['\ufeffhello', '.x.xx'],
    'something unknown': ['hello', '.x.xx'],
    nothing: ['', '.x...'],
    'a cloud-config': ['#cloud-config\nx: y\n', '+x.xx'],
    'a boothook after a blank line': ['\n#cloud-boothook\n#!/bin/sh\n', '+x.xx'],
    'a template of a script': ['## template: jinja\n#!/bin/sh\n', '+x.xx'],
    'a NodeConfig': [config, '.+.xx'],
    'a gzipped NodeConfig': [gzipSync(config), '.+.xx'],
    'a NodeConfig and a script in an archive': [
      archive(node(config), leaf('text/x-shellscript', script)),
      '.+.xx',
      '+..xx',
    ],
    'a NodeConfig under another media type': [archive(leaf('text/plain', config)), '...xx media-type:7'],
    'a header without an empty line after it': [
      archive(node(config), `Content-Type: text/x-shellscript\n${script}`),
      '.x.xx',
      '+..xx missing-empty-line:13',
    ],
    'a blank line before #! in an archive': [
      archive(leaf('text/x-shellscript', `\n${script}`)),
      'x..xx blank-before-shebang:7',
    ],
    'a shell script without #!': [archive(leaf('text/x-shellscript', 'echo\n')), 'x..xx no-shebang:7'],
    'a script for every boot without #!': [archive(leaf('text/x-shellscript-per-boot', 'echo')), 'x..xx no-shebang:7'],
    'an archive without its last boundary': [
      archive(node(config), leaf('text/x-shellscript', script)).replace('--B--\n', ''),
      '.x.xx no-last-boundary:17',
      '+..xx no-last-boundary:17',
    ],
    'a PowerShell script': [powershell, '.x+xx'],
    'a gzipped PowerShell script': [gzipSync(powershell), '.x.xx packed:1'],
    'a PowerShell script in base64': [twice(powershell), '.x.xx packed:1'],
    'a PowerShell script on the third line': [`\n\n${powershell}`, '.x+xx'],
    'a PowerShell script that is not closed': ['<powershell>\nGet-Date\n', '.x.xx unclosed-tag:1'],
    'tasks for EC2Launch': [tasks, '.x+xx'],
    'gzipped tasks for EC2Launch': [gzipSync(tasks), '.x.xx packed:1'],
    'tasks for EC2Launch in an archive': [archive(leaf('text/plain', tasks)), '...xx packed:7'],
    'settings of Bottlerocket': [settings, '.x.+x'],
    'gzipped settings of Bottlerocket': [gzipSync(settings), '.x.+x'],
    'settings of Bottlerocket in base64': [twice(settings), '.x.xx packed:1'],
    'settings of Bottlerocket in an archive': [archive(leaf('text/plain', settings)), '...xx packed:7'],
    'a config for Ignition': [ignition, '.x.x+'],
    'a config for Ignition in an archive': [archive(leaf('text/plain', ignition)), '...xx packed:7'],
    'exactly 16 KB': [script.padEnd(16_384, '#'), '+x.xx'],
    'more than 16 KB': [script.padEnd(16_385, '#'), 'xxxxx too-large:1'],
  };
  for (const [title, [content, ...expected]] of Object.entries(cases))
    it(`gives the fates and flaws of ${title}`, async () => {
      assert.deepEqual(await told(content), expected);
    });

  it('is fine when every part is run by some agent, without flaws', async () => {
    const isFine = async (content: string) => checkUserData(await decodeUserData(Buffer.from(content))).isFine;
    assert.equal(await isFine(archive(node(config), leaf('text/x-shellscript', script))), true);
    assert.equal(await isFine(archive(node(config), leaf('text/x-mine', script))), false);
    assert.equal(await isFine(`\n${script}`), false);
    assert.equal(await isFine(archive(`Content-Type: text/x-shellscript\n${script}`)), false);
    assert.equal(await isFine(archive(leaf('text/x-shellscript', script)).replace('--B--\n', '')), false);
  });

  it('shows nothing of the user data in JSON', async () => {
    const userData = await decodeUserData(Buffer.from(`\n${script}`));
    assert.ok(!JSON.stringify(checkUserData(userData)).includes('hunter2'));
  });
});
