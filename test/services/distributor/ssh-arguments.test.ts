import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { chooseExchanges } from '../../../services/distributor/key-exchange.ts'
import { sshWords } from '../../../services/distributor/ssh-command.ts'

describe('ssh’s argument list', () => {
  /** What ssh itself makes of the words. */
  const understood = (sshOptions: string[], timeoutMs = 30_000) => {
    const words = sshWords({ account: 'dunepro', sshOptions }, { timeoutMs })
    const said = execFileSync('ssh', ['-G', ...words, 'node1.lab.example'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return new Map(said.split('\n').map((line) => line.split(/ (.*)/s).slice(0, 2) as [string, string]))
  }
  const wanted = {
    user: 'dunepro',
    hostname: 'node1.lab.example',
    forwardagent: 'no',
    forwardx11: 'no',
    gssapiauthentication: 'yes',
    gssapidelegatecredentials: 'no',
    stricthostkeychecking: 'true',
    preferredauthentications: 'gssapi-with-mic',
    userknownhostsfile: 'none',
    batchmode: 'yes',
    requesttty: 'false',
    permitlocalcommand: 'no',
    clearallforwardings: 'yes',
  }
  const operators: Record<string, string[]> = {
    nothing: [],
    'another user': ['-l', 'root', '-o', 'User=root'],
    'flags for agent, ticket, X11 and terminal': ['-A', '-K', '-X', '-Y', '-t', '-tt'],
    'weaker host keys': ['-o', 'StrictHostKeyChecking=no', '-oUserKnownHostsFile=/tmp/x'],
    'other logins': [
      '-o',
      'PreferredAuthentications=password',
      '-o',
      'BatchMode=no',
      '-o',
      'GSSAPIAuthentication=no',
    ],
    delegation: ['-o', 'GSSAPIDelegateCredentials=yes', '-o', 'ForwardAgent=yes', '-oForwardX11=yes'],
    'a local command': ['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=id', '-L', '1:localhost:1'],
  }
  for (const [what, words] of Object.entries(operators)) {
    it(`means the same to ssh when the operator’s options are ${what}`, () => {
      const found = understood(words)
      for (const [option, value] of Object.entries(wanted)) assert.equal(found.get(option), value, option)
    })
  }

  describe('key exchanges', () => {
    const costly = 'sntrup761x25519-sha512@openssh.com'
    const offered = (words: string[]) => understood(words).get('kexalgorithms')?.split(',') ?? []

    it('are those of the configuration but for the one that costs most', () => {
      const chosen = chooseExchanges(offered([]))
      assert.ok(chosen.includes('curve25519-sha256'))
      assert.deepEqual(
        chosen.toSorted(),
        offered([])
          .filter((name) => !name.startsWith('sntrup761'))
          .toSorted(),
      )
      const words = sshWords({ account: 'dunepro', sshOptions: [] }, { exchanges: chosen })
      const said = execFileSync('ssh', ['-G', ...words, 'node1.lab.example'], { encoding: 'utf8' })
      assert.ok(said.includes(`kexalgorithms ${chosen.join(',')}\n`))
    })
    it('are never others than the configuration allows, also where it allows that one alone', () => {
      assert.deepEqual(chooseExchanges([costly]), [costly])
      assert.deepEqual(chooseExchanges(['ecdh-sha2-nistp384', costly]), ['ecdh-sha2-nistp384'])
      assert.deepEqual(chooseExchanges([]), [])
    })
    it('are the operator’s where these are chosen', () => {
      assert.deepEqual(offered(['-o', `KexAlgorithms=${costly}`]), [costly])
    })
  })

  it('takes what the operator may choose: port, ciphers, a shorter patience', () => {
    const found = understood(['-p', '2222', '-o', 'ConnectTimeout=5', '-c', 'aes128-ctr'])
    assert.deepEqual(
      ['port', 'connecttimeout', 'ciphers'].map((one) => found.get(one)),
      ['2222', '5', 'aes128-ctr'],
    )
  })

  it('leaves half of a push’s time to a node’s second address, and half a minute at most to the first', () => {
    const patience = [1, 500, 30_000, 600_000].map((ms) => understood([], ms).get('connecttimeout'))
    assert.deepEqual(patience, ['1', '1', '15', '30'])
  })
})
