import { basename, dirname } from 'node:path'
import webpack from 'webpack'

webpack({
  mode: 'production', entry: './page.mjs', output: { path: dirname(process.argv[2]), filename: basename(process.argv[2]) }
}, (error, stats) => {
  if (error || stats.compilation.errors.length + stats.compilation.warnings.length > 0) console.log(error ?? stats.toString())
})
