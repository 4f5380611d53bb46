/** What `JSON.parse` lets pass and stricter readers of our lines refuse: a key that an object has twice. */

/** Every key that stands twice in one object of this text, which must be JSON. */
export function findDuplicateKeys(json: string): string[] {
  JSON.parse(json)
  const open: Set<string>[] = []
  const twice: string[] = []
  for (const [token, key, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (key && colon) {
      const name: string = JSON.parse(key)
      if (open.at(-1)?.has(name)) twice.push(name)
      open.at(-1)?.add(name)
    }
  }
  return twice
}
