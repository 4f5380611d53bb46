/** `managed-tokens setup` on whole machines: ended anywhere, run again, tried dry, printed and run by hand. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { siteText } from '../shared/config/site-text.ts'
import { type BareMachine, makeBareMachine, removeBareMachine } from '../support/bare-machine.ts'

const root = join(import.meta.dirname, '..', '..')
// Not bin/managed-tokens: programs are counted below, and that one runs some.
const setup = `${process.execPath} ${root}/cli/main.ts setup`

const machines: BareMachine[] = []
/** With services, a keytab and a systemd to be asked. */
function makeMachine(): BareMachine {
  const machine = makeBareMachine(mkdtempSync(join(tmpdir(), 'mt-setup-')))
  machines.push(machine)
  machine.write('var/lib/units/none', '')
  machine.write('tools/systemctl', readFileSync(join(root, 'test/support/systemctl-table.sh'), 'utf8'), 0o755)
  machine.write(
    'etc/managed-tokens/managedTokens.yml',
    `# ours\n${siteText('', 'keytabPathOverride: /etc/managed-tokens/keytabs/dunepro.keytab')}`,
  )
  machine.write('etc/managed-tokens/keytabs/dunepro.keytab', 'x')
  return machine
}

const run = (machine: BareMachine, script: string) => {
  const { exitCode, output } = machine.run(script)
  assert.equal(exitCode, 0, output)
  return output
}

const differences = (a: string, b: string) => {
  const [left, right] = [a, b].map((text) => new Set(text.split('\n')))
  return [...(left?.symmetricDifference(right ?? new Set()) ?? [])]
}
const assertSame = (a: string, b: string) => assert.deepEqual(differences(a, b), [])

const below = '/etc /var /run'
/** Kind, mode, owner and content of everything; of what is another on each machine only that it is there. */
const snapshot = (machine: BareMachine, ...columns: string[]) =>
  run(
    machine,
    `find ${below} -printf '%y %m %u %g ${columns.join(' ')} %p\\n' | LC_ALL=C sort -k 5
find ${below} -type f | grep -vE '/(credentials|tls|operator|units)/|keys.env|nats-ca.pem|\\.pub$|/shadow|/gshadow' | LC_ALL=C sort | xargs -d '\\n' sha256sum`,
  )
const withTimes = (machine: BareMachine) => snapshot(machine, '%T@', '%C@', '%i')
const secrets = (machine: BareMachine) =>
  run(
    machine,
    `find /etc/managed-tokens/credentials /etc/nats /var/lib/managed-tokens -type f \\( -name '*.nk' -o -name '*.seed' -o -name '*.key' \\) 2>/dev/null | sort | xargs -r sha256sum`,
  )

/** Programs that setup's scripts run: each counts, looks whether a secret lies open, and may be the last that is done. */
const counted = [
  'groupadd',
  'useradd',
  'gpasswd',
  'install',
  'chmod',
  'chown',
  'chgrp',
  'rm',
  'mv',
  'sync',
  'sed',
  'cat',
  'openssl',
  'runuser',
]
const counting = (program: string) => `#!/bin/sh
read -r left </run-left
echo $((left - 1)) >/run-left
/usr/bin/find /etc/managed-tokens/credentials /etc/nats /var/lib/managed-tokens/operator -type f \\( -name '*.nk*' -o -name '*.seed*' -o -name '*.key*' \\) -perm /077 >>/open-secrets 2>/dev/null
[ "$left" -ne 1 ] || kill -9 -1
PATH=\${PATH#/tools:}
exec ${program} "$@"
`

describe('setup', () => {
  let whole: BareMachine
  let untouched = ''
  before(() => {
    whole = makeMachine()
    untouched = withTimes(whole)
  })
  after(() => machines.forEach(removeBareMachine))

  it('says with --dry-run what it would do, and does none of it', () => {
    const said = run(whole, `${setup} --dry-run`)
    assert.match(said, /^would do start +the bus and the four daemons$/m)
    assert.match(said, /^21 to do: nothing was changed\./m)
    assertSame(withTimes(whole), untouched)
  })

  it('is root’s, but for a look, and says so', () => {
    const { exitCode, output } = whole.run(`runuser -u nobody -- ${setup}`)
    assert.equal(exitCode, 2)
    assert.match(output, /run it as root, as in "sudo managed-tokens setup"/)
    assert.match(run(whole, `runuser -u nobody -- ${setup} --dry-run`), /^managed-tokens: not root: /m)
    assertSame(withTimes(whole), untouched)
  })

  it('does all of it, and nothing when it is run again', () => {
    const said = run(whole, setup)
    assert.match(said, /^done +start /m)
    const made = withTimes(whole)
    assert.match(
      run(whole, setup),
      /^Nothing to do\. Next: runuser -u managed-tokens -- managed-tokens doctor$/m,
    )
    assertSame(withTimes(whole), made)
    const { steps, changed, left } = JSON.parse(run(whole, `${setup} --json`))
    assert.deepEqual(
      [changed, left, new Set(steps.map(({ state }: { state: string }) => state))],
      [0, 0, new Set(['kept'])],
    )
    assert.match(run(whole, 'cat /etc/managed-tokens/managedTokens.yml'), /^# ours\nkeytabPath: /)
    run(
      whole,
      `openssl verify -CAfile /etc/managed-tokens/nats-ca.pem -verify_hostname localhost /etc/nats/tls/server.pem`,
    )
  })

  it('is what it prints: run by hand, the script makes the same machine', () => {
    const byHand = makeMachine()
    const secret = run(
      byHand,
      `${setup} --print | tee /root-script | sh -eu >/dev/null; cat /root-script; rm /root-script`,
    )
    assert.doesNotMatch(secret, /BEGIN .*PRIVATE|\bS[UXA][A-Z2-7]{50}/)
    assertSame(snapshot(byHand), snapshot(whole))
  })

  it('goes on when it is killed anywhere: no key is made twice, none lies open, and all ends as if nothing had been', () => {
    const machine = makeMachine()
    for (const program of counted) machine.write(`tools/${program}`, counting(program), 0o755)
    let keys = ''
    let kills = 0
    for (let finished = false; !finished; ) {
      // Not always the same way into a step.
      machine.write('run-left', `${[7, 17, 11, 23][kills % 4]}\n`)
      finished = machine.run(setup).exitCode === 0
      if (!finished) kills++
      if (kills === 40) assert.fail(machine.run(`${setup} --dry-run`).output)
      const now = secrets(machine)
      for (const line of keys.split('\n')) assert.ok(now.includes(line), `${line} is another now`)
      keys = now
    }
    assert.ok(kills > 8, `${kills} kills`)
    assert.equal(readFileSync(join(machine.directory, 'open-secrets'), 'utf8'), '')
    for (const program of counted) rmSync(join(machine.directory, 'tools', program))
    assert.match(run(machine, setup), /^Nothing to do\./m)
    assertSame(snapshot(machine), snapshot(whole))
  })

  it('stops at what fails, says what, and goes on from there', () => {
    const machine = makeMachine()
    machine.write('tools/openssl', '#!/bin/sh\necho "openssl: no entropy today" >&2\nexit 1\n', 0o755)
    const { exitCode, output } = machine.run(setup)
    assert.equal(exitCode, 1)
    assert.match(
      output,
      /^problem +authority +openssl: no entropy today → mend this and run setup again: it goes on from here$/m,
    )
    assert.doesNotMatch(output, /^\w+ +(certificate|start) /m)
    run(machine, 'rm /tools/openssl')
    assert.match(run(machine, setup), /^kept +keys .*\n[\s\S]*^done +authority /m)
    assertSame(snapshot(machine), snapshot(whole))
  })
})
