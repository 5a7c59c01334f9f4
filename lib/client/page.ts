interface Page {
  document?: { hidden: boolean }
  addEventListener? (type: string, listener: (event: { type: string }) => void, options: { capture: boolean, signal: AbortSignal }): void
}

/**
 * After which a connection may be gone, or the network be back. A page that freezes asks before, and gets the answer after it.
 * Those of the document do not all bubble, so they are caught on their way down.
 */
const EVENTS = ['visibilitychange', 'pageshow', 'online', 'freeze', 'resume']

/** Whether this is a page that nobody sees: its timers are late, and its network may be asleep. */
export function isHidden (): boolean | undefined {
  return (globalThis as Page).document?.hidden
}

/** Calls back when the page, or the machine, may have slept, until the signal aborts. Without a page, never. */
export function watchPage (onWake: () => void, signal: AbortSignal): void {
  const wake = ({ type }: { type: string }): void => { if (type !== 'visibilitychange' || !isHidden()) onWake() }
  for (const event of EVENTS) (globalThis as Page).addEventListener?.(event, wake, { capture: true, signal })
}
