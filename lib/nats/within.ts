/** How much longer than one answer of the server a call may take that needs several. */
const ALLOWANCE = 1.2

/**
 * What a call answers, unless it needs too long: it may have several questions to the server, each with its own deadline.
 *
 * @param deadline milliseconds that the server has for an answer
 */
export async function within<Answer> (deadline: number, call: () => Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([call(), new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('NATS needs too long to answer')), deadline * ALLOWANCE).unref()
    })])
  } finally {
    clearTimeout(timer)
  }
}
