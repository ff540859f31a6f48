/**
 * Search only where it makes sense: metadata and filters.
 *
 *   npm run example:filters
 *
 * A filter is planned by the store, not applied afterwards: asking for ten hits gives ten, however rare the match.
 */
import { openPilotfish, type Filter, type RetrieveOptions } from 'pilotfish'

const fish = await openPilotfish()

// Metadata is any JSON. Its top-level keys can be filtered on, lists included.
await fish.add([
  { id: 'pin-2022', text: 'Change your PIN at any cash machine.', metadata: { product: 'card', year: 2022, tags: ['pin'] } },
  { id: 'pin-2025', text: 'Change your PIN in the app, under Cards.', metadata: { product: 'card', year: 2025, tags: ['pin', 'app'] } },
  { id: 'loan-2025', text: 'Repay a loan early without a fee.', metadata: { product: 'loan', year: 2025, tags: ['fee'] } },
  { id: 'draft', text: 'Change your PIN by post (draft, do not publish).', metadata: { product: 'card', draft: true } },
])

const show = async (what: string, filter: Filter, options: RetrieveOptions = {}): Promise<void> => {
  const { hits } = await fish.retrieve('how do I change my PIN?', { ...options, filter })
  console.log(`${what.padEnd(34)} ${hits.map(({ document }) => document.id).join(', ') || 'nothing'}`)
}

await show('everything', {})
// A bare value means "equals"; several keys mean "and".
await show('this product, this year', { product: 'card', year: 2025 })
await show('since 2023', { year: { $gte: 2023 } })
// `$ne` also holds where the key is missing, so published documents need no `draft: false`.
await show('no drafts', { draft: { $ne: true } })
// On a list, a condition holds when any element matches; `$all` wants every one.
await show('about the app', { tags: { $all: ['pin', 'app'] } })
await show('cards or anything without a fee', { $or: [{ product: 'card' }, { $not: { tags: 'fee' } }] })
// A floor for the cosine leaves out what is merely the best of the rest.
await show('only if really similar', {}, { minSimilarity: 0.5 })

// Filters delete, too. The answer is how many documents that were.
console.log('drafts deleted:', await fish.delete({ filter: { draft: true } }))

await fish.close()
