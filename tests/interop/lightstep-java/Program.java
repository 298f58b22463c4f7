import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.lightstep.tracer.jre.JRETracer;
import com.lightstep.tracer.shared.AbstractTracer;
import com.lightstep.tracer.shared.Options;
import com.lightstep.tracer.shared.Span;
import com.lightstep.tracer.shared.SpanContext;
import io.opentracing.References;
import io.opentracing.Tracer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A program with the real LightStep tracer for the JVM, told what to do line by line.
 *
 * <p>The first line of stdin is JSON: component_name, access_token, host, port, tls (the JVM's trust store says whom it
 * trusts), transport ("grpc" or "http"), max_spans, period_ms (0: only `flush` sends), drop_on_failure, tags. Each
 * further line is a JSON list, a command and its arguments; each is answered by one line of JSON. At the end the tracer
 * is closed, which sends what is left.
 */
public final class Program {
  private static final int NEVER_MS = 24 * 3600 * 1000;
  private static final long PATIENCE_MS = 30_000;

  private final JRETracer tracer;

  private Program(JsonObject settings) throws Exception {
    int periodMs = settings.get("period_ms").getAsInt();
    boolean grpc = settings.get("transport").getAsString().equals("grpc");
    Options.OptionsBuilder options =
        new Options.OptionsBuilder()
            .withComponentName(settings.get("component_name").getAsString())
            .withAccessToken(settings.get("access_token").getAsString())
            .withCollectorHost(settings.get("host").getAsString())
            .withCollectorPort(settings.get("port").getAsInt())
            .withCollectorProtocol(settings.get("tls").getAsBoolean() ? "https" : "http")
            .withCollectorClient(grpc ? Options.CollectorClient.GRPC : Options.CollectorClient.HTTP)
            .withMaxBufferedSpans(settings.get("max_spans").getAsInt())
            .withMaxReportingIntervalMillis(periodMs > 0 ? periodMs : NEVER_MS)
            .withDisableReportingLoop(periodMs == 0)
            .withDropSpansOnFailure(settings.get("drop_on_failure").getAsBoolean())
            .withDisableMetricsReporting(true)
            .withVerbosity(0);
    for (Map.Entry<String, JsonElement> tag : settings.getAsJsonObject("tags").entrySet()) {
      options.withTag(tag.getKey(), tag.getValue().getAsString());
    }
    tracer = new JRETracer(options.build());
  }

  private static Map<String, Object> ids(io.opentracing.Span span) {
    if (!(span instanceof Span)) {
      return Map.of(); // the tracer was disabled
    }
    SpanContext context = ((Span) span).context();
    Map<String, Object> ids = new LinkedHashMap<>();
    ids.put("trace_id", String.format("%016x", context.getTraceId()));
    ids.put("span_id", String.format("%016x", context.getSpanId()));
    return ids;
  }

  private static Map<String, Object> fields(Object... pairs) {
    Map<String, Object> fields = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      fields.put((String) pairs[i], pairs[i + 1]);
    }
    return fields;
  }

  /** A trace of nested spans with tags of every type, logs and several references. */
  private Object checkout() {
    io.opentracing.Span before = tracer.buildSpan("before").start();
    Tracer.SpanBuilder builder =
        tracer
            .buildSpan("checkout")
            .addReference(References.FOLLOWS_FROM, before.context())
            .withTag("span.kind", "server")
            .withTag("http.status_code", 503)
            .withTag("retry", true)
            .withTag("ratio", 0.5)
            .withTag("note", "Grüße ☃");
    io.opentracing.Span outer = builder.start();
    outer.setTag("http.status_code", 200).setTag("http.status_code", 503);
    outer.setBaggageItem("customer", "7");
    outer.log(fields("event", "cache.miss", "attempt", 2, "basket", List.of("tea", 3)));
    io.opentracing.Span inner = tracer.buildSpan("charge").asChildOf(outer).start();
    inner.setTag("span.kind", "client").setTag("error", true);
    inner.log(fields("event", "error", "error.kind", "ValueError", "message", "card declined"));
    inner.finish();
    outer.finish();
    return fields("checkout", ids(outer), "charge", ids(inner), "before", ids(before));
  }

  /** A root span with these times in microseconds since the epoch. */
  private Object at(String operation, long startUs, long endUs) {
    io.opentracing.Span span = tracer.buildSpan(operation).withStartTimestamp(startUs).start();
    span.finish(endUs);
    return ids(span);
  }

  /** Root spans, numbered by a tag. */
  private Object many(int count, String operation) {
    List<Object> made = new ArrayList<>();
    for (int number = 0; number < count; number++) {
      io.opentracing.Span span = tracer.buildSpan(operation).ignoreActiveSpan().withTag("number", number).start();
      span.finish();
      made.add(ids(span));
    }
    return made;
  }

  /** A span that is finished twice: two spans with the same ids, the second ten times as long. */
  private Object twice(String operation, long startUs, long durationUs) {
    io.opentracing.Span span = tracer.buildSpan(operation).withStartTimestamp(startUs).start();
    span.finish(startUs + durationUs);
    span.finish(startUs + 10 * durationUs);
    return ids(span);
  }

  /** As if a report had been sent, come in, answered and heard of at these times in microseconds. */
  private Object sample(long originUs, long receiveUs, long transmitUs, long destinationUs) throws Exception {
    Field clock = AbstractTracer.class.getDeclaredField("clockState");
    clock.setAccessible(true);
    Object state = clock.get(tracer);
    Method add = state.getClass().getDeclaredMethod("addSample", long.class, long.class, long.class, long.class);
    add.setAccessible(true);
    add.invoke(state, originUs, receiveUs, transmitUs, destinationUs);
    return true;
  }

  /** Sends what is there; says what the tracer said of it. */
  private Object flush() {
    Boolean sent = tracer.flush(PATIENCE_MS);
    return fields("failed", Boolean.TRUE.equals(sent) ? "" : "not sent");
  }

  private Object run(JsonArray words) throws Exception {
    switch (words.get(0).getAsString()) {
      case "checkout":
        return checkout();
      case "at":
        return at(words.get(1).getAsString(), words.get(2).getAsLong(), words.get(3).getAsLong());
      case "many":
        return many(words.get(1).getAsInt(), words.get(2).getAsString());
      case "twice":
        return twice(words.get(1).getAsString(), words.get(2).getAsLong(), words.get(3).getAsLong());
      case "sample":
        return sample(
            words.get(1).getAsLong(),
            words.get(2).getAsLong(),
            words.get(3).getAsLong(),
            words.get(4).getAsLong());
      case "flush":
        return flush();
      default:
        throw new IllegalArgumentException("no such command: " + words);
    }
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Program program = new Program(JsonParser.parseString(lines.readLine()).getAsJsonObject());
    PrintStream answers = new PrintStream(System.out, true, "UTF-8");
    Gson gson = new Gson();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Map<String, Object> reply;
      try {
        reply = fields("answer", program.run(JsonParser.parseString(line).getAsJsonArray()));
      } catch (Exception exception) {
        StringWriter trace = new StringWriter();
        exception.printStackTrace(new PrintWriter(trace));
        reply = fields("failed", trace.toString());
      }
      answers.println(gson.toJson(reply));
    }
    program.tracer.close();
    System.exit(0);
  }
}
