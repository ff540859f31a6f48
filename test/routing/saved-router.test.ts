import { describe, expect, it } from 'vitest'
import { PilotfishError } from '../../src/errors.ts'
import { loadRouter, saveRouter } from '../../src/routing/saved-router.ts'
import { pilotRouter } from '../../src/routing/pilot-router.ts'
import { textRouter } from '../../src/routing/text-router.ts'
import type { Router } from '../../src/routing/router.ts'
import { readSafetensors, writeSafetensors, type Tensor } from '../../src/safetensors.ts'
import { ask, describeRouter, legal, medical, shell } from '../conformance/router.ts'

/** Through JSON and bytes, as in a pack. */
const reopened = (router: Router): Router => {
  const { manifest, tensors } = saveRouter(router)
  return loadRouter(JSON.parse(JSON.stringify(manifest)), readSafetensors(writeSafetensors(tensors), 'test').tensors)
}

describeRouter('a saved text router', (experts) => reopened(textRouter(experts)))
describeRouter('a saved pilot router', (experts) => reopened(pilotRouter(experts, { meanCentre: experts.length > 1 })))

describe('saveRouter', () => {
  it('routes as before, but for rounding to 8 bits', () => {
    const router = textRouter([medical, shell, legal])

    for (const text of ['fever and cough', 'grep the lease', 'tenant', 'a child']) {
      const before = router.route(ask(text))
      const after = reopened(router).route(ask(text))
      expect(after.experts.map(({ name }) => name)).toEqual(before.experts.map(({ name }) => name))
      expect(after.confidence).toBeCloseTo(before.confidence, 1)
    }
  })

  it('keeps no words', () => {
    const { manifest, tensors } = saveRouter(textRouter([medical, shell]))

    const text = JSON.stringify(manifest) + [...tensors.values()].map(({ data }) => Buffer.from(data).toString('latin1')).join()
    expect(text).not.toMatch(/fever|cough|grep/)
  })

  it('refuses a router that is not one of ours', () => {
    const own: Router = {
      experts: [],
      route: () => {
        throw new Error()
      },
      with: () => own,
      without: () => own,
    }

    expect(() => saveRouter(own)).toThrow(/textRouter or pilotRouter/)
  })
})

describe('loadRouter', () => {
  const { manifest, tensors } = saveRouter(textRouter([medical, shell]))
  const changed = (name: string, tensor: Tensor | undefined): Map<string, Tensor> => {
    const copy = new Map(tensors)
    if (tensor) copy.set(name, tensor)
    else copy.delete(name)
    return copy
  }
  const refusal = (load: () => unknown): void => {
    let error: unknown
    try {
      load()
    } catch (thrown) {
      error = thrown
    }
    expect(PilotfishError.is(error) && error.code).toBe('INVALID_PACK')
  }

  it('refuses to load without any one of its tensors', () => {
    for (const name of tensors.keys()) refusal(() => loadRouter(manifest, changed(name, undefined)))
  })

  it('refuses tensors that are cut short', () => {
    for (const [name, tensor] of tensors) {
      if (tensor.data.byteLength < 8) continue
      const cut = { ...tensor, data: tensor.data.slice(0, tensor.data.byteLength - 4), shape: [] }
      refusal(() => loadRouter(manifest, changed(name, cut)))
    }
  })

  it('refuses features and numbers that cannot be', () => {
    const far = { dtype: 'U32', shape: [1], data: new Uint8Array([255, 255, 255, 255]) } as const
    refusal(() => loadRouter(manifest, changed('0.model.indices', far)))
    refusal(() => loadRouter(manifest, changed('rarity.indices', far)))
    const nan = { ...tensors.get('0.pilots.scales')!, data: new Uint8Array(Float32Array.from(medical.pilots, () => Number.NaN).buffer) }
    refusal(() => loadRouter(manifest, changed('0.pilots.scales', nan)))
  })

  it.each([
    undefined,
    null,
    7,
    {},
    { kind: 'oracle' },
    { ...manifest, experts: undefined },
    { ...manifest, experts: [{ name: 'a' }, { name: 'a' }] },
    { ...manifest, experts: [{ name: 'medical', lexicalWeight: 2 }] },
    { ...manifest, decision: undefined },
    { ...manifest, decision: { ...manifest.decision, fuseMargin: 'wide' } },
    { ...manifest, queries: -1 },
  ])('refuses the manifest %j', (broken) => {
    refusal(() => loadRouter(broken, tensors))
  })
})
