/**
 * Builds the real programs once, below `.interop/`: the `nats` command line and a current nats-server from Go modules,
 * htgettoken and HTCondor's bindings from PyPI. What comes over the network is fetched again where that failed, and may take its time.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..', '..', '..')
const directory = join(root, '.interop')
const tools = join(import.meta.dirname, '..', 'tools')

/** Releases on PyPI. */
const htgettokenRelease = '2.2'
const htcondorRelease = '25.14.1'

/** How long one program may run (milliseconds): a build on a slow machine behind a slow network. */
const patienceMs = 45 * 60_000

const programs = {
  nats: { path: 'github.com/nats-io/natscli/nats', pinnedIn: tools },
  'nats-server': { path: 'github.com/nats-io/nats-server/v2', pinnedIn: tools },
  nfpm: { path: 'github.com/goreleaser/nfpm/v2/cmd/nfpm', pinnedIn: join(root, 'deploy/package/nfpm') },
} as const

/** The path of a Go program, pinned by a `go.mod` and `go.sum`. Building takes some minutes, once. */
export function goProgram(name: keyof typeof programs): string {
  const program = join(directory, 'bin', name)
  makeOnce(program, () => {}, {
    // Copied where nobody else builds: go changes its files as it goes.
    script: `rm -rf "$1"; cp -R "$3" "$1"; cd "$1"; again go build -o "$made.new" "$2"; mv "$made.new" "$made"`,
    words: [join(directory, 'go'), programs[name].path, programs[name].pinnedIn],
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  })
  return program
}

/** The path of the real htgettoken in an environment of its own. Needs Debian's libkrb5-dev, a C compiler and python3-venv. */
export function realHtgettoken(): string {
  const packages = ['libkrb5-dev', 'python3-venv', 'python3-dev', 'gcc']
  return join(pythonEnvironment('python', `htgettoken==${htgettokenRelease}`, packages), 'bin', 'htgettoken')
}

/** A Python that has HTCondor's bindings, and the directory of the libraries that they come with. */
export function realHtcondor(): { readonly python: string; readonly libraries: string } {
  const environment = pythonEnvironment('htcondor', `htcondor==${htcondorRelease}`, ['python3-venv', 'g++'])
  const [libraries = ''] = globSync(join(environment, 'lib', 'python3*', 'site-packages', 'htcondor.libs'))
  return { python: join(environment, 'bin', 'python'), libraries }
}

/** Made once for a release; throws with pip's own words where that cannot be had. */
function pythonEnvironment(name: string, requirement: string, packages: readonly string[]): string {
  const environment = join(directory, name)
  makeOnce(join(environment, requirement), () => installPackages(packages), {
    script: `
      rm -rf "$1"
      python3 -m venv "$1"
      again "$1/bin/pip" install --quiet --retries 5 --timeout 60 "$2"
      : >"$made"`,
    words: [environment, requirement],
  })
  return environment
}

interface Making {
  /** Of shell; `$made` is what it makes, `again` runs a command up to four times, `$1` and so on are the words. */
  readonly script: string
  readonly words: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** Makes a file or directory that is not there yet. Of several test files that want it, one makes it and the others wait. */
export function makeOnce(made: string, prepare: () => void, { script, words, env }: Making): void {
  if (existsSync(made)) return
  prepare()
  mkdirSync(dirname(made), { recursive: true })
  const whole = `
    made=$0
    again() {
      for pause in 5 20 60; do
        if "$@"; then return; fi
        echo "failed, and is tried again in $pause s: $*" >&2
        sleep $pause
      done
      "$@"
    }
    [ ! -e "$made" ] || exit 0
    ${script}`
  const locked = ['--close', join(directory, 'lock'), 'sh', '-euc', whole, made, ...words]
  run('flock', locked, { ...(env ? { env } : {}) })
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
    pause=5
    until apt_install "$@"; do
      [ $pause -lt 100 ] || { show_log; exit 1; }
      logged apt-get update || true
      sleep $pause
      pause=$((pause * 3))
    done
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

/** Runs to the end, which may take long. Throws with what the program said. */
export function run(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): string {
  return execFileSync(file, args, {
    ...options,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    timeout: patienceMs,
  })
}
