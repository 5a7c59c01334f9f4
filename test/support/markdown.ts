import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { ROOT } from './handshakes.ts'

/** A page of the documents. */
export interface Page {
  /** From the root of the repository: `examples/README.md`. */
  path: string
  text: string
}

const FOREIGN = ['node_modules', 'dist', '.git', '.tap']

export function page (path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') }
}

/** Every page of the repository. */
export function pages (folder = ''): Page[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return FOREIGN.includes(entry.name) ? [] : pages(path)
    return path.endsWith('.md') ? [page(path)] : []
  })
}

/** The code blocks of a page in a language. */
export function blocks ({ text }: Page, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!)
}

function prose ({ text }: Page): string {
  return text.replace(/^```.*?^```/gms, '')
}

/** Of each heading, the name by which a link finds it, on GitHub and on npm. */
export function anchors (of: Page): string[] {
  return [...prose(of).matchAll(/^#+ (.+)$/gm)].map(([, title]) => {
    return title!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
  })
}

/** Where the links of a page lead that are not to another site. */
export function links (of: Page): string[] {
  const text = prose(of).replace(/`[^`]*`/g, '')
  return [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, target]) => target!)
}

/** Files that a page names in code instead of a link, with or without a section. */
export function named (of: Page): Array<{ target: string, line: string }> {
  return prose(of).split('\n').flatMap(line => {
    return [...line.matchAll(/`((?:(?:examples|lib|test|types)\/[^`\s]+)|(?:[A-Z]+\.md(?:#[^`\s]+)?))`/g)].map(([, target]) => ({ target: target!, line }))
  })
}

/** What is wrong with a link, or null. */
export function fault (from: Page, target: string): string | null {
  const [file, anchor] = target.split('#') as [string, string?]
  const path = file === '' ? from.path : relative(ROOT, join(ROOT, dirname(from.path), file))
  if (!existsSync(join(ROOT, path))) return `there is no ${path}`
  if (anchor !== undefined && !anchors(page(path)).includes(anchor)) return `${path} has no heading for #${anchor}`
  return null
}

/**
 * The rows of a table, without its head, as cells.
 *
 * @param head how its head begins
 */
export function table (of: Page, head: string): string[][] {
  const start = of.text.indexOf(`\n${head}`)
  if (start === -1) throw new Error(`${of.path} has no table ${head}`)
  const [, , ...rows] = of.text.slice(start + 1).split(/\n(?!\|)/, 1)[0]!.split('\n')
  return rows.map(row => row.slice(1, -1).split('|').map(cell => cell.trim()))
}

/** The names in code that a cell begins with: of `` `send(message): boolean` `` it is `send`. */
export function names (cell: string): string[] {
  return [...cell.matchAll(/`([\w.]+)[^`]*`/g)].map(([, name]) => name!)
}
