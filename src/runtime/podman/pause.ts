import { FermataError } from '../../model/index.ts';

/**
 * A program that waits for ever, as a static ELF file written by hand: the machine of a user has no compiler, and the pause
 * image of Podman needs a package. One loadable segment holds the header and the code behind it.
 */
export function pauseProgram(architecture: string): Uint8Array {
  const target = TARGETS[architecture];
  if (target === undefined) {
    throw new FermataError('CheckpointUnsupported', `No pause program for the processor architecture ${architecture}`, {
      nextStep: 'Use the simulated runtime.',
    });
  }
  const code = Uint8Array.from(target.code);
  const program = new Uint8Array(HEADERS + code.length);
  const view = new DataView(program.buffer);
  // ELF header: magic, 64 bits, little-endian, version 1, System V.
  program.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  view.setUint16(16, 2, true); // e_type: executable
  view.setUint16(18, target.machine, true);
  view.setUint32(20, 1, true); // e_version
  view.setBigUint64(24, LOAD_ADDRESS + BigInt(HEADERS), true); // e_entry
  view.setBigUint64(32, BigInt(ELF_HEADER), true); // e_phoff
  view.setUint16(52, ELF_HEADER, true);
  view.setUint16(54, PROGRAM_HEADER, true);
  view.setUint16(56, 1, true); // e_phnum
  view.setUint16(58, 64, true); // e_shentsize
  // Program header: PT_LOAD, readable and executable.
  view.setUint32(64, 1, true);
  view.setUint32(68, 5, true);
  view.setBigUint64(80, LOAD_ADDRESS, true); // p_vaddr
  view.setBigUint64(88, LOAD_ADDRESS, true); // p_paddr
  view.setBigUint64(96, BigInt(program.length), true); // p_filesz
  view.setBigUint64(104, BigInt(program.length), true); // p_memsz
  view.setBigUint64(112, 0x10000n, true); // p_align: the largest page size of the two architectures
  program.set(code, HEADERS);
  return program;
}

const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const HEADERS = ELF_HEADER + PROGRAM_HEADER;
const LOAD_ADDRESS = 0x400000n;

const TARGETS: Readonly<Record<string, { machine: number; code: readonly number[] }>> = {
  x64: {
    machine: 62,
    // again: mov eax, 34 (pause); syscall; jmp again
    code: [0xb8, 0x22, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xf7],
  },
  arm64: {
    machine: 183,
    // again: mov x0..x4, #0; mov x8, #73 (ppoll); svc #0; b again
    code: [0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, 0xd2800004, 0xd2800928, 0xd4000001, 0x17fffff9].flatMap(
      (word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, (word >>> 24) & 0xff],
    ),
  },
};
