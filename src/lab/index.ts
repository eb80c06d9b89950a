export { runLab } from './outside.js';
export { find, isProgram, LabError } from './requirements.js';
