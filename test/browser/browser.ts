/** Debian's Chromium, and what is looked at in every page it shows. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

export const startBrowser = (): Promise<Browser> => chromium.launch({ executablePath: '/usr/bin/chromium' })

/** Light or dark, on a desk or in a hand. */
export const views = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  narrow: { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
} as const satisfies Record<string, BrowserContextOptions>
export type ViewName = keyof typeof views

/** A page, and what went wrong in it: errors of scripts, and what the policy has refused. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions,
): Promise<AsyncDisposable & { readonly page: Page; readonly complaints: string[] }> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text()))
      complaints.push(message.text())
  })
  return {
    page,
    complaints,
    async [Symbol.asyncDispose]() {
      await context.close()
    },
  }
}

/** No barrier that axe-core knows, and nothing that has to be scrolled to sideways. */
export async function assertReadable(page: Page, what: string): Promise<void> {
  await page.evaluate(axe.source)
  const violations = (await page.evaluate(`axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`)) as string[]
  assert.deepEqual(violations, [], what)
  const [wide, shown] = (await page.evaluate(
    '[document.documentElement.scrollWidth, window.innerWidth]',
  )) as [number, number]
  assert.ok(wide <= shown, `${what} is ${wide} pixels wide in a window of ${shown}`)
}

/** Those that docs/status-page.md shows. */
const inManual = [
  ...['services-light', 'services-broken-light', 'experiment-broken-light', 'experiment-broken-dark'],
  ...['services-broken-narrow', 'run-broken-light', 'use-light', 'away-light'],
]

/** A picture for the manual, where somebody wants it: `SCREENSHOTS=docs/images npm run test:browser`. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const directory = process.env.SCREENSHOTS
  if (directory && inManual.includes(name))
    await page.screenshot({ path: join(directory, `status-page-${name}.png`), fullPage: true })
}
