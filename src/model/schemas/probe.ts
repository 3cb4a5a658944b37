import { Type } from 'typebox';
import { atomic, choice, described, integer, intOrText, list, object, text } from './fields.ts';

export const ExecAction = object('ExecAction', 'A "run in container" action.', [], {
  command: list(Type.String(), 'Command line; not run in a shell.', atomic),
});

export const HTTPHeader = object('HTTPHeader', 'A custom header to be used in HTTP probes.', ['name', 'value'], {
  name: text('The header field name.'),
  value: text('The header field value.'),
});

export const HTTPGetAction = object('HTTPGetAction', 'An action based on HTTP Get requests.', ['port'], {
  host: text('Host name to connect to, defaults to the pod IP.'),
  httpHeaders: list(HTTPHeader, 'Custom headers to set in the request.', atomic),
  path: text('Path to access on the HTTP server.'),
  port: intOrText('Name or number of the port to access on the container.'),
  scheme: choice('Scheme to use for connecting to the host.', ['HTTP', 'HTTPS']),
});

export const TCPSocketAction = object('TCPSocketAction', 'An action based on opening a socket.', ['port'], {
  host: text('Host name to connect to, defaults to the pod IP.'),
  port: intOrText('Number or name of the port to access on the container.'),
});

export const GRPCAction = object('GRPCAction', 'A check by the gRPC health protocol.', ['port'], {
  port: integer('Port number of the gRPC service.'),
  service: text('Service to ask about in the gRPC health check.'),
});

export const SleepAction = object('SleepAction', 'A "sleep" action.', ['seconds'], {
  seconds: integer('The number of seconds to sleep.'),
});

export const Probe = object(
  'Probe',
  'A health check to be performed against a container to determine whether it is alive or ready to receive traffic.',
  [],
  {
    exec: described(ExecAction, 'The action to take.'),
    failureThreshold: integer(
      'Minimum consecutive failures for the probe to be considered failed after having succeeded.',
    ),
    grpc: described(GRPCAction, 'An action involving a GRPC port.'),
    httpGet: described(HTTPGetAction, 'The http request to perform.'),
    initialDelaySeconds: integer(
      'Number of seconds after the container has started before liveness probes are initiated.',
    ),
    periodSeconds: integer('How often (in seconds) to perform the probe.'),
    successThreshold: integer(
      'Minimum consecutive successes for the probe to be considered successful after having failed.',
    ),
    tcpSocket: described(TCPSocketAction, 'An action involving a TCP port.'),
    terminationGracePeriodSeconds: integer(
      'Duration in seconds the pod needs to terminate gracefully upon probe failure.',
    ),
    timeoutSeconds: integer('Number of seconds after which the probe times out.'),
  },
);

export const LifecycleHandler = object(
  'LifecycleHandler',
  'A specific action that should be taken in a lifecycle hook.',
  [],
  {
    exec: described(ExecAction, 'The action to take.'),
    httpGet: described(HTTPGetAction, 'The http request to perform.'),
    sleep: described(SleepAction, 'The duration that the container should sleep before being terminated.'),
    tcpSocket: described(TCPSocketAction, 'Deprecated; not supported as a lifecycle handler.'),
  },
);

export const Lifecycle = object(
  'Lifecycle',
  'Actions that the management system should take in response to container lifecycle events.',
  [],
  {
    postStart: described(LifecycleHandler, 'Called immediately after a container is created.'),
    preStop: described(LifecycleHandler, 'Called before the container is stopped; not when it exits by itself.'),
    stopSignal: text('Signal that stops the container; Kubernetes 1.33 and later.'),
  },
);
