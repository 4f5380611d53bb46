/** Builds the real programs once, below `.interop/`: the `nats` command line and a current nats-server from Go modules, htgettoken from PyPI. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..', '..')
const directory = join(root, '.interop')
const tools = join(import.meta.dirname, '..', 'tools')

/** Release of htgettoken on PyPI. */
const htgettokenRelease = '2.2'

const modules = {
  nats: 'github.com/nats-io/natscli/nats',
  'nats-server': 'github.com/nats-io/nats-server/v2',
} as const

/** The path of a Go program, pinned by `test/interop/tools/go.mod` and `go.sum`. Building takes some minutes, once. */
export function goProgram(name: keyof typeof modules): string {
  const program = join(directory, 'bin', name)
  if (existsSync(program)) return program
  const build = join(directory, 'go')
  mkdirSync(join(directory, 'bin'), { recursive: true })
  cpSync(tools, build, { recursive: true })
  run('go', ['build', '-o', program, modules[name]], {
    cwd: build,
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  })
  return program
}

/** The path of the real htgettoken in an environment of its own. Needs Debian's libkrb5-dev, a C compiler and python3-venv. */
export function realHtgettoken(): string {
  const environment = join(directory, 'python')
  const program = join(environment, 'bin', 'htgettoken')
  if (existsSync(program)) return program
  installPackages(['libkrb5-dev', 'python3-venv', 'python3-dev', 'gcc'])
  run('python3', ['-m', 'venv', environment])
  run(join(environment, 'bin', 'pip'), ['install', '--quiet', `htgettoken==${htgettokenRelease}`])
  return program
}

/** Debian's packages, without starting the services in them; nothing is asked of the network when they are there. */
export function installPackages(packages: readonly string[]): void {
  const missing = packages.filter((name) => !isInstalled(name))
  if (missing.length === 0) return
  const script = `
    root=$1; shift
    . "$root/bootstrap/report.sh"; . "$root/bootstrap/programs.sh"
    mkdir -p "$work"
    exec 9>"$work/lock"
    flock 9
    keep_services_stopped
    apt_install "$@" || { logged apt-get update; apt_install "$@"; } || { show_log; exit 1; }
    let_services_start`
  run('sh', ['-euc', script, 'install-packages', root, ...missing])
}

function isInstalled(name: string): boolean {
  try {
    return /install ok installed/.test(run('dpkg-query', ['-s', name]))
  } catch {
    return false
  }
}

/** Runs to the end, within ten minutes. Throws with what the program said. */
export function run(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): string {
  return execFileSync(file, args, {
    ...options,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 600_000,
  })
}
