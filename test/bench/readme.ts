import { readFile, writeFile } from 'node:fs/promises'

const ROOT = import.meta.resolve('fastify-sockets/package.json')

/** What the benchmark writes, each part between two comments of its name, and the page that it stands on. */
const PAGES = {
  benchmark: 'test/bench/README.md',
  sweep: 'test/bench/README.md',
  figures: 'README.md'
}

export type Part = keyof typeof PAGES

/** Puts the text in the place of a part. */
function replaced (page: string, part: Part, text: string): string {
  const begin = `<!-- ${part} -->`
  const start = page.indexOf(begin)
  const end = page.indexOf(`<!-- /${part} -->`)
  if (start === -1 || end < start) throw new Error(`${PAGES[part]} has no ${begin} … <!-- /${part} -->`)
  return `${page.slice(0, start + begin.length)}\n${text}\n${page.slice(end)}`
}

/** Before minutes of measuring: that there is a place for what comes of it. */
export async function checkPages (...parts: Part[]): Promise<void> {
  for (const part of parts) replaced(await readFile(new URL(PAGES[part], ROOT), 'utf8'), part, '')
}

export async function rewrite (part: Part, text: string): Promise<void> {
  const page = new URL(PAGES[part], ROOT)
  await writeFile(page, replaced(await readFile(page, 'utf8'), part, text))
}
