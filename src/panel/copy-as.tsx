import { useEffect, useRef, useState } from 'preact/hooks';
import { forms, type Scenario } from './forms.js';
import { ask } from './service.js';
import { attempt, useModel } from './store.js';

type Form = keyof typeof forms;

/** The current state in forms to keep: a file, code, a command. */
export function CopyAs({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [scenario, setScenario] = useState<Scenario>();
  const [form, setForm] = useState<Form>('Scenario file');
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
    void attempt(ask<Scenario>('GET', '/v1/scenario').then(setScenario));
  }, []);
  const speed = useModel(({ state }) => state?.clock.speed ?? 1);
  const place = useModel(({ state }) => (state?.network.kind === 'lab' ? state.network.place : undefined));
  const present = scenario && { scenario, speed, place };
  const text = present ? forms[form].text(present) : '';
  const copy = (): void => void attempt(navigator.clipboard.writeText(text).then(() => setCopied(true)));
  return (
    <dialog ref={dialog} aria-labelledby="copy-title" onClose={onClose}>
      <div class="title">
        <h2 id="copy-title">Copy the present state as</h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </div>
      <fieldset class="choice">
        <legend class="unseen">Form</legend>
        {(Object.keys(forms) as Form[]).map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="form"
              checked={form === name}
              onChange={() => {
                setForm(name);
                setCopied(false);
              }}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <textarea readOnly rows={16} spellcheck={false} aria-label={form} value={text} />
      <p class="note">{present && forms[form].leftOut(present)}</p>
      <div class="actions">
        <button type="button" class="main" onClick={copy}>
          Copy
        </button>
        <span role="status">{isCopied ? 'Copied.' : ''}</span>
      </div>
    </dialog>
  );
}
