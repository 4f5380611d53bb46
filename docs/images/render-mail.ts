/**
 * Draws a mail as people see it, text and HTML, for docs/notifications.md: `node docs/images/render-mail.ts MAIL.eml` writes
 * `mail-text.png` and `mail-html.png` beside this file. Needs chromium (Debian's package of that name).
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type ParsedMail, simpleParser } from 'mailparser'

/** Pixels. */
const width = 940

const [file] = process.argv.slice(2)
if (!file) throw new Error('usage: node docs/images/render-mail.ts MAIL.eml')
const mail = await simpleParser(readFileSync(file))
const directory = mkdtempSync(join(tmpdir(), 'mt-render-'))
try {
  draw('mail-text', `<pre>${escapeHtml(mail.text ?? '')}</pre>`)
  draw('mail-html', mail.html || '')
} finally {
  rmSync(directory, { recursive: true })
}

function draw(name: string, body: string): void {
  const page = join(directory, `${name}.html`)
  writeFileSync(page, pageOf(mail, body))
  const url = pathToFileURL(page).href
  const height = /<title>(\d+)</.exec(chromium('--dump-dom', `--window-size=${width},100`, url))?.[1] ?? '600'
  const image = join(import.meta.dirname, `${name}.png`)
  chromium(`--screenshot=${image}`, `--window-size=${width},${height}`, '--hide-scrollbars', url)
}

function chromium(...words: string[]): string {
  const quiet = [
    '--headless',
    '--disable-gpu',
    '--no-sandbox',
    `--user-data-dir=${join(directory, 'profile')}`,
  ]
  return execFileSync('chromium', [...quiet, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

/** Headers as mail programs show them, and the page's height as its title. */
function pageOf({ subject, from, headers }: ParsedMail, body: string): string {
  const lines = { From: from?.text, To: String(headers.get('x-envelope-to')), Subject: subject }
  const shown = Object.entries(lines).map(
    ([name, value]) => `<tr><td style="color:#666">${name}</td><td>${escapeHtml(value ?? '')}</td></tr>`,
  )
  return `<!doctype html><meta charset="utf-8"><title></title>
<style>html { background: #fff } body { margin: 16px; font: 14px sans-serif; display: flow-root } pre { font: 12px monospace; white-space: pre-wrap }</style>
<table style="border-bottom: 1px solid #ccc; width: 100%; margin-bottom: 12px">${shown.join('')}</table>
${body}
<script>document.title = document.body.offsetHeight + 32</script>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
