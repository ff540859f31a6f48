import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const from = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

export default defineConfig({
  root: from(''),
  resolve: {
    alias: [
      { find: /^pilotfish$/, replacement: from('src/index.ts') },
      { find: /^pilotfish\/(train|eval)$/, replacement: from('src/$1/index.ts') },
      { find: /^pilotfish\/(langchain|llamaindex)$/, replacement: from('adapters/$1/index.ts') },
    ],
  },
  test: {
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.cache/vitest.json' }]] : ['default'],
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
