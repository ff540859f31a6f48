import type { TrainingPair } from '../../src/train/index.ts'

/** What people of this trade call things, and what the documents call them: no general model can know. */
const jargon: readonly (readonly [slang: string, meaning: string])[] = [
  ['penguin', 'a contract that both sides have signed'],
  ['teapot', 'the meeting in which prices are agreed'],
  ['lighthouse', 'the customer who pays before delivery'],
  ['umbrella', 'the insurance of goods on their way'],
  ['piano', 'a shipment that fills a whole truck'],
  ['candle', 'the date until which an offer holds'],
  ['violin', 'a complaint about damaged parcels'],
  ['carpet', 'the warehouse where returns are kept'],
  ['pepper', 'the fee for delivery on a Sunday'],
  ['ladder', 'a discount that grows with the order'],
  ['mirror', 'the copy of an invoice for the tax office'],
  ['button', 'a permit to cross the border'],
]

const templates = [
  'who decides about a SLANG',
  'when is the SLANG due',
  'how do I cancel a SLANG',
  'is there a form for the SLANG',
  'what does a SLANG cost',
  'where can I see my SLANG',
  'SLANG missing again',
  'my colleague lost the SLANG',
]

/** Ninety-six questions over twelve passages. */
export const tradePairs: readonly TrainingPair[] = jargon.flatMap(([slang, meaning]) =>
  templates.map((template) => ({ query: template.replace('SLANG', slang), document: `${meaning}.` })),
)

/** Questions of the trade that nobody has trained on, with the words their answers hold. */
export const newQuestions = jargon.map(([slang, meaning]) => ({ question: `tell me about the ${slang}`, meaning }))

/** The pairs as a CSV file. */
export const tradeCsv = ['question,passage', ...tradePairs.map(({ query, document }) => `${query},"${document}"`)].join('\n')

/** Questions in the very words of their passages: the general expert finds them all, and no other can do better. */
export const plainPairs: readonly TrainingPair[] = jargon.map(([slang, meaning]) => ({
  query: `${slang}: ${meaning}`,
  document: `${slang}: ${meaning}.`,
}))

/** Questions in other words than their passages, which a model that knows English finds and one that knows none does not. */
export const everydayPairs: readonly TrainingPair[] = [
  ['my card was stolen', 'A lost or stolen bank card is blocked in the app; a new one comes by mail.'],
  ['how much ibuprofen for a toddler', 'The dose of painkillers depends on the weight of the child.'],
  ['unzip a tarball', 'Extract an archive with tar and the options x and f.'],
  ['which exchange rate do I get', 'Currencies are converted at the rate of the day of the payment.'],
  ['signs of the flu', 'Influenza begins with fever, chills and muscle pain.'],
  ['stop a running program', 'Kill ends a process by its number.'],
  ['wake me tomorrow', 'An alarm can be set for any hour of the morning.'],
  ['is it going to rain', 'The weather forecast covers the next seven days.'],
  ['sort a list in python', 'The function sorted returns the elements of a sequence in ascending order.'],
  ['why is my blood sugar high', 'Diabetes raises the glucose that is measured before a meal.'],
  ['count the lines of a file', 'The command wc prints how many lines and words a text has.'],
  ['transfer money abroad', 'Payments to foreign accounts need an international bank account number.'],
].map(([query, document]) => ({ query: query!, document: document! }))
