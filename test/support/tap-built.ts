/*
 * tap comes built with a plugin that compiles TypeScript as it loads it, which ours is already. Exits with 1 if it has to be
 * built without (`tap build`), which takes half a minute once after an installation.
 */
import { t } from 'tap'

process.exit(t.pluginSignature.includes('@tapjs/typescript') ? 1 : 0)
