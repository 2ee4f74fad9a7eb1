/** For tests of what records: a directory in memory that fails when told to, and a salt. */
export { DiskFaultError, MemoryAuditDisk } from "./memory-disk.ts";
export { testSalt } from "./salt.ts";
