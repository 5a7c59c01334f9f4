import { basename, dirname } from 'node:path'
import { build } from 'vite'

await build({
  configFile: false,
  logLevel: 'warn',
  build: {
    outDir: dirname(process.argv[2]),
    emptyOutDir: false,
    modulePreload: false,
    rollupOptions: { input: 'page.mjs', output: { format: 'iife', entryFileNames: basename(process.argv[2]) } }
  }
})
