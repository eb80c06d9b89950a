import { render } from 'preact';
import { App } from './app.js';
import { attempt, connect } from './store.js';

render(<App />, document.body);
void attempt(connect());
