// The Collector's exporters `otlp` and `otlphttp`, with the configuration that a Collector's file gives them.
//
// The first line of stdin is JSON: exporter ("otlp" or "otlphttp"), config (what stands below its name in the file). Each
// further line is a JSON list, a command and its arguments; each is answered by one line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var factories = map[string]exporter.Factory{
	"otlp":     otlpexporter.NewFactory(),
	"otlphttp": otlphttpexporter.NewFactory(),
}

type settings struct {
	Exporter string         `json:"exporter"`
	Config   map[string]any `json:"config"`
}

func started(given settings) exporter.Traces {
	factory := factories[given.Exporter]
	config := factory.CreateDefaultConfig()
	must(confmap.NewFromStringMap(given.Config).Unmarshal(config))
	traces, err := factory.CreateTraces(context.Background(), exporter.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: componenttest.NewNopTelemetrySettings(),
		BuildInfo:         component.NewDefaultBuildInfo(),
	}, config)
	must(err)
	must(traces.Start(context.Background(), componenttest.NewNopHost()))
	return traces
}

type ids map[string]string

func newSpan(spans ptrace.SpanSlice, operation string, kind ptrace.SpanKind, traceID pcommon.TraceID) ptrace.Span {
	span := spans.AppendEmpty()
	span.SetName(operation)
	span.SetKind(kind)
	span.SetTraceID(traceID)
	spanID := uuid.New()
	span.SetSpanID(pcommon.SpanID(spanID[8:]))
	now := time.Now()
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	return span
}

func idsOf(span ptrace.Span) ids {
	return ids{"trace_id": span.TraceID().String(), "span_id": span.SpanID().String()}
}

// checkout makes a trace of two nested spans with attributes of every type and events, and sends it.
func checkout(to exporter.Traces) any {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	resource.Resource().Attributes().PutStr("pod", "shop-7d4")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	traceID := pcommon.TraceID(uuid.New())

	outer := newSpan(spans, "checkout", ptrace.SpanKindServer, traceID)
	must(outer.Attributes().FromRaw(map[string]any{
		"http.status_code": 503, "retry": true, "ratio": 0.5, "note": "Grüße ☃",
	}))
	miss := outer.Events().AppendEmpty()
	miss.SetName("cache.miss")
	miss.Attributes().PutInt("attempt", 2)

	inner := newSpan(spans, "charge", ptrace.SpanKindClient, traceID)
	inner.SetParentSpanID(outer.SpanID())
	inner.Status().SetCode(ptrace.StatusCodeError)
	return map[string]any{"failed": sent(to, traces), "checkout": idsOf(outer), "charge": idsOf(inner)}
}

func sent(to exporter.Traces, traces ptrace.Traces) string {
	if err := to.ConsumeTraces(context.Background(), traces); err != nil {
		return err.Error()
	}
	return ""
}

func do(to exporter.Traces, line []byte) any {
	var words []string
	must(json.Unmarshal(line, &words))
	switch words[0] {
	case "checkout":
		return checkout(to)
	}
	panic("no such command: " + words[0])
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Scan()
	var given settings
	must(json.Unmarshal(lines.Bytes(), &given))
	traces := started(given)
	for lines.Scan() {
		answer, err := json.Marshal(map[string]any{"answer": do(traces, lines.Bytes())})
		must(err)
		fmt.Println(string(answer))
	}
	must(traces.Shutdown(context.Background()))
}
