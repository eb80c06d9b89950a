import { useState } from 'preact/hooks';
import { ask, type Schema } from './service.js';
import { attempt } from './store.js';

type Schemas = Readonly<Record<string, Schema>>;

const common = ['paths', 'times'];
/** Fields that few faults need are shown separately. */
const scope = ['method', 'probability', 'from', 'until'];
const asText = (name: string): string => name[0]?.toUpperCase() + name.slice(1);

/** Adds a fault. Its fields come from the service's schema. */
export function FaultForm({ schemas }: { readonly schemas: Schemas }) {
  const kinds = schemas['fault']?.oneOf ?? [];
  const [kind, setKind] = useState('status');
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const chosen = kinds.find(({ properties }) => properties?.['kind']?.const === kind);
  const all = Object.keys(chosen?.properties ?? {}).filter((name) => name !== 'kind');
  // Its own fields before those that most faults have.
  const names = [...all.filter((name) => !common.includes(name)), ...all.filter((name) => common.includes(name))];
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    const fields = names.flatMap((name) => {
      const value = values[name]?.trim() ?? '';
      return value === '' ? [] : [[name, typed(value, schemaOf(chosen?.properties?.[name], schemas))]];
    });
    await attempt(ask('POST', '/v1/faults', { kind, ...Object.fromEntries(fields) }));
  };
  const field = (name: string) => (
    <Field
      key={name}
      name={name}
      schema={schemaOf(chosen?.properties?.[name], schemas)}
      isRequired={chosen?.required?.includes(name) ?? false}
      value={values[name] ?? ''}
      onInput={(value) => setValues({ ...values, [name]: value })}
    />
  );
  return (
    <form class="fault-form" aria-label="Add a fault" onSubmit={add}>
      <div class="fields">
        <label class="field">
          Kind
          <select value={kind} onChange={({ currentTarget }) => setKind(currentTarget.value)}>
            {kinds.map(({ properties }) => (
              <option key={properties?.['kind']?.const}>{properties?.['kind']?.const}</option>
            ))}
          </select>
        </label>
        {names.filter((name) => !scope.includes(name)).map(field)}
      </div>
      {names.some((name) => scope.includes(name)) && (
        <details>
          <summary>When and to whom</summary>
          <div class="fields">{names.filter((name) => scope.includes(name)).map(field)}</div>
        </details>
      )}
      <button type="submit" class="main">
        Add the fault
      </button>
    </form>
  );
}

function schemaOf(schema: Schema | undefined, schemas: Schemas): Schema {
  const name = schema?.$ref?.split('/').at(-1);
  return (name === undefined ? schema : schemas[name]) ?? {};
}

/** The input, in the type of the schema. */
function typed(value: string, schema: Schema): unknown {
  const types = [schema, ...(schema.anyOf ?? [])].map(({ type }) => type);
  const isNumber = types.some((type) => type === 'number' || type === 'integer');
  const isChoice = schema.enum?.some((one) => typeof one === 'number');
  if ((isNumber || isChoice) && !Number.isNaN(Number(value))) return Number(value);
  if (types.includes('array') && value.includes(',')) return value.split(',').map((one) => one.trim());
  return value;
}

interface Given {
  readonly name: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
  readonly value: string;
  readonly onInput: (value: string) => void;
}

function Field({ name, schema, isRequired, value, onInput }: Given) {
  const read = ({ currentTarget }: { currentTarget: { value: string } }): void => onInput(currentTarget.value);
  const id = `fault-${name}`;
  const { type, minimum, maximum } = schema;
  const isNumber = type === 'integer' || type === 'number';
  const description = schema.description ?? schema.anyOf?.find((one) => one.description)?.description;
  return (
    <div class="field">
      <label htmlFor={id}>{asText(name)}</label>
      {schema.enum ? (
        <select id={id} required={isRequired} value={value} onChange={read}>
          <option value="">{isRequired ? 'choose' : '–'}</option>
          {schema.enum.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          required={isRequired}
          {...(isNumber ? { type: 'number', step: type === 'number' ? 'any' : 1, min: minimum, max: maximum } : {})}
          title={description}
          placeholder={placeholders[name] ?? ''}
          value={value}
          onInput={read}
        />
      )}
    </div>
  );
}

const placeholders: Readonly<Record<string, string>> = { paths: 'iam/**, api/token', method: 'PUT', delay: '2s' };
