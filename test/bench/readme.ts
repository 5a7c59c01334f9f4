import { readFile, writeFile } from 'node:fs/promises'

const README = new URL('README.md', import.meta.resolve('fastify-sockets/package.json'))

/** What in the README is written by the benchmark, each between two comments of its name. */
type Part = 'benchmark' | 'sweep'

/** Puts the text in the place of a part. */
function replaced (readme: string, part: Part, text: string): string {
  const begin = `<!-- ${part} -->`
  const start = readme.indexOf(begin)
  const end = readme.indexOf(`<!-- /${part} -->`)
  if (start === -1 || end < start) throw new Error(`README.md has no ${begin} … <!-- /${part} -->`)
  return `${readme.slice(0, start + begin.length)}\n${text}\n${readme.slice(end)}`
}

/** Before minutes of measuring: that there is a place for what comes of it. */
export async function checkReadme (part: Part): Promise<void> {
  replaced(await readFile(README, 'utf8'), part, '')
}

export async function rewriteReadme (part: Part, text: string): Promise<void> {
  await writeFile(README, replaced(await readFile(README, 'utf8'), part, text))
}
