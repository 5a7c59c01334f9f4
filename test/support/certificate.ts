/** A key and a certificate that signs itself, for a server of a test on this machine; a client takes it as its `ca`. */
export interface Certificate {
  key: string
  cert: string
}

let made: Promise<Certificate> | undefined

/** The same for all of a process, and for those that it starts. */
export async function selfSigned (): Promise<Certificate> {
  if (process.env.TEST_CERTIFICATE === undefined) process.env.TEST_CERTIFICATE = JSON.stringify(await (made ??= make()))
  return JSON.parse(process.env.TEST_CERTIFICATE)
}

async function make (): Promise<Certificate> {
  // Takes a while to load, and most tests have no use for it.
  const { generate } = await import('selfsigned')
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }, { type: 7, ip: '127.0.0.1' }] }
    ]
  })
  return { key, cert }
}
