import { useState } from 'preact/hooks';
import { helpFor } from './help.js';
import { ask, type Node } from './service.js';
import { attempt } from './store.js';
import { leafOf, urlOf } from './tree-rows.js';

interface Given {
  readonly path: string;
  readonly node: Node;
  readonly onRemove: () => void;
}

/** The meaning of a value, and its editor. */
export function ValueEditor({ path, node, onRemove }: Given) {
  const leaf = leafOf(node);
  // Only while editing; otherwise the service's value.
  const [draft, setDraft] = useState<string>();
  const isSecret = leaf?.form === 'secret';
  const help = helpFor(path);
  const save = async (): Promise<void> => {
    if (draft === undefined) return;
    if (await attempt(ask('PUT', urlOf(path), leaf?.form === 'text' ? draft : { $base64: draft }))) setDraft(undefined);
  };
  return (
    <div class="editor">
      <h3>{path.replace(/^meta-data\/(?=.)/, '')}</h3>
      {help && (
        <p class="help">
          {help.split('`').map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part))}
        </p>
      )}
      {isSecret && <p class="quiet">Its secrets are not shown. Removed and added again, it can be anything.</p>}
      {leaf?.form === 'base64' && <p class="quiet">Bytes, as base64.</p>}
      {leaf && (
        <textarea
          aria-label={`Value of ${path}`}
          rows={Math.min(8, Math.max(2, leaf.text.split('\n').length))}
          spellcheck={false}
          readOnly={isSecret}
          value={draft ?? leaf.text}
          onInput={({ currentTarget }) => setDraft(currentTarget.value)}
        />
      )}
      <div class="actions">
        {leaf && !isSecret && (
          <button type="button" class="main" disabled={draft === undefined || draft === leaf.text} onClick={save}>
            Save
          </button>
        )}
        {draft !== undefined && (
          <button type="button" onClick={() => setDraft(undefined)}>
            Discard
          </button>
        )}
        <span class="gap" />
        <button type="button" class="danger" onClick={onRemove}>
          Remove
        </button>
      </div>
    </div>
  );
}

/** Sets a value where there may be none yet. */
export function AddValue({ onDone }: { readonly onDone: (path: string) => void }) {
  const [path, setPath] = useState('');
  const [value, setValue] = useState('');
  const [isJson, setJson] = useState(false);
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    const put = async (): Promise<void> => ask('PUT', urlOf(path), isJson ? JSON.parse(value) : value);
    if (!(await attempt(put()))) return;
    const below = path.replace(/^\/+latest\/+/, '');
    onDone(/^(dynamic|meta-data|user-data)(\/|$)/.test(below) ? below : `meta-data/${below}`);
  };
  return (
    <form class="editor" onSubmit={add}>
      <label class="field">
        Path
        <input
          required
          placeholder="tags/instance/Name"
          value={path}
          onInput={({ currentTarget }) => setPath(currentTarget.value)}
        />
      </label>
      <label class="field">
        Value
        <textarea rows={2} value={value} onInput={({ currentTarget }) => setValue(currentTarget.value)} />
      </label>
      <label class="check">
        <input type="checkbox" checked={isJson} onChange={({ currentTarget }) => setJson(currentTarget.checked)} />
        As in a scenario: {'{"$template": …}, {"$credentials": …}'}, a directory
      </label>
      <div class="actions">
        <button type="submit" class="main">
          Add the value
        </button>
      </div>
    </form>
  );
}
