import assert from 'node:assert/strict';
import { piecesOf, type UserDataKind } from '../../../src/user-data/kinds.js';

const kindOf = (text: string | Buffer, contentType?: string): UserDataKind | undefined => {
  const [piece, ...others] = piecesOf(Buffer.from(text), contentType);
  assert.equal(others.length, 0);
  return piece?.kind;
};

const byBeginning: readonly (readonly [UserDataKind, ...(string | Buffer)[]])[] = [
  ['script', '#!/bin/bash\nyum update -y\n', '#!/usr/bin/env python3\r\nprint()', '#!', '\n\n  #!/bin/sh\n'],
  ['script', Buffer.from('#!/bin/sh\n# caf\xe9\n', 'latin1')],
  ['cloud-config', '#cloud-config\ntimezone: "Asia/Tokyo"\n', '#Cloud-Config\n', '#cloud-config', '#cloud-config # x'],
  ['cloud-config-archive', '#cloud-config-archive\n- type: text/cloud-config\n  content: "x: y"\n'],
  ['cloud-config-jsonp', '#cloud-config-jsonp\n[{ "op": "add", "path": "/runcmd", "value": ["id"] }]\n'],
  ['include', '#include\nhttps://example.com/one\nhttps://example.com/two\n', '#include https://example.com/one'],
  ['include-once', '#include-once\nhttps://example.com/one\n'],
  ['boothook', '#cloud-boothook\n#!/bin/sh\necho early\n'],
  ['part-handler', '#part-handler\ndef list_types():\n  return ["text/x-mine"]\n'],
  ['eks-node-config', '---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n', 'apiVersion: "node.eks.aws/v2"\n'],
  ['ec2launch-tasks', 'version: 1.0\ntasks:\n- task: executeScript\n', '# mine\n\n---\nversion: "1.1"\nx: y\ntasks:\n'],
  [
    'bottlerocket-settings',
    '[settings.kubernetes]\ncluster-name = "web"\n',
    '# mine\n\n  [ settings ]\r\n',
    'settings.motd = "hello"\n',
  ],
  ['unknown', '[setting]\n', '[other]\n[settings]\n', 'settings = 1\n', '[[settings]]\n', '[settings_of_mine]\n'],
  ['ignition', '{"ignition":{"version":"3.3.0"}}', '\n { "storage": {}, "ignition": { "version": "2.2.0" } }\n'],
  ['unknown', '{"ignition":{}}', '{"ignition":null}', '{"ignition":{"version":3}}', '[{"ignition":1}]', '{"ignition":'],
  [
    'unknown',
    '',
    ' ',
    'hello',
    '{"role": "web"}',
    '# a comment\n#cloud-config\n',
    '\ufeff#!/bin/sh\n',
    '#cloud',
    'test',
  ],
  ['unknown', 'version: 1.0\n', 'version: 2.0\ntasks:\n', 'tasks:\nversion: 1.0\n', 'kind: NodeConfig\n'],
  ['unknown', 'xapiVersion: node.eks.aws/v1\n', 'apiVersion: v1\nname: node.eks.aws/v1\n'],
  ['unknown', Buffer.from('\ufeff#!/bin/sh\n', 'utf16le'), Buffer.from([0x1f, 0x8b, 0x08, 0x00])],
  // Tags that are not closed by their own.
  ['unknown', '<powershell>Get-Date', '<script>dir</powershell>', 'powershell</powershell>', '<persist>true</persist>'],
];

const byType: readonly (readonly [contentType: string, text: string, UserDataKind])[] = [
  ['text/x-shellscript', 'echo', 'script'],
  ['text/x-shellscript', '#cloud-config\n', 'cloud-config'],
  ['text/x-shellscript', '#!/bin/sh\n', 'script'],
  ['text/plain', '#!/bin/sh\n', 'script'],
  ['text/plain', 'echo', 'unknown'],
  ['text/x-not-multipart', '#include\n', 'include'],
  ['text/x-shellscript-per-boot', '#!/bin/sh\n', 'script-per-boot'],
  ['text/x-shellscript-per-instance', '#!/bin/sh\n', 'script-per-instance'],
  ['text/x-shellscript-per-once', '#!/bin/sh\n', 'script-per-once'],
  ['text/cloud-config', 'timezone: UTC\n', 'cloud-config'],
  ['text/cloud-config', '#!/bin/sh\n', 'cloud-config'],
  ['text/cloud-config-archive', '- "#!/bin/sh"\n', 'cloud-config-archive'],
  ['text/cloud-config-jsonp', '[]', 'cloud-config-jsonp'],
  ['text/cloud-boothook', '#!/bin/sh\n', 'boothook'],
  ['text/part-handler', 'import os\n', 'part-handler'],
  ['text/x-include-url', 'https://example.com/\n', 'include'],
  ['text/x-include-once-url', 'https://example.com/\n', 'include-once'],
  ['application/node.eks.aws', '---\n', 'eks-node-config'],
  ['application/octet-stream', '#!/bin/sh\n', 'unknown'],
  ['text/x-mine', '#cloud-config\n', 'unknown'],
  ['text/x-mine', '<script>dir</script>', 'unknown'],
  ['constructor', '#!/bin/sh\n', 'unknown'],
];

describe('piecesOf(): the kind of a part', () => {
  for (const [kind, ...texts] of byBeginning)
    for (const text of texts)
      it(`is ${kind} when it begins with ${JSON.stringify(text.toString('latin1').slice(0, 40))}`, () => {
        assert.equal(kindOf(text), kind);
      });

  for (const [contentType, text, kind] of byType)
    it(`is ${kind} for the media type ${contentType} and ${JSON.stringify(text)}`, () => {
      assert.equal(kindOf(text, contentType), kind);
    });
});

describe('piecesOf(): a Jinja template', () => {
  for (const [text, contentType, kind] of [
    ['## template: jinja\n#cloud-config\nfqdn: {{ v1.local_hostname }}\n', undefined, 'cloud-config'],
    ['## template: jinja\r\n#!/bin/sh\r\n', 'text/plain', 'script'],
    ['\n## Template: Jinja\n#cloud-boothook\n', 'text/x-shellscript', 'boothook'],
    ['## template: jinja\n#cloud-config-jsonp\n', 'text/jinja2', 'cloud-config-jsonp'],
    ['## template: jinja\n', undefined, 'unknown'],
    ['## template: jinja', undefined, 'unknown'],
    ['## template: jinja\n## template: jinja\n#!/bin/sh\n', undefined, 'unknown'],
  ] as const)
    it(`has the kind of its second line: ${JSON.stringify(text)}`, () => {
      const content = Buffer.from(text);
      assert.deepEqual(piecesOf(content, contentType), [{ kind, content, isTemplate: true }]);
    });

  it('is not a template when the media type decides: cloud-init does not render it then', () => {
    const content = Buffer.from('## template: jinja\n#cloud-config\n');
    assert.deepEqual(piecesOf(content, 'text/cloud-config'), [{ kind: 'cloud-config', content }]);
  });
});

describe('piecesOf(): Windows user data', () => {
  const scriptsOf = (text: string) =>
    piecesOf(Buffer.from(text)).map(({ kind, content, persists }) => [kind, content.toString(), persists]);

  for (const [title, text, ...scripts] of [
    ['a batch script', '<script>\necho %DATE%\n</script>', ['windows-script', '\necho %DATE%\n', false]],
    ['a PowerShell script', '<powershell>Get-Date</powershell>', ['windows-powershell', 'Get-Date', false]],
    [
      'one of each, in their order',
      '<powershell>Get-Date</powershell>\r\n<script>dir</script>\r\n',
      ['windows-powershell', 'Get-Date', false],
      ['windows-script', 'dir', false],
    ],
    [
      'scripts that run at every start',
      '<script>dir</script>\n<powershell>Get-Date</powershell>\n<persist> True </persist>',
      ['windows-script', 'dir', true],
      ['windows-powershell', 'Get-Date', true],
    ],
    ['a script that runs only once', '<script>dir</script><persist>false</persist>', ['windows-script', 'dir', false]],
    ['upper-case tags', '<SCRIPT>DIR</Script>', ['windows-script', 'DIR', false]],
    ['a script after a comment', '<# mine #>\n<script>dir</script>', ['windows-script', 'dir', false]],
    ['characters of more than a byte', 'É<script>“dir” İ</script>', ['windows-script', '“dir” İ', false]],
    [
      'one script when tags stand within it',
      '<powershell>"<script>alert()</script>"</powershell>',
      ['windows-powershell', '"<script>alert()</script>"', false],
    ],
    [
      'no script for an opening tag that is never closed',
      '<powershell>one<script>two</script>',
      ['windows-script', 'two', false],
    ],
  ] as const)
    it(`finds ${title}`, () => {
      assert.deepEqual(scriptsOf(text), scripts);
    });

  it('yields to the first lines that cloud-init knows', () => {
    assert.equal(kindOf('#!/bin/sh\ncat <<END\n<script>dir</script>\nEND\n'), 'script');
  });
});
