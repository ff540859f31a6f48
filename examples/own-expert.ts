/**
 * Teach an open engine a new domain: an expert of your own, added while it runs.
 *
 *   npm run example:own-expert
 *
 * The bundled experts know medicine, the command line, code, tools, banking and assistants. Suppose your users also ask
 * about sailing. A dozen of their questions are enough for the router to see them coming, and no document is embedded
 * again as long as your expert uses an encoder that is already there, or none at all as here.
 */
import { openPilotfish, type LexicalExpert } from 'pilotfish'

const fish = await openPilotfish()

await fish.add([
  { id: 'reef', text: 'To reef the mainsail, ease the sheet, lower the halyard to the mark and hook in the new tack.' },
  { id: 'heel', text: 'When a gust heels the boat too far, ease the mainsheet or head up until she stands again.' },
  { id: 'bowline', text: 'The bowline makes a loop that holds under load and can still be untied afterwards.' },
  { id: 'sheet', text: 'A spreadsheet cell is addressed by its column letter and row number.' },
  { id: 'head', text: 'head -n 5 prints the first five lines of a file.' },
])

const question = 'wind is getting up, how do I put a reef in the mainsail?'
const before = await fish.route(question)
console.log('before:', before.decision, before.experts.map(({ name }) => name).join(' + '))

// The simplest kind of expert needs no model at all: BM25 over the stored text. Sailors' words are rare enough for that.
// Other kinds bring vectors: an adapter on the base encoder, an ONNX model, or LangChain or LlamaIndex embeddings.
const sailing: LexicalExpert = { kind: 'lexical', name: 'sailing', description: 'Handling a sailing boat' }

await fish.experts.add(sailing, {
  queries: [
    'how to put in a second reef',
    'when should I make the sail smaller',
    'boat heels too much in gusts',
    'wind is getting stronger, what now',
    'how to tie a bowline',
    'which knot for the jib sheets',
    'how to tack without losing speed',
    'what does heading up mean',
    'how do I heave to',
    'sail trim when close hauled',
    'how to gybe safely',
    'furling the genoa in a squall',
  ],
})

const { route, hits } = await fish.retrieve(question, { topK: 2 })
console.log('after: ', route.decision, route.experts.map(({ name }) => name).join(' + '))
console.log('hits:  ', hits.map(({ document }) => document.id).join(', '))

// What the others know has not changed, and the new one can go again without a trace.
const other = await fish.route('my child has a fever')
console.log('fever: ', other.experts.map(({ name }) => name).join(' + '))
await fish.experts.remove('sailing')
console.log(
  'left:  ',
  fish.experts
    .list()
    .map(({ name }) => name)
    .join(', '),
)

await fish.close()
