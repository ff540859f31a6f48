import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

/** Where Chromium lies on this machine; `CHROMIUM` names another place. */
export const chromiumPath = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path !== undefined && existsSync(path))

export function startBrowser(): Promise<Browser> {
  // Containers often run as root, where Chromium's sandbox refuses to start; the page is our own.
  return chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox'], timeout: 20_000 })
}
