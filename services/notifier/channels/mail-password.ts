/** Reads the mail server's password when it is needed: it is kept nowhere, and a new one needs no restart. */
import { readFile, stat } from 'node:fs/promises'

/** The password without its line break, or why there is none. */
export async function readPassword(
  file: string,
): Promise<{ readonly text: string } | { readonly why: string }> {
  try {
    const { mode } = await stat(file)
    if ((mode & 0o077) !== 0)
      return {
        why: `email.passwordFile ${file} is open to others: chmod 600 ${file}, and change the password.`,
      }
    const text = (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
    return text ? { text } : { why: `email.passwordFile ${file} is empty.` }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { why: `email.passwordFile ${file} cannot be read by this user (${code}).` }
  }
}
