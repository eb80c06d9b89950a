import { useState } from 'preact/hooks';
import { Card } from './card.js';
import { ask } from './service.js';
import { attempt, useModel } from './store.js';
import { nodeAt, rowsOf, type TreeRow, urlOf } from './tree-rows.js';
import { AddValue, ValueEditor } from './value-editor.js';

/** The values of the instance, to search, change and remove. */
export function Tree() {
  const tree = useModel((model) => model.tree);
  const [search, setSearch] = useState('');
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set(['meta-data']));
  const [selected, setSelected] = useState('');
  const [isAdding, setAdding] = useState(false);
  const rows = rowsOf(tree, opened, search);
  const toggle = (path: string, isOpen: boolean): void => {
    const next = new Set(opened);
    if (isOpen) next.add(path);
    else next.delete(path);
    setOpened(next);
  };
  const remove = (path: string): void => void attempt(ask('DELETE', urlOf(path)));
  const node = nodeAt(tree, selected);
  const add = (
    <button type="button" aria-expanded={isAdding} onClick={() => setAdding(!isAdding)}>
      Add
    </button>
  );
  return (
    <Card title="Tree" className="tree-card" beside={add}>
      {isAdding && (
        <AddValue
          onDone={(path) => {
            setAdding(false);
            setSelected(path);
          }}
        />
      )}
      <input
        type="search"
        placeholder="Search paths and values"
        aria-label="Search the tree"
        value={search}
        onInput={({ currentTarget }) => setSearch(currentTarget.value)}
      />
      <Rows rows={rows} selected={selected} onSelect={setSelected} onToggle={toggle} onRemove={remove} />
      {node === undefined ? (
        <p class="quiet hint">Choose a value to see what it means, and to change it.</p>
      ) : (
        <ValueEditor key={selected} path={selected} node={node} onRemove={() => remove(selected)} />
      )}
    </Card>
  );
}

interface Given {
  readonly rows: readonly TreeRow[];
  readonly selected: string;
  readonly onSelect: (path: string) => void;
  readonly onToggle: (path: string, isOpen: boolean) => void;
  readonly onRemove: (path: string) => void;
}

const idOf = (path: string): string => `node-${path.replaceAll(/[^\w-]/g, (sign) => `_${sign.charCodeAt(0)}_`)}`;

function Rows({ rows, selected, onSelect, onToggle, onRemove }: Given) {
  const index = rows.findIndex(({ path }) => path === selected);
  const row = rows[index];
  const go = (target: TreeRow | undefined): void => {
    if (!target) return;
    onSelect(target.path);
    document.getElementById(idOf(target.path))?.scrollIntoView({ block: 'nearest' });
  };
  const keys: Record<string, () => void> = {
    ArrowDown: () => go(rows[index + 1]),
    ArrowUp: () => go(rows[index - 1]),
    Home: () => go(rows[0]),
    End: () => go(rows.at(-1)),
    ArrowRight: () => row && !row.leaf && (row.isOpen ? go(rows[index + 1]) : onToggle(row.path, true)),
    ArrowLeft: () => row && (row.isOpen ? onToggle(row.path, false) : go(parentOf(rows, index))),
    Enter: () => row && !row.leaf && onToggle(row.path, !row.isOpen),
    Delete: () => row && onRemove(row.path),
  };
  const press = (event: KeyboardEvent): void => {
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  return (
    <div
      class="tree"
      role="tree"
      tabIndex={0}
      aria-label="Values of the instance"
      {...(row ? { 'aria-activedescendant': idOf(row.path) } : {})}
      onKeyDown={press}
    >
      {rows.map(({ path, name, level, leaf, isOpen }) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the focus and hears the keys, its rows are named to it by aria-activedescendant
        <div
          key={path}
          id={idOf(path)}
          role="treeitem"
          tabIndex={-1}
          aria-level={level}
          aria-selected={path === selected}
          {...(leaf === undefined ? { 'aria-expanded': isOpen } : {})}
          class={`node level-${Math.min(level, 8)}`}
          onClick={() => {
            onSelect(path);
            if (leaf === undefined) onToggle(path, !isOpen);
          }}
        >
          <span class="twist" aria-hidden="true">
            {leaf === undefined ? (isOpen ? '▾' : '▸') : ''}
          </span>
          <span class="name">{name}</span>
          {leaf && <span class="value">{leaf.form === 'secret' ? 'secret' : leaf.text.slice(0, 120)}</span>}
        </div>
      ))}
      {rows.length === 0 && <p class="empty">Nothing fits.</p>}
    </div>
  );
}

function parentOf(rows: readonly TreeRow[], index: number): TreeRow | undefined {
  const level = rows[index]?.level ?? 0;
  return rows.slice(0, index).findLast((row) => row.level < level);
}
