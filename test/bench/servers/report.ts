/** Tells the benchmark the port, answers its questions about CPU time, and ends when it does. */
export function report (port: number): void {
  process.on('message', () => { process.send!({ ...process.cpuUsage(), at: performance.now() }) })
  process.on('disconnect', () => { process.exit() })
  process.send!(port)
}
