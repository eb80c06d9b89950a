import { basename } from 'node:path';
import { folder } from './layout.js';
import { distances, type Place } from './plan.js';

/** An interactive shell whose prompt names the place. */
export interface Shell {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Files of the lab's folder that it reads. */
  readonly files: Readonly<Record<string, string>>;
}

/** Each shell sets its prompt where it reads its user's settings, so the file it reads first is the lab's. */
export function shellAt(place: Place, program: string): Shell {
  const mark = `(lab: ${place}) `;
  switch (basename(program)) {
    case 'bash':
      return {
        command: [program, '--rcfile', `${folder}/bashrc`],
        env: {},
        files: { bashrc: `[ -f ~/.bashrc ] && . ~/.bashrc\nPS1='${mark}'"$PS1"\n` },
      };
    case 'zsh': {
      const own = (name: string): string => `[ -f ~/${name} ] && . ~/${name}\n`;
      return {
        command: [program],
        env: { ZDOTDIR: `${folder}/zsh` },
        files: { 'zsh/.zshenv': own('.zshenv'), 'zsh/.zshrc': `${own('.zshrc')}PROMPT='${mark}'"$PROMPT"\n` },
      };
    }
    case 'fish':
      return {
        command: [
          program,
          '--init-command',
          `functions -c fish_prompt lab_prompt; function fish_prompt; echo -n '${mark}'; lab_prompt; end`,
        ],
        env: {},
        files: {},
      };
    default:
      // Without job control, which on exit would return the terminal to a process group outside the lab.
      return { command: [program, '+m'], env: { PS1: `${mark}$ ` }, files: {} };
  }
}

/** The lines before the prompt: the place, and what to try. */
export function introduction(place: Place, hopLimit: number): readonly string[] {
  const distance = distances[place];
  const fate = hopLimit < distance ? 'and dies on the way' : 'and arrives';
  const where = {
    host: 'the instance',
    container: 'a container on the instance',
    nested: 'a container inside a container',
  };
  const limits = `--hop-limit ${hopLimit < distance ? distance : Math.max(distance - 1, 1)}`;
  return [
    `This is ${where[place]}: ${distance} ${distance === 1 ? 'hop' : 'hops'} from IMDS; its token reply travels ${hopLimit}, ${fate}.`,
    'Try: imds doctor · curl -m 2 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" http://169.254.169.254/latest/api/token',
    `Then: imds lab --in ${place} ${limits} · exit ends the lab and everything in it.`,
  ];
}
