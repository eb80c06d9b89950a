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
    assert.equal(container.command[0], 'doctor');
  });
});
