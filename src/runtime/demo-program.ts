/**
 * The program of demos and compliance tests: it counts, holds its count only in memory, and writes each step once, so
 * that a step lost or done twice shows. The simulated runtime runs the same program as a pure function of time; its
 * settings are these environment variables.
 */
export const DEMO_ENVIRONMENT = {
  /** Steps until it exits by itself; 0 (default): it runs forever. */
  steps: 'FERMATA_STEPS',
  /** Milliseconds before each step; default 1000. */
  stepMilliseconds: 'FERMATA_STEP_MILLISECONDS',
  /** Incompressible memory it holds, MiB; default 1. */
  memoryMebibytes: 'FERMATA_MEMORY_MIB',
  /** Further memory with each step, KiB; default 0. */
  growthKibibytes: 'FERMATA_GROWTH_KIB',
  /** Exit code after the last step; default 0. */
  exitCode: 'FERMATA_EXIT_CODE',
  /** File that each step is appended to; default: none. */
  output: 'FERMATA_OUTPUT',
  /** `1`: SIGTERM is ignored, as by programs that only SIGKILL ends. */
  ignoreTerm: 'FERMATA_IGNORE_TERM',
} as const;

export const DEMO_DEFAULTS = { steps: 0, stepMilliseconds: 1_000, memoryMebibytes: 1, growthKibibytes: 0, exitCode: 0 };

/** What a process that SIGTERM ends exits with, as a shell reports it. */
export const TERMINATED_EXIT_CODE = 143;
/** Likewise for SIGKILL, which is also how the kernel's OOM killer ends it. */
export const KILLED_EXIT_CODE = 137;

/** The line of one step, as written to standard output and to the output file. */
export function stepLine(step: number): string {
  return `step ${step}\n`;
}

/**
 * The real thing, in Perl, since every Debian has it. One `syswrite` a step, so that a line is there whole or not at
 * all. As PID 1 of its namespace a process without a handler ignores SIGTERM, hence the handler.
 */
export const DEMO_PROGRAM = `#!/usr/bin/perl
use strict;
use warnings;

sub setting { my ($name, $default) = @_; my $value = $ENV{$name}; return defined $value && $value ne '' ? $value : $default }

my $steps = setting('FERMATA_STEPS', ${DEMO_DEFAULTS.steps});
my $pause = setting('FERMATA_STEP_MILLISECONDS', ${DEMO_DEFAULTS.stepMilliseconds}) / 1000;
my $memory = setting('FERMATA_MEMORY_MIB', ${DEMO_DEFAULTS.memoryMebibytes});
my $growth = setting('FERMATA_GROWTH_KIB', ${DEMO_DEFAULTS.growthKibibytes});
my $path = setting('FERMATA_OUTPUT', '');

$SIG{TERM} = setting('FERMATA_IGNORE_TERM', 0) ? 'IGNORE' : sub { exit ${TERMINATED_EXIT_CODE} };
$SIG{INT} = $SIG{TERM};

my $output;
if ($path ne '') { open($output, '>>', $path) or die "cannot open $path: $!\\n" }
open(my $noise, '<:raw', '/dev/urandom') or die "cannot open /dev/urandom: $!\\n";
my @ballast;
sub hold {
  my ($bytes) = @_;
  while ($bytes > 0) {
    my $count = sysread($noise, my $piece, $bytes > 1048576 ? 1048576 : $bytes);
    die "cannot read /dev/urandom: $!\\n" unless $count;
    push @ballast, $piece;
    $bytes -= $count;
  }
}
hold($memory * 1048576);

my $step = 0;
while ($steps == 0 || $step < $steps) {
  select(undef, undef, undef, $pause) if $pause > 0;
  $step += 1;
  my $line = "step $step\\n";
  if (defined $output) { syswrite($output, $line) or die "cannot write $path: $!\\n" }
  syswrite(STDOUT, $line);
  hold($growth * 1024) if $growth > 0;
}
exit setting('FERMATA_EXIT_CODE', ${DEMO_DEFAULTS.exitCode});
`;
