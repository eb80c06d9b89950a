import { useState } from 'preact/hooks';
import { ask, hopsOf, type Options } from './service.js';
import { attempt, useModel } from './store.js';

let waiting: Partial<Options> | undefined;

/** Sends a change; while one is under way, only the latest of a slider's values waits. */
async function change(options: Partial<Options>): Promise<void> {
  const isBusy = waiting !== undefined;
  waiting = { ...waiting, ...options };
  if (isBusy) return;
  while (waiting && Object.keys(waiting).length > 0) {
    const next: Partial<Options> = waiting;
    waiting = {};
    await attempt(ask('PATCH', '/v1/options', next));
  }
  waiting = undefined;
}

const switches = [
  { name: 'httpTokens', label: 'Require IMDSv2', on: 'required', off: 'optional' },
  { name: 'httpEndpoint', label: 'Endpoint', on: 'enabled', off: 'disabled' },
  { name: 'httpProtocolIpv6', label: 'IPv6', on: 'enabled', off: 'disabled' },
  { name: 'instanceMetadataTags', label: 'Tags in metadata', on: 'enabled', off: 'disabled' },
  { name: 'system', label: 'Xen instead of Nitro', on: 'xen', off: 'nitro' },
] as const;

/** The options of the instance, each changed at once. */
export function InstanceOptions() {
  const options = useModel(({ state }) => state?.options);
  const isLab = useModel(({ state }) => state?.network.kind === 'lab');
  if (!options) return null;
  const { hops } = options;
  return (
    <fieldset class="options">
      <legend>Instance options</legend>
      <Slider
        label="Hop limit"
        range={[1, 64]}
        value={options.httpPutResponseHopLimit}
        onChange={(value) => void change({ httpPutResponseHopLimit: value })}
      />
      {!isLab && (
        <Slider
          label={typeof hops === 'number' ? 'Routers between' : 'Routers, other callers'}
          range={[0, 64]}
          value={hopsOf(options)}
          onChange={(value) => void change({ hops: typeof hops === 'number' ? value : { ...hops, '*': value } })}
        />
      )}
      <div class="switches">
        {switches.map(({ name, label, on, off }) => (
          <button
            key={name}
            type="button"
            role="switch"
            aria-checked={options[name] === on}
            onClick={() => void change({ [name]: options[name] === on ? off : on })}
          >
            <span>{label}</span>
            <code>{options[name]}</code>
          </button>
        ))}
      </div>
    </fieldset>
  );
}

interface Given {
  readonly label: string;
  readonly range: readonly [number, number];
  readonly value: number;
  readonly onChange: (value: number) => void;
}

function Slider({ label, range: [min, max], value, onChange }: Given) {
  // Only while typing; otherwise the service's value.
  const [draft, setDraft] = useState<string>();
  const read = ({ currentTarget }: { currentTarget: HTMLInputElement }): void => {
    if (currentTarget.validity.valid && currentTarget.value !== '') onChange(currentTarget.valueAsNumber);
  };
  return (
    <div class="slider">
      <span aria-hidden="true">{label}</span>
      <input type="range" aria-label={label} min={min} max={max} value={value} onInput={read} />
      <input
        type="number"
        aria-label={`${label}, as a number`}
        min={min}
        max={max}
        value={draft ?? value}
        onInput={({ currentTarget }) => setDraft(currentTarget.value)}
        onChange={(event) => {
          read(event);
          setDraft(undefined);
        }}
      />
    </div>
  );
}
