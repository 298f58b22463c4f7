/* What to set in whatever reports, made of the ports that this satellite really has. */

import type { Listener } from "../../api/diagnostics.ts";

export interface Guide {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly blocks: readonly string[];
  readonly warning?: string;
}

/**
 * @param host the name by which this browser reaches the satellite
 * @param base of these pages: their origin, and where a proxy has put them
 * @param project the access token to show where any token is let in; "" where tokens are listed
 */
export function guides(host: string, base: string, listeners: readonly Listener[], project: string): readonly Guide[] {
  const port = (...settings: string[]): number | null => {
    for (const setting of settings) {
      const found = listeners.find((one) => one.setting === setting);
      if (found) return found.port;
    }
    return null;
  };
  const address = (...settings: string[]): string => `${host}:${port(...settings) ?? "(off)"}`;
  const token = project || "<your access token>";
  const grpc = port("grpc_secure_port");
  const ca = `curl -o ca.pem ${base}/ca.pem`;
  return [
    { id: "demo", title: "Try it: demo traffic", text: "Bookinfo, as its sidecars report it: five services, some errors, some slow calls.", blocks: ["satellite demo"] },
    {
      id: "istio",
      title: "Istio",
      text: "For each generation the whole YAML with its traps. The CA must be in every namespace before pods start.",
      blocks: ["satellite cert secret --namespace default | kubectl apply -f -\nsatellite istio --version 1.16 --part istioctl > lightstep.yaml\nistioctl install -f lightstep.yaml\nsatellite istio --version 1.16 --part kubectl | kubectl apply -f -     # from 1.16 on"],
      warning: "A pod without the secret lightstep.cacert starts all the same; its spans are lost in silence.",
    },
    {
      id: "envoy",
      title: "Envoy up to 1.23",
      text: `The native tracer, with a cluster that speaks HTTP/2 and TLS to ${host}:${grpc ?? "(off)"}.`,
      blocks: [
        `tracing:\n  http:\n    name: envoy.tracers.lightstep\n    typed_config:\n      "@type": type.googleapis.com/envoy.config.trace.v3.LightstepConfig\n      collector_cluster: lightstep\n      access_token: { inline_string: ${token} }`,
        ca,
      ],
    },
    {
      id: "lightstep",
      title: "LightStep tracers",
      text: "Any of them, old ones included. With TLS, trust the CA; without, use the second port.",
      blocks: [`collector_host: ${host}\ncollector_port: ${grpc ?? "(off)"}        # gRPC over TLS; ${port("grpc_plain_port") ?? "(off)"} without, ${port("http_plain_port") ?? "(off)"} for HTTP\naccess_token: ${token}`, ca],
    },
    {
      id: "otel",
      title: "OpenTelemetry",
      text: "OTLP over gRPC or HTTP. The header names the project; without one it is “default”.",
      blocks: [
        `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${address("otlp_grpc_port", "grpc_plain_port")}\nexport OTEL_EXPORTER_OTLP_HEADERS=lightstep-access-token=${token}`,
        `# over HTTP\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_EXPORTER_OTLP_ENDPOINT=http://${address("otlp_http_port", "http_plain_port")}`,
      ],
    },
    {
      id: "others",
      title: "Zipkin, Jaeger, Datadog",
      text: "At the ports that these tracers use without being told, where they are free.",
      blocks: [
        `Zipkin    http://${address("zipkin_port", "http_plain_port")}/api/v2/spans\nJaeger    ${address("jaeger_grpc_port", "grpc_plain_port")} (gRPC)\n          http://${address("jaeger_http_port", "http_plain_port")}/api/traces\nDatadog   http://${address("http_plain_port")}/v0.4/traces`,
      ],
    },
  ];
}
