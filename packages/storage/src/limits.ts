/** Limits of the replicated store. What exceeds them is refused before it is proposed, and malformed if it is met in the log. */
export const LIMITS = {
  /** Bytes of a key. The longest path has 64 segments of 16 bytes. */
  keyBytes: 2048,
  /** Bytes of a row's value, the row's header not counted. */
  rowBytes: 1_048_576,
  /** Bytes of an encoded command. */
  commandBytes: 8_388_608,
  mutations: 4096,
  guards: 16_384,
  /** A row's revision holds the command's position in its entry in 16 bits. */
  commandsPerEntry: 65_535,
  /** Bytes of an entry: a command of the greatest size always fits. */
  entryBytes: 16_777_216,
} as const;
