/**
 * The storer at full speed: how busy it keeps its one lane, what four lanes bring, and what storing without
 * condor_vault_storer brings. The daemon, the bus, the KDC and the tickets are real; the programs sleep as long as the real
 * ones take, and write down when they started and ended.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { generateEntries } from '../sandbox/generated-entries.ts'
import { storeMany, writeProgram } from '../sandbox/support/many-stores.ts'
import { type Benchmark, percentile, round } from './support/benchmark.ts'

interface Load {
  readonly entries: number
  readonly lanes: number
  readonly method: 'script' | 'direct'
  /** How long the programs take (seconds). */
  readonly takes: Takes
}

/** In seconds; `storer` is what condor_vault_storer takes besides the programs that it runs. */
interface Takes {
  readonly storer: number
  readonly htgettoken?: number
  readonly storeCred?: number
  readonly configVal?: number
}

/** Two credds for each entry. */
const loads = {
  one: { entries: 24, lanes: 1, method: 'script', takes: { storer: 1 } },
  four: { entries: 24, lanes: 4, method: 'script', takes: { storer: 1 } },
  script: {
    ...{ entries: 12, lanes: 1, method: 'script' },
    takes: { storer: 0, htgettoken: 0.5, storeCred: 0.1, configVal: 0.03 },
  },
  direct: {
    ...{ entries: 12, lanes: 1, method: 'direct' },
    takes: { storer: 0, htgettoken: 0.5, storeCred: 0.1, configVal: 0.03 },
  },
} as const satisfies Record<string, Load>

/** Many times what it takes (milliseconds). */
const patienceMs = 180_000

export const benchmark: Benchmark = {
  about:
    'storer: 48 stores of 1 s in one lane and in four, 24 by script and directly (htgettoken 0.5 s, condor_store_cred 0.1 s)',
  thresholds: {
    laneBusy: { atLeast: 0.97 },
    overlaps: { atMost: 0 },
    lanes4Ratio: { atLeast: 3.4 },
    directRatio: { atLeast: 1.6 },
  },
  async run(dir, say) {
    const measure = async (name: keyof typeof loads) => {
      say(`storing: ${name} …`)
      return measureLoad(join(dir, name), loads[name])
    }
    const [one, four] = [await measure('one'), await measure('four')]
    const [script, direct] = [await measure('script'), await measure('direct')]
    return {
      ...judge(one),
      lanes4Ratio: round(wholeOf(one) / wholeOf(four)),
      directRatio: round(wholeOf(script) / wholeOf(direct)),
    }
  },
}

/** One store, in seconds since the epoch. */
interface Span {
  readonly start: number
  readonly end: number
}

async function measureLoad(dir: string, { entries, lanes, method, takes }: Load): Promise<Span[]> {
  mkdirSync(dir)
  const log = join(dir, 'spans')
  const lines = await storeMany({
    ...{ dir: join(dir, 'site'), log, patienceMs },
    entries: generateEntries({ entries, nodes: 0, credds: 2 }),
    settings: {
      storer: {
        ...{ lanes, method },
        condorVaultStorer: writeProgram(dir, 'condor_vault_storer', storerOf(log, takes)),
        condorStoreCred: writeProgram(dir, 'condor_store_cred', storeCredOf(log, takes)),
      },
      refresher: { htgettoken: writeProgram(dir, 'htgettoken', htgettokenOf(takes)) },
    },
  })
  return lines.map(readSpan)
}

const times = (count: number, command: string) => Array.from({ length: count }, () => command).join('\n')
const sleepOf = (seconds = 0) => (seconds > 0 ? `sleep ${seconds}` : ':')

/** Builtins beside the sleeps: what is measured is the storer daemon, not the stand-in. */
const storerOf = (log: string, { storer, htgettoken, storeCred, configVal }: Takes) => `start=$EPOCHREALTIME
printf opaque >"$BEARER_TOKEN_FILE"
${sleepOf(storer)}
${times(7, sleepOf(configVal))}
${times(2, sleepOf(htgettoken))}
${sleepOf(storeCred)}
printf '%s %s\\n' "$start" "$EPOCHREALTIME" >>${log}`

const htgettokenOf = ({ htgettoken }: Takes) => `printf %s "$EPOCHREALTIME" >"$HOME/start"
printf opaque >"$BEARER_TOKEN_FILE"
${sleepOf(htgettoken)}
printf 'hvs.opaque\\nhttps://vault.sandbox.test:8200/v1/secret/oauth/creds/x\\n'`

/** It has nothing before it is given something; asked after condor_vault_storer, it has. */
const storeCredOf = (log: string, { storeCred }: Takes) => `${sleepOf(storeCred)}
if [ "$1" = add-oauth ]; then
  cat >/dev/null
  printf '%s %s\\n' "$(<"$HOME/start")" "$EPOCHREALTIME" >>${log}
elif [ ! -s "$BEARER_TOKEN_FILE" ]; then
  echo 'No credential is stored.'
  exit 1
fi
echo 'A credential was stored and is valid.'`

function readSpan(line: string): Span {
  const [start = 0, end = 0] = line.split(' ').map(Number)
  return { start, end }
}

/** From the first start to the last end (seconds). */
const wholeOf = (spans: readonly Span[]) =>
  Math.max(...spans.map(({ end }) => end)) - Math.min(...spans.map(({ start }) => start))

function judge(spans: readonly Span[]) {
  const sorted = spans.toSorted((one, other) => one.start - other.start)
  const gaps = sorted.slice(1).map(({ start }, index) => (start - (sorted[index]?.end ?? start)) * 1_000)
  const busy = sorted.reduce((sum, { start, end }) => sum + end - start, 0)
  return {
    laneBusy: round(busy / wholeOf(sorted)),
    gapP50Ms: round(percentile(gaps, 0.5)),
    gapP99Ms: round(percentile(gaps, 0.99)),
    stores: sorted.length,
    overlaps: gaps.filter((gap) => gap < 0).length,
  }
}
