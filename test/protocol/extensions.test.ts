import { test } from 'tap'
import { isToken } from '../../lib/protocol/extensions.ts'

test('a token has the characters of RFC 9110 §5.6.2 and at least one', async t => {
  let allowed = ''
  for (let code = 0; code < 0x180; code++) if (isToken(String.fromCharCode(code))) allowed += String.fromCharCode(code)
  t.equal(allowed, "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~")
  t.equal(isToken(''), false)
  t.equal(isToken('chat\n'), false)
  t.equal(isToken('a b'), false)
})
