import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { describe, it } from 'mocha';
import { parse } from 'yaml';

const read = (name: string): string => readFileSync(`docs/containers/${name}`, 'utf8');

const text = { type: 'string' };
const length = { type: 'integer', minimum: 0 };

/**
 * A command document of schema version 2.2 with the plugin aws:runShellScript, as AWS documents it; there is a JSON Schema
 * of runbooks alone.
 *
 * @see https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html
 * @see https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html
 */
const commandDocument = {
  type: 'object',
  required: ['schemaVersion', 'mainSteps'],
  additionalProperties: false,
  properties: {
    schemaVersion: { const: '2.2' },
    description: text,
    parameters: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: ['type'],
        additionalProperties: false,
        properties: {
          type: { enum: ['String', 'StringList', 'Integer', 'Boolean', 'MapList', 'StringMap'] },
          description: text,
          default: {},
          allowedValues: { type: 'array' },
          allowedPattern: text,
          displayType: { enum: ['textfield', 'textarea'] },
          interpolationType: { const: 'ENV_VAR' },
          minItems: length,
          maxItems: length,
          minChars: length,
          maxChars: length,
        },
      },
    },
    mainSteps: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['action', 'name', 'inputs'],
        additionalProperties: false,
        properties: {
          action: { const: 'aws:runShellScript' },
          name: { type: 'string', pattern: '^[a-zA-Z0-9_.-]{1,128}$' },
          precondition: {
            type: 'object',
            required: ['StringEquals'],
            additionalProperties: false,
            properties: { StringEquals: { const: ['platformType', 'Linux'] } },
          },
          inputs: {
            type: 'object',
            required: ['runCommand'],
            additionalProperties: false,
            properties: {
              runCommand: { type: 'array', items: text, minItems: 1 },
              timeoutSeconds: text,
              workingDirectory: text,
            },
          },
        },
      },
    },
  },
};

const flawsOf = (document: unknown): unknown => {
  const isValid = new Ajv2020().compile(commandDocument);
  return isValid(document) ? undefined : isValid.errors;
};

describe('the manifests of docs/containers/', () => {
  it('have a DaemonSet that Kubernetes accepts', () => {
    const manifest = parse(read('daemonset.yaml'));
    new DaemonSet(manifest).validate();
    assert.equal(manifest.kind, 'DaemonSet');
    assert.deepEqual(manifest.spec.selector.matchLabels, manifest.spec.template.metadata.labels);
    const [doctor] = manifest.spec.template.spec.initContainers;
    assert.match(doctor.command.at(-1), /imds doctor --json/);
    assert.equal(doctor.env[0].valueFrom.fieldRef.fieldPath, 'spec.nodeName');
  });

  it('have an ECS task that runs the doctor', () => {
    const [container] = JSON.parse(read('ecs-task.json')).containerDefinitions;
    assert.deepEqual(container.command.slice(0, 2), ['doctor', '--json']);
  });

  it('have a command document of Systems Manager', () => {
    const document = JSON.parse(read('ssm-document.json'));
    assert.equal(flawsOf(document), undefined);
    const [{ inputs }] = document.mainSteps;
    assert.match(inputs.runCommand[0], /doctor --json/);
    const used = [...JSON.stringify(document.mainSteps).matchAll(/\{\{ ?(\w+) ?\}\}/g)].map(([, name]) => name);
    assert.deepEqual(used, Object.keys(document.parameters));
    for (const { default: value, allowedPattern } of Object.values<Record<string, string>>(document.parameters)) {
      assert.match(value ?? '', new RegExp(allowedPattern ?? ''));
      // It stands between quotes of the shell.
      assert.doesNotMatch("image'; reboot; '", new RegExp(allowedPattern ?? ''));
    }
  });

  for (const [flaw, spoil] of Object.entries<(document: Record<string, never>) => unknown>({
    'another schema version': (document) => ({ ...document, schemaVersion: '0.3' }),
    'no steps': ({ mainSteps: _, ...rest }) => rest,
    'an unknown element': (document) => ({ ...document, runtimeConfig: {} }),
    'a parameter without a type': (document) => ({ ...document, parameters: { image: { default: 'imds' } } }),
    'an input that the plugin does not have': (document) => ({
      ...document,
      mainSteps: [{ action: 'aws:runShellScript', name: 'doctor', inputs: { commands: ['imds doctor'] } }],
    }),
  }))
    it(`would be found to have a command document with ${flaw}`, () =>
      assert.ok(flawsOf(spoil(JSON.parse(read('ssm-document.json'))))));
});
