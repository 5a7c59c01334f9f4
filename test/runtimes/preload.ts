/** For Bun: lets tests that import tap have the stand-in for it. */
import * as tap from './tap.ts'

interface Builder {
  module (name: string, load: () => { loader: 'object', exports: object }): void
}

const { Bun } = globalThis as unknown as { Bun: { plugin (plugin: { name: string, setup (build: Builder): void }): void } }
Bun.plugin({ name: 'tap', setup (build) { build.module('tap', () => ({ loader: 'object', exports: { ...tap } })) } })
