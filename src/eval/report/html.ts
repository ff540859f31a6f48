import { createHash } from 'node:crypto'
import type { PageFiles } from './page-files.ts'

/** Data for the page: gzipped JSON as base64, which holds nothing that HTML could take for markup. */
export interface Parcel {
  readonly id: string
  readonly base64: string
}

/**
 * The page. Its policy lets nothing in from outside, and lets only our own two scripts run: text that broke out of its place could
 * neither load nor start anything.
 */
export function reportHtml(title: string, { script, style, notices }: PageFiles, parcels: readonly Parcel[]): string {
  const main = inlined(script)
  const scripts = [checkBrowser, main].map((code) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline'; script-src ${scripts.join(' ')}">
<title>${escaped(title)}</title>
<!--
This file holds parts of:

${notices.replaceAll('--', '- -').replaceAll('>', '&gt;')}
-->
<style>
${style.replaceAll('</', '<\\/')}
</style>
</head>
<body>
<div class="loading">
<h1>${escaped(title)}</h1>
<p id="loading">Unpacking …</p>
<noscript><p>This report draws itself: it needs JavaScript, and nothing from the network.</p></noscript>
</div>
<script>${checkBrowser}</script>
${parcels.map(({ id, base64 }) => `<script type="application/octet-stream" id="${id}">${base64}</script>`).join('\n')}
<script>${main}</script>
</body>
</html>
`
}

/** In words that any browser understands. */
const checkBrowser = `if (!window.DecompressionStream || !window.ResizeObserver || !(window.CSS && CSS.supports('color', 'color-mix(in oklab, red, blue)'))) document.getElementById('loading').textContent = 'This browser is too old to unpack the report. Chrome 111, Firefox 113, Safari 16.4 and later can.';
window.onerror = function (message) { var place = document.getElementById('loading'); if (place) place.textContent += ' The report could not be shown: ' + message; };`

function inlined(script: string): string {
  return script.replace(/<\/(script)/gi, '<\\/$1').replaceAll('<!--', '<\\!--')
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
