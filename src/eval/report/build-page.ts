/** Puts the bundled page into dist/, beside the code that writes reports. The last step of `npm run build`. */
import { writeFile } from 'node:fs/promises'
import { bundlePage } from './bundle-page.ts'

await writeFile(new URL('../../../dist/report-page.json', import.meta.url), JSON.stringify(await bundlePage()))
