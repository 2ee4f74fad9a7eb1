/**
 * The settings of one mount, and their row: format (1), cas_required, delete_version_after disabled, max_versions (u32),
 * delete_version_after in seconds (u48).
 */
import { assert, ByteReader, ByteWriter } from "@strongroom/runtime";

export interface KvConfig {
  /** 0: `DEFAULT_MAX_VERSIONS`. */
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** 0: never. -1: never, whatever a key says. */
  readonly deleteVersionAfterSeconds: number;
}

export const DEFAULT_CONFIG: KvConfig = { maxVersions: 0, casRequired: false, deleteVersionAfterSeconds: 0 };

const FORMAT = 1;

export function encodeConfig(config: KvConfig): Uint8Array {
  const disabled = config.deleteVersionAfterSeconds < 0;
  return new ByteWriter(16)
    .u8(FORMAT)
    .u8(config.casRequired ? 1 : 0)
    .u8(disabled ? 1 : 0)
    .u32(config.maxVersions)
    .u48(disabled ? 0 : config.deleteVersionAfterSeconds)
    .finish();
}

export function decodeConfig(row: Uint8Array): KvConfig {
  const reader = new ByteReader(row);
  assert(reader.u8() === FORMAT, "the settings of a kv mount have an unknown format");
  const casRequired = reader.u8() === 1;
  const disabled = reader.u8() === 1;
  const maxVersions = reader.u32();
  const seconds = reader.u48();
  return { maxVersions, casRequired, deleteVersionAfterSeconds: disabled ? -1 : seconds };
}
