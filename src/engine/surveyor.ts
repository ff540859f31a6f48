import type { Encoder } from '../encoder/encoder.ts'
import type { Router, Survey } from '../routing/router.ts'
import type { Store } from '../store/store.ts'

/** Documents that are enough to know a collection by: their mean confidence is then known to some hundredths. */
const sampled = 320
/** Characters of a document that are read. */
const charactersRead = 200
/** A collection is surveyed anew when so large a share of it has changed. */
const outdated = 0.1

/** Keeps what the router makes of the collection, and looks again when the router or much of the collection has changed. */
export function surveyor(base: Encoder, store: Store) {
  let known: { readonly router: Router; readonly survey: Promise<Survey> } | undefined
  let size = 0
  let changed = 0

  const look = async (router: Router): Promise<Survey> => {
    const { documents, total } = await store.sample!(base.id, sampled)
    size = total
    changed = 0
    const sample = documents.map(({ document: { title, text }, vector }) => ({
      text: (title ? `${title} ${text}` : text).slice(0, charactersRead),
      vector,
    }))
    return router.survey!(sample, total)
  }

  return {
    /** Documents came or went. */
    changed(documents: number): void {
      changed += documents
    },
    /** `undefined` where the store cannot be sampled or the router takes no notice. Questions asked meanwhile wait for one survey. */
    async survey(router: Router | undefined): Promise<Survey | undefined> {
      if (!router?.survey || !store.sample) return undefined
      if (known?.router !== router || changed > outdated * size) {
        changed = 0
        const survey = look(router)
        known = { router, survey }
        survey.catch(() => {
          if (known?.survey === survey) known = undefined
        })
      }
      return known.survey
    },
  }
}

export type Surveyor = ReturnType<typeof surveyor>
