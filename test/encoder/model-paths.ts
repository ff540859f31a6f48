import { fileURLToPath } from 'node:url'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

export const tinyBert = path('../fixtures/models/tiny-bert')
export const tinyStatic = path('../fixtures/models/tiny-static')
/** Models too large for the repository lie beside it. */
export const sharedModels = path('../../../shared/models')
