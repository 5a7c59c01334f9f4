interface Page {
  document?: { visibilityState: string }
  addEventListener? (type: string, listener: (event: { type: string }) => void, capture: boolean): void
  removeEventListener? (type: string, listener: (event: { type: string }) => void, capture: boolean): void
}

const page = globalThis as Page

/**
 * After which a connection may be gone, or the network be back. A page that freezes asks before, and gets the answer after it.
 * Those of the document do not all bubble, so they are caught on their way down.
 */
const EVENTS = ['visibilitychange', 'pageshow', 'online', 'freeze', 'resume']

/** Whether this is a page that nobody sees: its timers are late, and its network may be asleep. */
export function isHidden (): boolean {
  return page.document?.visibilityState === 'hidden'
}

/**
 * Calls back when the page, or the machine, may have slept. Without a page, never.
 *
 * @returns a function that ends it
 */
export function watchPage (onWake: () => void): () => void {
  const wake = ({ type }: { type: string }): void => { if (type !== 'visibilitychange' || !isHidden()) onWake() }
  for (const event of EVENTS) page.addEventListener?.(event, wake, true)
  return () => { for (const event of EVENTS) page.removeEventListener?.(event, wake, true) }
}
