/** Many stores in lanes, by programs that look whose ticket, file and ID they see: whatever is mixed up is a line. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { storeMany, writeProgram } from '../../sandbox/support/many-stores.ts'
import { patience } from './patience.ts'

export interface CheckedStores {
  readonly method: 'script' | 'direct'
  readonly lanes: number
  readonly entries: number
  readonly credds: number
  /** The programs are given one ID and bearer file for all, as they have without ours. */
  readonly sharesIdentity?: boolean
}

export interface Checked {
  readonly stores: number
  /** `service credd: what it had in its hands`. */
  readonly misfiled: readonly string[]
  /** Services, and accounts in a credd, of which two were stored at once. */
  readonly overlaps: readonly string[]
  /** How many were under way at most. */
  readonly most: number
}

/** As the real programs use their files: what is written under a name is read again a moment later. `$dir` is theirs. */
const common = (dir: string) => `dir=${dir}
credd=$_condor_CREDD_HOST
ticket=$(klist | sed -n 's/^Default principal: \\([^/@]*\\).*/\\1/p')
begin() {
  for thing in "$service" "$ticket@$credd"; do
    mkdir "$dir/running/$thing" 2>/dev/null || echo "overlap $thing" >>"$dir/noticed"
  done
  : >"$dir/under-way/$$"
  echo "under-way $(ls "$dir/under-way" | wc -l)" >>"$dir/noticed"
}
finish() {
  [ "$1" = "$service" ] && [ "$2" = "$ticket" ] && [ "$ticket" = "\${service%_*}pro" ] ||
    echo "misfiled $service $credd: $1 of $2, with the ticket of $ticket" >>"$dir/noticed"
  date +%s >"$dir/stored/$service@$credd"
  rm -f "$dir/under-way/$$"
  rmdir "$dir/running/$service" "$dir/running/$ticket@$credd" 2>/dev/null
  echo "$service $credd" >>"$dir/log"
}`

const storer = `service=$2
begin
token=/tmp/vt_$CONDOR_VAULT_STORER_ID
echo "$service $ticket" >"$token"
echo "$service $ticket" >"$BEARER_TOKEN_FILE"
sleep 0.05
read -r service1 _ <"$token"
read -r _ ticket1 <"$BEARER_TOKEN_FILE"
finish "$service1" "$ticket1"`

const htgettoken = `for word; do
  case $word in --issuer=*) issuer=\${word#*=} ;; --role=*) role=\${word#*=} ;; esac
done
service=\${issuer}_$role
begin
echo "$service $ticket" >"$BEARER_TOKEN_FILE"
sleep 0.05
read -r service1 ticket1 <"$BEARER_TOKEN_FILE"
rm -f "$dir/under-way/$$"
echo "hvs.$service1.$ticket1"
echo "https://vault.sandbox.test:8200/v1/secret/oauth/creds/$service1"`

const storeCred = `service=$3
if [ "$1" = query-oauth ]; then
  [ -e "$dir/stored/$service@$credd" ] || { echo 'No credential is stored.'; exit 1; }
  echo "A credential was stored and is valid."
  echo "Top\${service}Time = $(cat "$dir/stored/$service@$credd")"
  exit 0
fi
IFS=. read -r _ service1 ticket1 <<<"$(grep -o 'hvs[.][^"]*')"
finish "$service1" "$ticket1"`

const sharedId = (dir: string) => `shared-${dir.split('-').at(-1)}`

/** The same program with an identity that all of them share. */
const sharing = (dir: string, program: string) => `own=$BEARER_TOKEN_FILE
export CONDOR_VAULT_STORER_ID=${sharedId(dir)} BEARER_TOKEN_FILE=${dir}/bearer
"${program}" "$@"
echo opaque >"$own"`

export async function checkStores(what: CheckedStores): Promise<Checked> {
  const dir = mkdtempSync(join(tmpdir(), 'mt-lanes-'))
  try {
    for (const name of ['running', 'under-way', 'stored', 'bin']) mkdirSync(join(dir, name))
    const program = (name: string, commands: string) => {
      const file = writeProgram(join(dir, 'bin'), name, `${common(dir)}\n${commands}`)
      return what.sharesIdentity ? writeProgram(dir, name, sharing(dir, file)) : file
    }
    const lines = await storeMany({
      ...{ dir: join(dir, 'site'), log: join(dir, 'log'), patienceMs: 300_000 },
      entries: generateEntries({ entries: what.entries, nodes: 0, credds: what.credds }),
      settings: {
        ...patience,
        storer: {
          ...{ lanes: what.lanes, method: what.method },
          condorVaultStorer: program('condor_vault_storer', storer),
          condorStoreCred: writeProgram(
            join(dir, 'bin'),
            'condor_store_cred',
            `${common(dir)}\n${storeCred}`,
          ),
        },
        refresher: { htgettoken: program('htgettoken', htgettoken) },
      },
    })
    return { stores: lines.length, ...readNoticed(dir) }
  } finally {
    rmSync(dir, { recursive: true, force: true })
    rmSync(`/tmp/vt_${sharedId(dir)}`, { force: true })
  }
}

function readNoticed(dir: string): Omit<Checked, 'stores'> {
  const file = join(dir, 'noticed')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  const about = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
  return {
    misfiled: about('misfiled'),
    overlaps: about('overlap'),
    most: Math.max(0, ...about('under-way').map(Number)),
  }
}
