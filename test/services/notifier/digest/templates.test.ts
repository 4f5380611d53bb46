import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { checkConfig } from '../../../../cli/config-check.ts'
import { composeDigests } from '../../../../services/notifier/digest/digest.ts'
import { loadTemplates } from '../../../../services/notifier/digest/templates.ts'
import { at, siteOf } from '../../build.ts'
import { piece, recipients } from '../pieces.ts'

describe('templates of an operator’s own', () => {
  let root: string
  let directory: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'mt-templates-'))
  })
  after(() => rm(root, { recursive: true, force: true }))
  beforeEach(async () => {
    directory = await mkdtemp(join(root, 'own-'))
  })
  const own = (name: string, text: string) => writeFile(join(directory, `${name}.liquid`), text)
  const mail = () => {
    const one = piece('dune_production', 'node', 'node1', { message: '<b>&' })
    const batch = { id: 'batch', at: at(6), news: [one] }
    const digests = composeDigests(batch, siteOf(recipients), loadTemplates(directory).templates)
    const found = digests.find(({ body }) => body.channel === 'email')?.body
    return { subject: found?.subject, text: found?.text, html: found?.html }
  }
  const problems = () =>
    loadTemplates(directory).problems.map(({ file, line, column, message }) =>
      `${file.slice(directory.length + 1)}:${line}:${column} ${message}`.replace(/ — .*/, ''),
    )

  it('take the place of ours one by one', async () => {
    await own(
      'text',
      'Dear {{ installation }}: {% for one in news %}{{ one.name }} {{ one.message }}{% endfor %}',
    )
    assert.equal(mail().text, 'Dear production: node1 <b>&\n')
    assert.match(mail().subject ?? '', /^dune_production: token not on node1/)
    assert.deepEqual(problems(), [])
  })
  it('are escaped in HTML, also where nobody thought of it', async () => {
    await own('html', '<i>{% for one in news %}{{ one.message }}{% endfor %}</i>')
    assert.equal(mail().html, '<i>&lt;b&gt;&amp;</i>')
  })
  it('make a subject of one line, whatever is in them', async () => {
    await own('subject', 'a\r\nBcc: everybody@lab.example\n\n{{ subject }}')
    assert.match(mail().subject ?? '', /^a Bcc: everybody@lab\.example dune_production: \P{Cc}+$/u)
  })

  const broken: Record<string, [string, string]> = {
    'a tag that is not closed': ['line\n{% if test %}', 'text.liquid:2:1 tag {% if test %} not closed'],
    'a field there is not': ['{{ news[0].hedline }}', 'text.liquid:1:4 undefined variable: news.0.hedline'],
    'a filter there is not': ['{{ subject | shout }}', 'text.liquid:1:1 undefined filter: shout'],
    'another file': [
      '{% include "/etc/passwd" %}',
      'text.liquid:1:1 ENOENT: Failed to lookup "/etc/passwd" in "."',
    ],
  }
  for (const [what, [text, problem]] of Object.entries(broken))
    it(`with ${what} are said to be wrong, and ours are used`, async () => {
      const ours = mail().text
      await own('text', text)
      assert.deepEqual(problems(), [problem])
      assert.equal(mail().text, ours)
    })
  it('that break with news nobody thought of let ours tell it', async () => {
    const ours = mail().text
    await own('text', "{% if news[0].message == '<b>&' %}{{ news[0].nothing.at.all }}{% endif %}")
    assert.deepEqual(problems(), [])
    assert.equal(mail().text, ours)
  })
  it('do not keep anybody from hearing where their directory is not there', async () => {
    const { problems: found } = loadTemplates(join(directory, 'none'))
    assert.match(found[0]?.message ?? '', /^there is no such directory/)
  })

  it('are checked by config check, as warnings with their place', async () => {
    await own('html', '{{ nothing }}')
    const file = join(directory, 'managedTokens.yml')
    await writeFile(
      file,
      `keytabPath: /srv/keytabs
kerberosPrincipalPattern: "{{.Account}}/robot@LAB.EXAMPLE"
condorCollectorHost: collector.lab.example
notifier: { templates: ${directory} }
experiments: { dune: { emails: [a@lab.example], roles: { production: { account: dunepro, destinationNodes: [n.lab.example] } } } }
`,
    )
    const { exitCode, text } = checkConfig(file)
    assert.equal(exitCode, 0)
    assert.match(text, /html\.liquid:1:4: warning: .*undefined variable: nothing — the one that comes/)
  })
})
