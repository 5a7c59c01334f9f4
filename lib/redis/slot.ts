/**
 * The slot of a key of a Redis Cluster, which is the CRC-16 of what stands in its braces (XMODEM: polynomial 0x1021), modulo
 * 16,384. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 *
 * @param tag what stands in the braces
 */
export function slotOf (tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : crc << 1 ^ 0x1021
    crc &= 0xffff
  }
  return crc % 16_384
}
