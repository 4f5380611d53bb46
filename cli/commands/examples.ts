/** Examples at the end of a command's help: what most people want, ready to be typed. */
export const examples = (lines: string) => `\nExamples:\n${lines.replace(/^\n/, '')}`
