/** A worked example of what a language model is to do. */
export interface WorkedExample {
  readonly input: string
  readonly answer: string
}

/** An example as it is stored and searched, and as it is shown to the model (task `icl`): the input, and its answer on the next line. */
export function exampleKey({ input, answer }: WorkedExample): string {
  return `${input.trim()}\n${answer.trim()}`
}

/** What examples are looked for with (task `icl`): an input whose answer nobody knows yet, with the question put as in the examples. */
export function exampleQuery(input: string): string {
  return input.trim()
}
