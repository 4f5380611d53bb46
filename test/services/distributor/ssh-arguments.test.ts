import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { sshWords } from '../../../services/distributor/ssh-command.ts'

describe('ssh’s argument list', () => {
  /** What ssh itself makes of the words. */
  const understood = (sshOptions: string[], account = 'dunepro', node = 'node1.lab.example') => {
    const said = execFileSync('ssh', ['-G', ...sshWords({ account, sshOptions }), node], {
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

  it('agrees on a key without the exchange that costs most, unless the operator wants it', () => {
    const first = (words: string[]) => understood(words).get('kexalgorithms')?.split(',')[0]
    assert.match(first([]) ?? '', /^(mlkem768x25519|curve25519)-sha256$/)
    const wanted = 'sntrup761x25519-sha512@openssh.com'
    assert.equal(first(['-o', `KexAlgorithms=${wanted}`]), wanted)
  })

  it('takes what the operator may choose: port, ciphers, a shorter patience', () => {
    const found = understood(['-p', '2222', '-o', 'ConnectTimeout=5', '-c', 'aes128-ctr'])
    assert.deepEqual(
      ['port', 'connecttimeout', 'ciphers'].map((one) => found.get(one)),
      ['2222', '5', 'aes128-ctr'],
    )
  })
})
