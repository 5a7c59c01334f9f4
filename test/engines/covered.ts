/** What `npm run test:engines` covers, whichever of its files runs: for tap's --coverage-map. */
export default function covered (): string[] {
  return ['dist/lib/redis/**/*.js', 'dist/lib/nats/**/*.js']
}
