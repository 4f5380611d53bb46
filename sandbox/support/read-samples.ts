/** What `/metrics` answers, as facts. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Every sample of a text in Prometheus' format; those of a histogram's buckets are left out. */
export function readSamples(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const found = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (!found || found[1]?.endsWith('_bucket')) return []
    const [, name = '', labels = '', value] = found
    return [{ name, labels: readLabels(labels), value: Number(value) }]
  })
}

const readLabels = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [String(key), String(value)]),
  )

/** The values that a label has in the samples of a metric (or of a histogram's count), sorted, each once. */
export function labelValues(samples: readonly Sample[], name: string, label: string): string[] {
  const mine = samples.filter((one) => one.name === name || one.name === `${name}_count`)
  return [...new Set(mine.flatMap(({ labels }) => labels[label] ?? []))].sort()
}
