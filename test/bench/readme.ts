import { readFile, writeFile } from 'node:fs/promises'

const README = new URL('README.md', import.meta.resolve('fastify-sockets/package.json'))
const BEGIN = '<!-- benchmark -->'
const END = '<!-- /benchmark -->'

/** Puts the text between the two comments. */
export function replaced (readme: string, text: string): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`README.md has no ${BEGIN} … ${END}`)
  return `${readme.slice(0, begin + BEGIN.length)}\n${text}\n${readme.slice(end)}`
}

/** Before hours of measuring: that there is a place for what comes of it. */
export async function checkReadme (): Promise<void> {
  replaced(await readFile(README, 'utf8'), '')
}

export async function rewriteReadme (text: string): Promise<void> {
  await writeFile(README, replaced(await readFile(README, 'utf8'), text))
}
