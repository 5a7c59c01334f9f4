/*
 * tap comes built with a plugin that compiles TypeScript as it loads it, which ours is already. Exits with 1 if it has to be
 * built without (`tap build`), which takes half a minute once after an installation.
 */
const { signature } = await import('@tapjs/test')
process.exitCode = signature.includes('@tapjs/typescript') ? 1 : 0
