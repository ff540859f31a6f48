import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeReport } from '../../../src/eval/index.ts'
import { chromiumPath, startBrowser } from './browser.ts'
import { fakeResults } from './fake-results.ts'

const hostile = '</script><img src=x onerror="document.title=1"><!-- <script>document.title=2</script>'

describe.skipIf(chromiumPath === undefined)(
  `the report in a browser${chromiumPath === undefined ? ' (no Chromium on this machine)' : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-report-'))
    const file = join(folder, 'report.html')
    const problems: string[] = []
    let browser: Browser
    let page: Page

    const open = async (width: number, colorScheme: 'light' | 'dark' = 'light', hash = ''): Promise<Page> => {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' })
      const opened = await context.newPage()
      opened.setDefaultTimeout(8000)
      opened.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
      opened.on('pageerror', (error) => problems.push(error.message))
      await context.route('**/*', (route) => {
        if (route.request().url().startsWith('file:')) return route.continue()
        problems.push(`asked for ${route.request().url()}`)
        return route.abort()
      })
      await opened.goto(pathToFileURL(file).href + hash)
      await opened.locator('.question').waitFor()
      return opened
    }
    const overflow = (of: Page): Promise<number> => of.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)

    beforeAll(async () => {
      fakeResults(join(folder, 'alone'), { queries: 360, documents: 40, hostile })
      fakeResults(join(folder, 'merged'), { queries: 180, documents: 40, merged: true, seed: 2, studies: ['experts'] })
      await writeReport([join(folder, 'alone'), join(folder, 'merged')], file, { title: `Tom & Jerry's ${hostile}` })
      browser = await startBrowser()
      page = await open(1280)
    })

    afterAll(async () => {
      await browser?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    it('draws every part', async () => {
      const marks = (selector: string): Promise<number> => page.locator(selector).count()

      expect(await page.locator('html').getAttribute('lang')).toBe('en')
      expect(await page.locator('.figure-card').count()).toBe(4)
      // Twelve systems in five groups, single experts folded away.
      expect(await marks('#comparison tbody tr.row-paper')).toBe(5)
      expect(await marks('#comparison tbody th[scope=row]')).toBe(13)
      expect(await marks('#comparison svg g[data-marks=dot] > *')).toBe(7)
      expect(await marks('#sets figure svg')).toBe(10)
      expect(await marks('#sets figure svg g[data-marks=bar] > *')).toBe(60)
      expect(await marks('#experts svg g[data-marks=cell] rect')).toBe(9 * 7 + 9)
      expect(await marks('#routing svg g[data-marks=bar] > *')).toBeGreaterThan(15)
      expect(await marks('#map canvas')).toBe(1)
      expect(await marks('#studies figure.study svg')).toBe(6)
      expect(await marks('#query .row')).toBeGreaterThan(5)
      expect(await marks('#about dt')).toBeGreaterThan(10)
    })

    it('paints the map', async () => {
      const colours = await page.locator('#map canvas').evaluate((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement
        const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height)
        const seen = new Set<string>()
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`)
        return seen.size
      })

      expect(colours).toBeGreaterThan(5)
    })

    it('shows hostile texts as they are', async () => {
      expect(await page.locator('h1').textContent()).toBe(`Tom & Jerry's ${hostile}`)
      expect(await page.title()).toBe(`Tom & Jerry's ${hostile}`)
      expect(await page.locator('img').count()).toBe(0)

      await page.getByLabel('Search').fill('onerror')

      expect(await page.locator('#query .row > b').first().textContent()).toBe(hostile)
      await page.getByLabel('Search').fill('')
    })

    it('orders the table, and shows another metric and single experts', async () => {
      const means = (): Promise<number[]> =>
        page.locator('#comparison td.mean .value').evaluateAll((cells) => cells.map((cell) => Number(cell.textContent)))
      const before = await means()

      await page.getByRole('button', { name: 'Mean' }).click()
      expect(await means()).toEqual([...before].sort((a, b) => b - a))

      await page.getByRole('radio', { name: 'Recall@100' }).check()
      expect(await means()).not.toEqual([...before].sort((a, b) => b - a))

      await page.getByRole('group', { name: 'Single experts' }).getByRole('radio', { name: 'Show' }).check()
      expect(await page.locator('#comparison tr.row-expert').count()).toBe(6)
    })

    it('finds questions by words, set, route and outcome', async () => {
      const status = page.locator('#query .status')
      const found = async (): Promise<number> => Number((await status.textContent())!.split(' ')[0])
      expect(await found()).toBe(360)

      await page.locator('#query').getByLabel('Set', { exact: true }).selectOption('banking77')
      expect(await found()).toBe(40)
      await page.locator('#query').getByLabel('Outcome', { exact: true }).selectOption('differs')
      const differing = await found()
      expect(differing).toBeGreaterThan(0)
      expect(differing).toBeLessThan(40)
      await page.locator('#query').getByLabel('Outcome', { exact: true }).selectOption('')
      await page.locator('#query').getByLabel('Route', { exact: true }).selectOption('fallback')
      expect(await found()).toBeLessThan(20)
      await page.locator('#query').getByLabel('Set', { exact: true }).selectOption('')
      await page.locator('#query').getByLabel('Route', { exact: true }).selectOption('')
      await page.getByLabel('Search').fill('no such words at all')
      expect(await found()).toBe(0)
      expect(await page.locator('#query .scroller').textContent()).toContain('Loosen the filters')
      await page.getByLabel('Search').fill('')
    })

    it('goes through questions by keyboard, and lays hits side by side', async () => {
      await page.locator('#question-list').focus()
      await page.keyboard.press('End')

      const last = page.locator('#query .row[aria-selected=true]')
      expect(await last.getAttribute('aria-posinset')).toBe('360')
      await expect.poll(() => page.locator('.question h3').textContent()).toBe(await last.locator('> b').textContent())
      // Six experts, the general one, BM25, routed and routed + BM25.
      expect(await page.locator('.board .column').count()).toBe(10)
      expect(await page.locator('.board .hit').count()).toBeGreaterThan(30)
      expect(await page.locator('.question .bars').count()).toBe(2)
    })

    it('opens a question from the map', async () => {
      const before = await page.locator('.question h3').textContent()

      await page.locator('#map canvas').focus()
      await page.keyboard.press('ArrowRight')
      const asked = await page.locator('#map .tip b').textContent()
      await page.keyboard.press('Enter')

      expect(asked).not.toBe(before)
      await expect.poll(() => page.locator('.question h3').textContent()).toBe(asked)
    })

    it('opens the question that its address names', async () => {
      const question = await page.locator('.question h3').textContent()
      const other = await open(1280, 'light', new URL(page.url()).hash)

      expect(new URL(page.url()).hash).toMatch(/^#q=0%2F/)
      expect(await other.locator('.question h3').textContent()).toBe(question)
      await other.context().close()
    })

    it('shows the other results under another tab, and which studies are missing', async () => {
      await page.getByRole('tab', { name: 'Shipped pack, merged' }).click()
      await page.locator('.question').waitFor()

      expect(await page.locator('#studies figure.study').count()).toBe(1)
      expect(await page.locator('#studies .missing li').count()).toBe(5)
      expect(await page.locator('#query .status').textContent()).toContain('180 questions')
    })

    it('says so where a browser is too old', async () => {
      const context = await browser.newContext()
      await context.addInitScript(() => Reflect.deleteProperty(window, 'DecompressionStream'))
      const old = await context.newPage()
      await old.goto(pathToFileURL(file).href)

      expect(await old.locator('#loading').textContent()).toMatch(/^This browser is too old to unpack the report\. Chrome 111/)
      await context.close()
    })

    it('fits narrow and wide windows, in both themes', async () => {
      for (const [width, scheme] of [
        [380, 'light'],
        [1600, 'dark'],
      ] as const) {
        const other = await open(width, scheme)
        expect(await overflow(other)).toBeLessThanOrEqual(0)
        const background = (): Promise<string> => other.evaluate(() => getComputedStyle(document.body).backgroundColor)
        const before = await background()
        await other.locator('.theme').click()
        expect(await background()).not.toBe(before)
        await other.context().close()
      }
    })

    it('asked nothing of the network and reported no error', () => {
      expect(problems).toEqual([])
    })
  },
)
