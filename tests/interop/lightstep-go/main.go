// A program with the real LightStep tracer for Go, told what to do line by line.
//
// The first line of stdin is JSON (not an argument, since the tracer sends its command line along): component_name,
// access_token, host, port, ca_file (TLS when it is not empty, the tracer's own CustomCACertFile), transport ("grpc" or
// "http"), max_spans, period_ms (0: only `flush` sends), tags. Each further line is a JSON list, a command and its
// arguments; each is answered by one line of JSON. At the end the tracer is closed, which sends what is left.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	lightstep "github.com/lightstep/lightstep-tracer-go"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
)

const never = 24 * time.Hour

type settings struct {
	ComponentName string            `json:"component_name"`
	AccessToken   string            `json:"access_token"`
	Host          string            `json:"host"`
	Port          int               `json:"port"`
	CAFile        string            `json:"ca_file"`
	Transport     string            `json:"transport"`
	MaxSpans      int               `json:"max_spans"`
	PeriodMs      int               `json:"period_ms"`
	Tags          map[string]string `json:"tags"`
}

// events keeps what the tracer said of its reports.
type events struct {
	sync.Mutex
	failed string
	sent   int
}

func (e *events) handle(event lightstep.Event) {
	e.Lock()
	defer e.Unlock()
	switch event := event.(type) {
	case lightstep.EventFlushError:
		e.failed = event.Error()
	case lightstep.EventStatusReport:
		e.sent += event.SentSpans()
	}
}

type ids map[string]string

func idsOf(span opentracing.Span) ids {
	at := span.Context().(lightstep.SpanContext)
	return ids{"trace_id": fmt.Sprintf("%016x", at.TraceID), "span_id": fmt.Sprintf("%016x", at.SpanID)}
}

type program struct {
	tracer lightstep.Tracer
	events *events
}

// checkout makes a trace of two nested spans with tags of every type and logs.
func (p *program) checkout() any {
	outer := p.tracer.StartSpan("checkout", opentracing.Tags{
		"span.kind": "server", "http.status_code": 503, "retry": true, "ratio": 0.5, "note": "Grüße ☃",
	})
	outer.SetBaggageItem("customer", "7")
	outer.LogFields(log.String("event", "cache.miss"), log.Int("attempt", 2),
		log.Object("basket", map[string]int{"tea": 3}))
	inner := p.tracer.StartSpan("charge", opentracing.ChildOf(outer.Context()))
	inner.SetTag("span.kind", "client").SetTag("error", true)
	inner.LogFields(log.String("event", "error"), log.String("error.kind", "ValueError"),
		log.String("message", "card declined"))
	inner.Finish()
	outer.Finish()
	return map[string]any{"checkout": idsOf(outer), "charge": idsOf(inner)}
}

// at makes a root span with these times in microseconds since the epoch.
func (p *program) at(operation string, startUs, endUs int64) any {
	span := p.tracer.StartSpan(operation, opentracing.StartTime(time.UnixMicro(startUs)))
	span.FinishWithOptions(opentracing.FinishOptions{FinishTime: time.UnixMicro(endUs)})
	return idsOf(span)
}

// many makes root spans, numbered by a tag.
func (p *program) many(count int, operation string) any {
	made := []ids{}
	for i := 0; i < count; i++ {
		span := p.tracer.StartSpan(operation, opentracing.Tag{Key: "number", Value: i})
		span.Finish()
		made = append(made, idsOf(span))
	}
	return made
}

// cutLog makes a span with a log value that the tracer cuts in the middle of a character.
func (p *program) cutLog(operation string) any {
	span := p.tracer.StartSpan(operation)
	span.LogKV("event", strings.Repeat("é", 600))
	span.Finish()
	return idsOf(span)
}

// flush sends what is there; says what the tracer said of it.
func (p *program) flush() any {
	p.events.Lock()
	p.events.failed, p.events.sent = "", 0
	p.events.Unlock()
	p.tracer.Flush(context.Background())
	p.events.Lock()
	defer p.events.Unlock()
	return map[string]any{"failed": p.events.failed, "sent": p.events.sent}
}

func (p *program) do(line []byte) any {
	var words []json.RawMessage
	var command string
	must(json.Unmarshal(line, &words))
	must(json.Unmarshal(words[0], &command))
	var text string
	var one, two int64
	switch command {
	case "checkout":
		return p.checkout()
	case "at":
		must(json.Unmarshal(words[1], &text))
		must(json.Unmarshal(words[2], &one))
		must(json.Unmarshal(words[3], &two))
		return p.at(text, one, two)
	case "many":
		must(json.Unmarshal(words[1], &one))
		must(json.Unmarshal(words[2], &text))
		return p.many(int(one), text)
	case "cut_log":
		must(json.Unmarshal(words[1], &text))
		return p.cutLog(text)
	case "flush":
		return p.flush()
	}
	panic("no such command: " + command)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Scan()
	given := settings{}
	must(json.Unmarshal(lines.Bytes(), &given))
	watched := &events{}
	lightstep.SetGlobalEventHandler(watched.handle)
	period := never
	least := never
	if given.PeriodMs > 0 {
		period = time.Duration(given.PeriodMs) * time.Millisecond
		least = period / 2
	}
	tags := opentracing.Tags{lightstep.ComponentNameKey: given.ComponentName}
	for key, value := range given.Tags {
		tags[key] = value
	}
	tracer := lightstep.NewTracer(lightstep.Options{
		AccessToken:        given.AccessToken,
		Collector:          endpoint(given),
		UseGRPC:            given.Transport == "grpc",
		UseHttp:            given.Transport == "http",
		MaxBufferedSpans:   given.MaxSpans,
		ReportingPeriod:    period,
		MinReportingPeriod: least,
		Tags:               tags,
	})
	if tracer == nil { // it has said why on stderr
		os.Exit(1)
	}
	told := &program{tracer: tracer, events: watched}
	for lines.Scan() {
		answer, err := json.Marshal(map[string]any{"answer": told.do(lines.Bytes())})
		must(err)
		fmt.Println(string(answer))
	}
	tracer.Close(context.Background())
}
