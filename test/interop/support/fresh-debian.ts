/** An empty Debian 12 in a directory, and commands in it: in mount and process namespaces of their own, so that nothing of it stays. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installPackages, makeOnce, run } from './real-programs.ts'

const base = join(import.meta.dirname, '..', '..', '..', '.interop', 'bookworm')

export interface FreshDebian extends AsyncDisposable {
  readonly directory: string
  /** Puts a file there; its directory is made. */
  write(path: string, text: string, mode?: number): void
  /** Lets commands see a file or directory of this machine, at the same path. */
  show(path: string, access: 'read' | 'write'): void
  /** Runs a shell script as root, to its end; what it left running is killed. `$root` is the directory to one that runs beside. */
  run(script: string, options: RunOptions): Promise<{ exitCode: number | null; output: string }>
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Without it, no address is reached, not even this machine's own. */
  readonly network?: 'none'
  /** With this machine's programs: not in the directory, which is ready to be entered. */
  readonly beside?: boolean
}

/** Makes it: the first time on a machine by debootstrap, in some minutes; then from a copy of that. */
export function makeFreshDebian(): FreshDebian {
  makeOnce(base, () => installPackages(['debootstrap']), {
    script: `bootstrap() { rm -rf "$made.new"; debootstrap --variant=minbase bookworm "$made.new"; }
      again bootstrap; mv "$made.new" "$made"`,
    words: [],
  })
  return copyDebian(base)
}

/** One like the Debian in another directory. */
export function copyDebian(original: string): FreshDebian {
  const directory = mkdtempSync(join(tmpdir(), 'mt-debian-'))
  chmodSync(directory, 0o755)
  run('cp', ['-a', `${original}/.`, directory])
  copyNetworkSettings(directory)
  // Nobody will want these files after a power cut.
  writeFileSync(join(directory, 'etc/dpkg/dpkg.cfg.d/unsafe-io'), 'force-unsafe-io\n')
  writeFileSync(join(directory, 'etc/apt/apt.conf.d/99-retries'), 'Acquire::Retries "8";\n')
  const shown: string[] = []
  return {
    directory,
    write(path, text, mode = 0o644) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text, { mode })
    },
    show: (path, access) => void shown.push(bind(directory, path, access)),
    run: (script, options) => runIn(directory, shown, script, options),
    // Should a mount have stayed by some mishap, what is behind it must not be removed.
    async [Symbol.asyncDispose]() {
      run('rm', ['-rf', '--one-file-system', directory])
    },
  }
}

/** How this machine reaches its mirrors: names, addresses, APT's settings. */
function copyNetworkSettings(directory: string): void {
  for (const path of ['/etc/resolv.conf', '/etc/hosts', '/etc/apt/apt.conf.d'])
    if (existsSync(path)) cpSync(path, join(directory, path), { recursive: true, dereference: true })
  if (existsSync(authorities)) cpSync(authorities, join(directory, extraAuthorities))
}

/** Whom this machine trusts, which may be more than an empty Debian does. */
const authorities = process.env.NODE_EXTRA_CA_CERTS ?? '/etc/ssl/certs/ca-certificates.crt'
const extraAuthorities = '/etc/extra-authorities.pem'
const proxies = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

function networkEnvironment(): Record<string, string> {
  const settings = proxies.map((name) => [name, process.env[name]])
  return {
    ...Object.fromEntries(settings.filter(([, value]) => value)),
    npm_config_fetch_retries: '8',
    ...(existsSync(authorities) ? { NODE_EXTRA_CA_CERTS: extraAuthorities } : {}),
  }
}

/** Lines of shell that mount it. */
const bind = (directory: string, path: string, access: 'read' | 'write') => `
if [ -d '${path}' ]; then mkdir -p '${directory}${path}'
else mkdir -p '${directory}${dirname(path)}'; touch '${directory}${path}'; fi
mount --bind '${path}' '${directory}${path}'
${access === 'read' ? `mount -o remount,bind,ro '${directory}${path}'` : ''}`

async function runIn(
  directory: string,
  shown: readonly string[],
  script: string,
  { env = {}, timeoutMs, network, beside = false }: RunOptions,
): Promise<{ exitCode: number | null; output: string }> {
  const file = join(directory, 'root', 'script.sh')
  writeFileSync(file, script)
  const enter = `set -e
mount --bind '${directory}' '${directory}'
mount -t proc proc '${directory}/proc'
mount --rbind /dev '${directory}/dev'
${shown.join('\n')}
${beside ? `root='${directory}'; export root; exec /bin/sh '${file}'` : `exec chroot '${directory}' /bin/sh /root/script.sh`}`
  const spaces = ['--mount', '--pid', ...(network === 'none' ? ['--net'] : [])]
  const child = spawn('unshare', [...spaces, '--fork', '--kill-child', 'sh', '-c', enter], {
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LANG: 'C.UTF-8',
      ...networkEnvironment(),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, output }
}
