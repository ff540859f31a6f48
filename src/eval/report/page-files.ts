import { readFile } from 'node:fs/promises'

/** What the page is made of, besides the data. */
export interface PageFiles {
  /** One classic script, the plots library included. */
  readonly script: string
  readonly style: string
  /** Licences of what was bundled. */
  readonly notices: string
}

/** Built files lie in dist/; from sources the page is bundled on the spot, so that it is never older than its source. */
export async function pageFiles(): Promise<PageFiles> {
  if (!import.meta.url.endsWith('.ts')) {
    return JSON.parse(await readFile(new URL('./report-page.json', import.meta.url), 'utf8')) as PageFiles
  }
  const bundler = new URL('./bundle-page.ts', import.meta.url).href
  const { bundlePage } = (await import(/* @vite-ignore */ bundler)) as { bundlePage(): Promise<PageFiles> }
  return bundlePage()
}
