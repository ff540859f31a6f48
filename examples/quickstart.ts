/**
 * Start here. Two documents of two domains, one question, and the expert that answers it.
 *
 *   npm run example:quickstart
 *
 * Nothing is downloaded and nothing leaves this machine: the experts come with the package.
 */
import { openPilotfish } from 'pilotfish'

// Without a directory everything lives in memory. `openPilotfish({ directory: './knowledge' })` keeps it.
const fish = await openPilotfish()

// Documents are embedded once, whichever expert will be asked later. Adding the same ones again costs next to nothing.
await fish.add([
  { id: 'a', text: 'Ibuprofen for children is dosed by weight.' },
  { id: 'b', text: 'tar -xzf unpacks a gzipped archive.' },
])

// The router reads the question, chooses who knows its domain, and that expert searches.
const { hits, route } = await fish.retrieve('what is the right dose of ibuprofen for a child?', { topK: 1 })

console.log('asked: ', route.experts.map(({ name }) => name).join(' and '))
console.log('answer:', hits[0]?.document.text)
console.log(
  'why:   ',
  route.scores
    .slice(0, 3)
    .map(({ expert, score }) => `${expert} ${score.toFixed(2)}`)
    .join(', '),
)

// Waits for running work and lets go of files and threads. Without it the program ends too, but say it anyway.
await fish.close()
