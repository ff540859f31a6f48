import type { Prompt } from '../language-model/language-model.ts'
import type { TaskSample } from '../tasks/sample.ts'
import type { RetrievalTask } from '../tasks/task.ts'

type PromptStart = Omit<Prompt, 'answer'>
type Template = (sample: TaskSample) => { readonly before: string; readonly border: string; readonly after: string }

/**
 * What stands around a candidate when a language model is asked for the answer (LLM-Embedder, appendix, and its released code). Tools are
 * not something that an answer follows from. `border` parts the candidate from the rest and goes where the candidate goes.
 */
const templates: Readonly<Partial<Record<RetrievalTask, Template>>> = {
  qa: question,
  convsearch: question,
  icl: ({ query }) => ({ before: '', border: '\n', after: `${query}\n` }),
  chat: ({ query }) => ({ before: '', border: '\n', after: `Speaker 1: ${query}\nSpeaker 2: ` }),
  // One running text: what was cut out of it between two words is put together with a space.
  lrlm: ({ context = '', query }) => ({
    before: '',
    border: ' ',
    after: /\s$/.test(query) ? spaced(context, query) : `${spaced(context, query)} `,
  }),
}

function question({ query }: TaskSample): ReturnType<Template> {
  return { before: 'Knowledge: ', border: '\n\n', after: `Question: ${query}\n\nAnswer: ` }
}

/** Two texts with white space between them. */
function spaced(first: string, second: string): string {
  return first === '' || second === '' || /\s$/.test(first) || /^\s/.test(second) ? first + second : `${first} ${second}`
}

/** Why a language model cannot score a sample; `undefined` when it can. */
export function unscorable({ task, answers }: TaskSample): string | undefined {
  if (!templates[task]) return `the task "${task}" has no answer that a language model could give`
  return answers.some((answer) => answer.trim() !== '') ? undefined : 'has no answers'
}

/** The prompt of a sample with a candidate; without one, the template goes without the part that holds it. */
export function promptOf(sample: TaskSample, candidate: string | undefined): PromptStart {
  const { before, border, after } = templates[sample.task]!(sample)
  if (candidate === undefined) return { before: '', key: '', after }
  const joined = border === ' ' ? spaced(candidate, after).slice(candidate.length) : border + after
  return { before, key: candidate, after: joined }
}

/** Answers that say something. */
export function answersOf({ answers }: TaskSample): readonly string[] {
  return answers.filter((answer) => answer.trim() !== '')
}
