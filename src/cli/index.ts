export { COMMANDS, type CommandEntry, type CommandModule } from './commands.ts';
export { EXIT, ExitStatus, UsageError } from './exit.ts';
export { run } from './program.ts';
export { sandboxConfiguration } from './sandbox-start.ts';
export {
  type CriuTool,
  locateToolchain,
  type RuntimeChoice,
  type Tool,
  type Toolchain,
  type ToolProblem,
} from './toolchain.ts';
