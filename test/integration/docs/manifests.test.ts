import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { describe, it } from 'mocha';
import { parse } from 'yaml';

const read = (name: string): string => readFileSync(`docs/containers/${name}`, 'utf8');

describe('the manifests of docs/containers/', () => {
  it('have a DaemonSet that Kubernetes accepts', () => {
    const manifest = parse(read('daemonset.yaml'));
    new DaemonSet(manifest).validate();
    assert.equal(manifest.kind, 'DaemonSet');
    assert.deepEqual(manifest.spec.selector.matchLabels, manifest.spec.template.metadata.labels);
    assert.match(manifest.spec.template.spec.initContainers[0].command.at(-1), /imds doctor --json/);
  });

  it('have an ECS task that runs the doctor', () => {
    const [container] = JSON.parse(read('ecs-task.json')).containerDefinitions;
    assert.deepEqual(container.command.slice(0, 2), ['doctor', '--json']);
  });

  // https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html
  it('have a command document of Systems Manager', () => {
    const { schemaVersion, parameters, mainSteps, ...rest } = JSON.parse(read('ssm-document.json'));
    assert.equal(schemaVersion, '2.2');
    assert.deepEqual(Object.keys(rest), ['description']);
    const [{ action, name, inputs }] = mainSteps;
    assert.equal(action, 'aws:runShellScript');
    assert.match(name, /^[a-zA-Z0-9_.-]{1,128}$/);
    assert.match(inputs.timeoutSeconds, /^\d+$/);
    const [command] = inputs.runCommand;
    assert.match(command, /doctor --json/);
    const [, parameter = ''] = /\{\{ (\w+) \}\}/.exec(command) ?? [];
    assert.equal(parameters[parameter].type, 'String');
  });
});
