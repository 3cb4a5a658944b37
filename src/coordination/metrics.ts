import type { CoordinatorStatus } from './coordinator.ts';

const COUNTERS: Readonly<Record<string, [name: string, help: string]>> = {
  requests: ['requests_total', 'Requests of hooks and control messages.'],
  acknowledged: ['acknowledged_total', 'Requests answered with ACK.'],
  refused: ['refused_total', 'Requests answered with anything else.'],
  unanswered: ['unanswered_total', 'Requests whose connection ended before the answer.'],
  committed: ['rounds_committed_total', 'Rounds of groups that all members completed.'],
  aborted: ['rounds_aborted_total', 'Rounds of groups that were aborted for all members.'],
  barriersPassed: ['barriers_passed_total', 'Barriers of groups that all members came to.'],
};

/** The coordinator's figures in Prometheus' text format. */
export function metricsText({ counters, groups }: CoordinatorStatus): string {
  const lines = Object.entries(COUNTERS).flatMap(([counter, [name, help]]) =>
    metric(`fermata_coordinator_${name}`, 'counter', help, counters[counter] ?? 0),
  );
  const waited = (counters.waitMilliseconds ?? 0) / 1000;
  lines.push(
    ...metric('fermata_coordinator_wait_seconds_total', 'counter', 'Time members spent in barriers.', waited),
    ...metric('fermata_coordinator_groups', 'gauge', 'Groups known.', groups.length),
  );
  return `${lines.join('\n')}\n`;
}

function metric(name: string, type: string, help: string, value: number): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`];
}
