/** A stream of `btrfs send` as somebody would make one who wants `btrfs receive` to write elsewhere (btrfs-progs send.h). */
export function streamThatEscapes(subvolume: string, path: string): Buffer {
  const [subvol, mkfile, end] = [1, 3, 21];
  const [uuid, ctransid, ino, name] = [1, 2, 3, 15];
  const number = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  return Buffer.concat([
    Buffer.from("btrfs-stream\0\x01\0\0\0", "latin1"),
    command(subvol, [
      [name, Buffer.from(subvolume)],
      [uuid, Buffer.alloc(16, 7)],
      [ctransid, number(5)],
    ]),
    command(mkfile, [
      [name, Buffer.from(path)],
      [ino, number(257)],
    ]),
    command(end, []),
  ]);
}

type Attribute = readonly [type: number, value: Buffer];

function command(type: number, attributes: readonly Attribute[]): Buffer {
  const payload = Buffer.concat(
    attributes.flatMap(([kind, value]) => {
      const head = Buffer.alloc(4);
      head.writeUInt16LE(kind, 0);
      head.writeUInt16LE(value.length, 2);
      return [head, value];
    }),
  );
  const head = Buffer.alloc(10);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt16LE(type, 4);
  const whole = Buffer.concat([head, payload]);
  whole.writeUInt32LE(crc32c(whole), 6);
  return whole;
}

/** Castagnoli's, begun with 0 and not turned over at its end, as the kernel has it. */
function crc32c(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return crc >>> 0;
}
