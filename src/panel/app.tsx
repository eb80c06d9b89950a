import { useState } from 'preact/hooks';
import { Card } from './card.js';
import { CopyAs } from './copy-as.js';
import { Faults } from './faults.js';
import { InstanceOptions } from './instance-options.js';
import { Requests } from './requests.js';
import { ask } from './service.js';
import { attempt, dismiss, useModel } from './store.js';
import { Timeline } from './timeline.js';
import { Tree } from './tree.js';
import { Way } from './way.js';

/** The whole page. */
export function App() {
  const isReady = useModel(({ state }) => state !== undefined);
  const news = useModel((model) => model.news);
  return (
    <>
      <Head />
      <Problem />
      {isReady && (
        <main>
          <Card title="Way to IMDS" className="wide split">
            <Way />
            <InstanceOptions />
          </Card>
          <Requests />
          <Tree />
          <div class="stack">
            <Timeline />
            <Faults />
          </div>
        </main>
      )}
      <p class="unseen" role="status">
        {news}
      </p>
    </>
  );
}

function Head() {
  const state = useModel((model) => model.state);
  const isConnected = useModel((model) => model.isConnected);
  const [isCopying, setCopying] = useState(false);
  const condition = !isConnected ? 'no connection' : state?.running ? 'running' : 'instance off';
  return (
    <header>
      <h1>imds emulator</h1>
      <span class={`pill ${condition === 'running' ? 'good' : 'bad'}`}>{condition}</span>
      <span class="quiet url">{state?.urls.join(', ')}</span>
      <span class="gap" />
      <button type="button" onClick={() => void attempt(ask('POST', '/v1/reset'))}>
        Reset
      </button>
      <button type="button" class="main" onClick={() => setCopying(true)}>
        Copy as…
      </button>
      {isCopying && <CopyAs onClose={() => setCopying(false)} />}
    </header>
  );
}

function Problem() {
  const problem = useModel((model) => model.problem);
  return (
    <div role="alert">
      {problem !== '' && (
        <p class="problem">
          {problem}
          <button type="button" class="plain" aria-label="Dismiss" onClick={dismiss}>
            ✕
          </button>
        </p>
      )}
    </div>
  );
}
