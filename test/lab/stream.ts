/** Commands of btrfs-progs send.h: number, and which attributes its words are. */
const COMMANDS = {
  subvol: [1, 15],
  snapshot: [2, 15],
  mkfile: [3, 15],
  mkdir: [4, 15],
  rename: [9, 15, 16],
  link: [10, 15, 17],
  symlink: [8, 15, 17],
  rmdir: [12, 15],
  setXattr: [13, 15, 13, 14],
  chmod: [18, 15],
} as const;

/** What stands behind the words, whatever they are. */
const MORE: Partial<Record<keyof typeof COMMANDS, readonly Attribute[]>> = {
  subvol: [
    [1, Buffer.alloc(16, 7)],
    [2, number(5)],
  ],
  snapshot: [
    [1, Buffer.alloc(16, 8)],
    [2, number(6)],
    [20, Buffer.alloc(16, 7)],
    [21, number(5)],
  ],
  mkfile: [[3, number(257)]],
  mkdir: [[3, number(258)]],
  chmod: [[5, number(0o777)]],
  symlink: [[3, number(259)]],
};

/** A stream of `btrfs send` as somebody would make one who wants `btrfs receive` to go elsewhere: its commands, as words. */
export const streamOf = (...commands: readonly (readonly [keyof typeof COMMANDS, ...string[]])[]): Buffer =>
  Buffer.concat([
    Buffer.from("btrfs-stream\0\x01\0\0\0", "latin1"),
    ...commands.map(([name, ...words]) => {
      const [type, ...kinds] = COMMANDS[name];
      const given = words.map((word, index): Attribute => [kinds[index] ?? 0, Buffer.from(word)]);
      return command(type, [...given, ...(MORE[name] ?? [])]);
    }),
    command(21, []),
  ]);

function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
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
