import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { connectMs } from '../../../../services/distributor/push-to-node.ts'
import { sshWords } from '../../../../services/distributor/ssh/ssh-command.ts'

describe('ssh’s argument list', () => {
  /** What ssh itself makes of the words. */
  const understood = (sshOptions: string[], waitMs = 15_000) => {
    const words = sshWords({ account: 'dunepro', sshOptions }, { connectMs: waitMs })
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

  it('offers the key exchanges that this machine’s own configuration allows, or those the operator chose', () => {
    const offered = (words: string[]) => understood(words).get('kexalgorithms')
    const own = execFileSync('ssh', ['-G', '-F', '/etc/ssh/ssh_config', 'node1.lab.example'], {
      encoding: 'utf8',
    })
    assert.ok(own.includes(`kexalgorithms ${offered([])}\n`))
    assert.equal(offered(['-o', 'KexAlgorithms=curve25519-sha256']), 'curve25519-sha256')
  })

  it('takes what the operator may choose: port, ciphers, a shorter patience', () => {
    const found = understood(['-p', '2222', '-o', 'ConnectTimeout=5', '-c', 'aes128-ctr'])
    assert.deepEqual(
      ['port', 'connecttimeout', 'ciphers'].map((one) => found.get(one)),
      ['2222', '5', 'aes128-ctr'],
    )
  })

  it('gives each address of a node the ping’s time, in whole seconds, and leaves half of a push’s time to the second', () => {
    const waits = [1, 500, 10_000].map((ms) => understood([], ms).get('connecttimeout'))
    assert.deepEqual(waits, ['1', '1', '10'])
    assert.equal(connectMs({ pingMs: 10_000, pushMs: 30_000 }), 10_000)
    assert.equal(connectMs({ pingMs: 60_000, pushMs: 30_000 }), 15_000)
  })
})
