/** What a token may look like, before it is sealed and after it was opened: on its way to a node it is one word of one line. Pure. */

/** Many times what Vault's tokens and the token issuers' have (characters). */
const longest = 16_384

/** One word of printable ASCII, not endless: nothing that could become a second line, a file or an option to anybody. */
export const isTokenWord = (token: string): boolean => token.length <= longest && /^[\x21-\x7e]+$/.test(token)
