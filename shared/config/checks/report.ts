/** How a check says what it found. */
import type { Finding, Path } from '../read/places.ts'

/** `path` is the key that the finding is about. */
export type Report = (severity: Finding['severity'], path: Path, message: string) => void
