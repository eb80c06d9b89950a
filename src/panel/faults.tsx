import { useEffect, useState } from 'preact/hooks';
import { Card } from './card.js';
import { FaultForm } from './fault-form.js';
import { ask, type Fault, type Schema } from './service.js';
import { attempt, useModel } from './store.js';

const none: readonly Fault[] = [];

/** The faults, and their hits. */
export function Faults() {
  const faults = useModel(({ state }) => state?.faults ?? none);
  const [schemas, setSchemas] = useState<Readonly<Record<string, Schema>>>();
  useEffect(() => {
    const read = async (): Promise<void> => {
      const { components } = await ask<{ components: { schemas: Record<string, Schema> } }>('GET', '/v1/openapi.json');
      setSchemas(components.schemas);
    };
    void attempt(read());
  }, []);
  return (
    <Card title="Faults">
      {faults.length === 0 && <p class="quiet">Nothing goes wrong.</p>}
      <ul class="faults">
        {faults.map(({ id, hits, over, fault: { kind, ...fields } }) => (
          <li key={id} class={over ? 'over' : ''}>
            <span class="name">{kind}</span>
            <span class="quiet detail">
              {Object.entries(fields)
                .map(([name, value]) => `${name} ${value}`)
                .join(', ')}
            </span>
            <span class="hits">
              {hits === 1 ? '1 hit' : `${hits} hits`}
              {over && ', over'}
            </span>
            <button
              type="button"
              class="plain"
              aria-label={`Remove fault ${kind}`}
              onClick={() => void attempt(ask('DELETE', `/v1/faults/${id}`))}
            >
              ✕
            </button>
          </li>
        ))}
      </ul>
      {schemas && <FaultForm schemas={schemas} />}
    </Card>
  );
}
