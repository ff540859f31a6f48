import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'

/** Token ids of a text, special ones included, as a model's own tokenizer cuts it; nothing is truncated. */
export function tokenizerOf(model: string): (text: string) => readonly number[] {
  const json = (name: string): object => JSON.parse(readFileSync(join(model, name), 'utf8')) as object
  const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'))
  return (text) => tokenizer.encode(text).ids
}
