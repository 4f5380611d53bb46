import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { proxyFor } from '../../../shared/https/proxy.ts'

const way = (url: string, variables: NodeJS.ProcessEnv) =>
  proxyFor(new URL(url), readEnvironment(variables))?.host
const vault = 'https://vault.lab.example:8200/v1'
const proxy = 'http://proxy.lab.example:3128'

describe('the proxy on the way', () => {
  const named: Record<string, [url: string, variables: NodeJS.ProcessEnv, host: string | undefined]> = {
    'is none where no variable names one': [vault, {}, undefined],
    'is that of HTTPS_PROXY': [vault, { HTTPS_PROXY: proxy }, 'proxy.lab.example:3128'],
    'is that of https_proxy': [vault, { https_proxy: proxy }, 'proxy.lab.example:3128'],
    'is that in capitals where both are set': [
      vault,
      { HTTPS_PROXY: proxy, https_proxy: 'http://other:1' },
      'proxy.lab.example:3128',
    ],
    'is not that of HTTP_PROXY, which is for http': [vault, { HTTP_PROXY: proxy }, undefined],
    'is that of HTTP_PROXY for http': [
      'http://loki.lab.example/',
      { HTTP_PROXY: proxy },
      'proxy.lab.example:3128',
    ],
    'is not that of HTTPS_PROXY for http': ['http://loki.lab.example/', { HTTPS_PROXY: proxy }, undefined],
    'is that of ALL_PROXY where nothing else is said': [
      vault,
      { all_proxy: proxy },
      'proxy.lab.example:3128',
    ],
    'is none for an ALL_PROXY of another kind, which other programs take': [
      vault,
      { ALL_PROXY: 'socks5://127.0.0.1:1080' },
      undefined,
    ],
    'may be named without http://': [
      vault,
      { HTTPS_PROXY: 'proxy.lab.example:3128' },
      'proxy.lab.example:3128',
    ],
    'has the port of its scheme where none is given': [
      vault,
      { HTTPS_PROXY: 'https://proxy.lab.example' },
      'proxy.lab.example:443',
    ],
    'has no login in its name for people': [
      vault,
      { HTTPS_PROXY: 'http://robot:planted@proxy.lab.example:3128' },
      'proxy.lab.example:3128',
    ],
    'is none to this machine itself': ['https://localhost:8200/', { HTTPS_PROXY: proxy }, undefined],
    'is none to an address of this machine': ['https://127.1.2.3:8200/', { HTTPS_PROXY: proxy }, undefined],
    'is none to this machine by IPv6': ['https://[::1]:8200/', { HTTPS_PROXY: proxy }, undefined],
  }
  for (const [what, [url, variables, host]] of Object.entries(named))
    it(what, () => assert.equal(way(url, variables), host))

  it('is refused where HTTPS_PROXY names none that can be used, without its value', () => {
    for (const value of [
      'socks5://robot:planted@proxy.lab.example:1080',
      'http://',
      'http://robot:planted@:x',
    ])
      assert.throws(
        () => way(vault, { HTTPS_PROXY: value }),
        ({ kind, message }) =>
          kind === 'proxy' && /^HTTPS_PROXY names no proxy/.test(message) && !/planted/.test(message),
      )
  })
})

describe('NO_PROXY excepts', () => {
  const v6 = 'https://[fd00::12]:8200/'
  const v4 = 'https://10.3.2.1:8200/'
  const table: [list: string, url: string, excepted: boolean][] = [
    ['vault.lab.example', vault, true],
    ['VAULT.Lab.Example', vault, true],
    ['lab.example', vault, true],
    ['.lab.example', vault, true],
    ['*.lab.example', vault, true],
    ['.vault.lab.example', vault, false],
    ['*.vault.lab.example', vault, false],
    ['ab.example', vault, false],
    ['vault', vault, false],
    ['*', vault, true],
    ['a.example, lab.example ,b.example', vault, true],
    ['', vault, false],
    [' , ', vault, false],
    ['vault.lab.example:8200', vault, true],
    ['vault.lab.example:443', vault, false],
    ['lab.example:443', 'https://vault.lab.example/', true],
    ['lab.example:80', 'http://vault.lab.example/', true],
    ['10.0.0.0/8', v4, true],
    ['10.4.0.0/16', v4, false],
    ['10.3.2.1', v4, true],
    ['10.3.2.1:8200', v4, true],
    ['10.3.2.1:443', v4, false],
    ['10.3.2', v4, false],
    ['10.0.0.0/8', vault, false],
    ['10.0.0.0/99', v4, false],
    ['2.1', v4, false],
    ['fd00::/8', v6, true],
    ['fd00::12', v6, true],
    ['[fd00::12]', v6, true],
    ['[fd00::12]:8200', v6, true],
    ['[fd00::12]:443', v6, false],
    ['10.0.0.0/8', v6, false],
  ]
  for (const [list, url, excepted] of table)
    it(`${excepted ? '' : 'not '}${new URL(url).host} by ${JSON.stringify(list)}`, () => {
      for (const name of ['NO_PROXY', 'no_proxy'])
        assert.equal(
          way(url, { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, [name]: list }),
          excepted ? undefined : 'proxy.lab.example:3128',
        )
    })
})
