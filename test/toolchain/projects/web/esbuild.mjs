import { build } from 'esbuild'

await build({ entryPoints: ['page.mjs'], bundle: true, minify: true, outfile: process.argv[2], logLevel: 'warning' })
