/** The status page in a real browser, on a whole site: what people see while nodes go down and come back, and the page's own servers too. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { findFreePort } from '../../sandbox/free-port.ts'
import { eventually } from '../support/latch.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { assertReadable, openPage, startBrowser, takePicture, type ViewName, views } from './browser.ts'

const bearer = { scopes: ['compute.read', 'storage.read:/dune'], purpose: 'read' }
const node = 'dunegpvm01.sandbox.test'
/** How soon after a fact the page shows it (milliseconds). */
const soon = 5_000

describe('the status page', { timeout: 900_000 }, () => {
  const stack = new AsyncDisposableStack()
  let pipeline: Pipeline
  let browser: Browser
  let url: string
  let run: string

  before(async () => {
    const { path } = stack.use(await makeDirectory())
    const port = await findFreePort('127.0.0.1')
    // The next run stands on the page, and none comes in between.
    const minute = (new Date().getUTCMinutes() + 58) % 60
    pipeline = stack.use(
      await startPipeline({
        dir: path,
        entries: defaultEntries.map((entry) =>
          entry.experiment === 'dune' ? { ...entry, deliver: ['vault', { bearer }] } : entry,
        ),
        settings: {
          notifier: { statusPage: { port }, traceLink: 'https://traces.example.org/{{.TraceID}}' },
          schedule: { cron: `${minute} * * * *`, uids: false },
        },
        traces: true,
      }),
    )
    url = `http://127.0.0.1:${port}`
    browser = await startBrowser()
    stack.defer(() => browser.close())
    run = await runOnce()
  })
  after(() => stack.disposeAsync())

  async function runOnce(): Promise<string> {
    const asked = await pipeline.startRun()
    await pipeline.finish(asked.run, 180_000)
    return asked.run
  }

  const pages = (): Record<string, { path: string; shows: RegExp }> => ({
    services: { path: '/', shows: /dune_production[\s\S]*mu2egpvm01/ },
    experiment: { path: '/experiments/dune', shows: /dunegpvm01\.sandbox\.test[\s\S]*days left/ },
    use: { path: '/experiments/dune/use', shows: /\/tmp\/vt_u50762-dune_production/ },
    run: { path: `/runs/${run}`, shows: /done, in [\d.]+ s/ },
    missing: { path: '/nothing', shows: /Nothing here/ },
  })

  for (const view of Object.keys(views) as ViewName[])
    it(`shows every page without a barrier, ${view}`, async () => {
      await using open = await openPage(browser, views[view])
      for (const [name, { path, shows }] of Object.entries(pages())) {
        await open.page.goto(`${url}${path}`)
        assert.match(await textOf(open.page, 'body'), shows)
        await assertReadable(open.page, `${name}, ${view}`)
        if (name !== 'missing') await takePicture(open.page, `${name}-${view}`)
      }
      assert.deepEqual(open.complaints, [])
    })

  it('shows the same without JavaScript, and finds what is searched for', async () => {
    await using open = await openPage(browser, { ...views.light, javaScriptEnabled: false })
    for (const { path, shows } of Object.values(pages())) {
      await open.page.goto(`${url}${path}`)
      assert.match(await textOf(open.page, 'body'), shows)
    }
    await open.page.goto(url)
    await open.page.fill('#q', 'credd2')
    await open.page.click('button')
    assert.deepEqual(await namesOf(open.page), ['dune-2_production', 'mu2e_production'])
  })

  it('filters as somebody types, and by state', async () => {
    await using open = await openPage(browser, views.light)
    await open.page.goto(url)
    await open.page.fill('#q', 'mu2egpvm01')
    assert.deepEqual(await namesOf(open.page), ['dune-2_production', 'mu2e_production'])
    assert.equal(await textOf(open.page, '#found'), '2 of 4')
    await open.page.goto(`${url}/?state=failing`)
    assert.match(await textOf(open.page, 'main'), /No service matches/)
    await open.page.click('text=Show all')
    assert.equal((await namesOf(open.page)).length, 4)
    assert.deepEqual(open.complaints, [])
  })

  it('can be used with the keyboard alone', async () => {
    await using open = await openPage(browser, views.light)
    await open.page.goto(url)
    await open.page.keyboard.press('Tab')
    assert.equal(await open.page.evaluate('document.activeElement.textContent'), 'Skip to the content')
    await open.page.keyboard.press('Enter')
    assert.equal(await open.page.evaluate('document.activeElement.id'), 'main')
  })

  it('changes by itself when a node goes down, and when it is back', async () => {
    await using list = await openPage(browser, views.light)
    await using detail = await openPage(browser, views.light)
    const open = [list, detail].map(({ page }) => page) as [Page, Page]
    await open[0].goto(url)
    await open[1].goto(`${url}/experiments/dune`)
    for (const page of open) {
      await page.waitForSelector('body.live')
      await page.evaluate('window.wasNotLoadedAgain = true')
    }

    await pipeline.site.stopNode(node)
    const broken = await pipeline.startRun()
    await pipeline.facts.until(
      'the node fails',
      ({ subject, body }) =>
        subject.startsWith('token.failed.') && body.run === broken.run && body.target === node,
      180_000,
    )
    await open[0].waitForSelector('.row.failing >> text=dunegpvm01 failing', { timeout: soon })
    await open[1].waitForSelector('.why >> text=Check sshd on the node.', { timeout: soon })
    assert.equal((await namesOf(open[0]))[0], 'dune_production', 'what needs somebody comes first')
    assert.match(await textOf(open[0], 'h1'), /1 of 4 services is failing/)
    for (const view of Object.keys(views) as ViewName[]) {
      await using also = await openPage(browser, views[view])
      for (const [name, path] of [
        ['services', '/'],
        ['experiment', '/experiments/dune'],
        ['run', `/runs/${broken.run}`],
      ]) {
        await also.page.goto(`${url}${path}`)
        await assertReadable(also.page, `${name} while a node is down, ${view}`)
        await takePicture(also.page, `${name}-broken-${view}`)
      }
    }

    await pipeline.site.startNode(node)
    const mended = await pipeline.startRun()
    await pipeline.facts.until(
      'the node has its token',
      ({ subject, body }) =>
        subject.startsWith('token.pushed.') && body.run >= broken.run && body.node === node,
      180_000,
    )
    await open[0].waitForSelector('.row:not(.failing) >> text=dunegpvm01 fresh', { timeout: soon })
    await open[1].waitForSelector('.why', { state: 'detached', timeout: soon })
    await pipeline.finish(mended.run, 180_000)
    for (const page of open) assert.equal(await page.evaluate('window.wasNotLoadedAgain'), true)
    for (const { complaints } of [list, detail]) assert.deepEqual(complaints, [])
  })

  it('runs no script that somebody has brought into the page', async () => {
    await using open = await openPage(browser, views.light)
    await open.page.goto(url)
    await open.page.evaluate(`
      window.refused = []
      addEventListener('securitypolicyviolation', ({ violatedDirective }) => refused.push(violatedDirective))
      document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.wasRun = true"><p onclick="window.wasRun = true" id=trap>x</p>')
      document.getElementById('trap').click()
      document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.wasRun = true' }))
      document.body.append(Object.assign(document.createElement('script'), { src: 'https://elsewhere.example/x.js' }))
    `)
    await eventually(async () => Number(await open.page.evaluate('refused.length')) >= 4, 'all were refused')
    assert.equal(await open.page.evaluate('window.wasRun'), undefined)
  })

  it('says how old it is while the notifier is away, and comes back by itself', async () => {
    await using open = await openPage(browser, views.light)
    await open.page.goto(url)
    await open.page.waitForSelector('body.live')
    const back = pipeline.killAndAwait('notifier', 'SIGKILL')
    await open.page.waitForSelector('#as-of.away >> text=No connection to this page’s server since')
    await takePicture(open.page, 'away-light')
    await back
    await open.page.waitForSelector('#as-of:not(.away)', { timeout: 60_000 })
    assert.equal((await namesOf(open.page)).length, 4)
    assert.deepEqual(open.complaints, [])
  })

  it('follows the bus again after nats-server was killed', async () => {
    await using open = await openPage(browser, views.light)
    await open.page.goto(url)
    await open.page.waitForSelector('body.live')
    await pipeline.killAndAwait('nats-server', 'SIGKILL')
    await pipeline.site.stopNode(node)
    await pipeline.untilRunStarts(60_000)
    await open.page.waitForSelector('.row.failing >> text=dunegpvm01 failing', { timeout: 180_000 })
    await pipeline.site.startNode(node)
    await pipeline.untilRunStarts(60_000)
    await open.page.waitForSelector('.row:not(.failing) >> text=dunegpvm01 fresh', { timeout: 180_000 })
    assert.deepEqual(open.complaints, [])
  })

  it('says how old it is while NATS is away, and comes back by itself', async () => {
    await using open = await openPage(browser, views.light)
    await open.page.goto(url)
    await open.page.waitForSelector('body.live')
    assert.ok(pipeline.supervisor.kill('nats-server', 'SIGSTOP'))
    await open.page.waitForSelector('#as-of.away >> text=Not connected since', { timeout: 120_000 })
    // Whoever comes now sees it too.
    await using late = await openPage(browser, { ...views.narrow, javaScriptEnabled: false })
    await late.page.goto(url)
    assert.match(await textOf(late.page, '#as-of'), /Not connected since .* UTC/)
    assert.equal((await namesOf(late.page)).length, 4)
    assert.ok(pipeline.supervisor.kill('nats-server', 'SIGCONT'))
    await open.page.waitForSelector('#as-of:not(.away)', { timeout: 120_000 })
    await runOnce()
    await eventually(async () => (await open.page.locator('.row.fresh').count()) === 4, 'all are fresh')
    assert.deepEqual(open.complaints, [])
  })
})

const textOf = async (page: Page, selector: string): Promise<string> =>
  (await page.textContent(selector)) ?? ''

/** The services that are shown, from the top. */
const namesOf = (page: Page) =>
  page.evaluate(
    `[...document.querySelectorAll('.row')].filter((row) => row.checkVisibility()).map((row) => row.querySelector('.who a').textContent)`,
  ) as Promise<string[]>
