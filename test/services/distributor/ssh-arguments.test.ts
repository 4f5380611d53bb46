import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sshArguments } from '../../../services/distributor/ssh.ts'
import { accountName, hostName } from '../../../shared/config/grammar.ts'

/** Texts near the grammar's edge: half made of the characters of names, half of those that would do harm. */
const nameLike = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.-]{1,20}$/),
  fc.stringMatching(/^-{0,2}[A-Za-z0-9_. =@'"$`;|&-]{1,30}$/),
  fc.constantFrom(
    '-oProxyCommand=x',
    '--',
    '-l',
    'a b',
    'a@b',
    '..',
    'root\n-oX=y',
    '$(id)',
    '-',
    '1.2.3.4',
    '::1',
  ),
)

describe('ssh’s argument list', () => {
  it('has no name in it that could be an option, for 10,000 names that pass the configuration', () => {
    const accounts = nameLike.filter((text) => accountName.safeParse(text).success)
    const nodes = nameLike.filter((text) => hostName.safeParse(text).success)
    fc.assert(
      fc.property(accounts, nodes, (account, node) => {
        const words = sshArguments({ account, sshOptions: [] }, node)
        const end = words.indexOf('--')
        assert.equal(words[end + 1], node)
        assert.equal(words.length, end + 3, 'after the node there is one word, the command')
        assert.equal(words[words.indexOf('-l') + 1], account)
        for (const name of [account, node]) assert.ok(!/^-|[\s'"$`;|&@\\]/.test(name), name)
      }),
      { numRuns: 10_000 },
    )
  })

  /** What ssh itself makes of the words. */
  const understood = (sshOptions: string[], account = 'dunepro', node = 'node1.lab.example') => {
    const said = execFileSync('ssh', ['-G', ...sshArguments({ account, sshOptions }, node)], {
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

  it('takes what the operator may choose: port, ciphers, a shorter patience', () => {
    const found = understood(['-p', '2222', '-o', 'ConnectTimeout=5', '-c', 'aes128-ctr'])
    assert.deepEqual(
      ['port', 'connecttimeout', 'ciphers'].map((one) => found.get(one)),
      ['2222', '5', 'aes128-ctr'],
    )
  })
})
