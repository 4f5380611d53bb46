/** A machine with this one's programs, and /etc, /var and /run of its own, in a directory: for commands of root's that change a system. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

export interface BareMachine {
  readonly directory: string
  write(path: string, text: string, mode?: number): void
  /** Runs shell commands as root, with processes and mounts of their own: nothing of it stays but files. */
  run(script: string): { readonly exitCode: number | null; readonly output: string }
}

/** In the empty `directory`. Programs in its /tools come first on the PATH. */
export function makeBareMachine(directory: string): BareMachine {
  chmodSync(directory, 0o755)
  for (const path of ['etc', 'proc', 'dev', 'tmp', 'tools', 'var/lib', 'var/log', 'run/systemd/system', root])
    mkdirSync(join(directory, path), { recursive: true })
  chmodSync(join(directory, 'tmp'), 0o1777)
  const made = spawnSync('sh', ['-euc', make, directory], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`no machine could be made: ${made.stderr}`)
  return {
    directory,
    write(path, text, mode = 0o644) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text, { mode })
    },
    run(script) {
      const inside = ['sh', '-euc', enter, directory, root, script]
      const { status, stdout } = spawnSync(
        'unshare',
        ['--mount', '--pid', '--fork', '--kill-child', ...inside],
        {
          encoding: 'utf8',
          env: {
            PATH: '/tools:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            HOME: '/root',
            LANG: 'C.UTF-8',
          },
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      return { exitCode: status, output: stdout }
    },
  }
}

/** This machine's settings as far as programs need them, without users of ours. */
const make = `
for path in alternatives default group gshadow host.conf hosts ld.so.cache login.defs nsswitch.conf pam.d passwd security shadow ssl/openssl.cnf; do
  [ ! -e "/etc/$path" ] || { mkdir -p "$0/etc/$(dirname "$path")"; cp -a "/etc/$path" "$0/etc/$path"; }
done
mkdir -p "$0/etc/systemd/system" "$0/etc/logrotate.d"
sed -i -E '/^(managed-tokens[^:]*|nats|rexbatch|fife):/d' "$0/etc/passwd" "$0/etc/group" "$0/etc/shadow" "$0/etc/gshadow"
for path in /bin /sbin /lib /lib64; do
  if [ -L $path ]; then cp -a $path "$0$path"; elif [ -d $path ]; then mkdir "$0$path"; fi
done
mkdir "$0/usr"`

const enter = `
for path in /usr /bin /sbin /lib /lib64 "$1"; do
  [ ! -d "$0$path" ] || [ -L "$0$path" ] || mount --bind -o ro "$path" "$0$path"
done
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
exec 2>&1
chroot "$0" /bin/sh -c "$2"`

export const removeBareMachine = ({ directory }: BareMachine) =>
  rmSync(directory, { recursive: true, force: true })
