import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A program with the real OpenTelemetry SDK for Java, told what to do line by line.
 *
 * <p>All settings come from the environment (OTEL_…), as with any program that is instrumented by OpenTelemetry. Each
 * line of stdin is a JSON list, a command and its arguments; each is answered by one line of JSON. At the end the SDK is
 * closed, which sends what is left.
 */
public final class Program {
  private static final long PATIENCE_S = 30;

  private final OpenTelemetrySdk sdk = AutoConfiguredOpenTelemetrySdk.initialize().getOpenTelemetrySdk();
  private final Tracer tracer = sdk.getTracer("shop.checkout", "1.2.3");

  private static Map<String, Object> ids(Span span) {
    return Map.of("trace_id", span.getSpanContext().getTraceId(), "span_id", span.getSpanContext().getSpanId());
  }

  /** A trace of two nested spans with attributes, an event and an exception; their ids. */
  private Object checkout() {
    Span outer =
        tracer
            .spanBuilder("checkout")
            .setSpanKind(SpanKind.SERVER)
            .setAttribute("http.status_code", 503)
            .setAttribute("retry", true)
            .setAttribute("ratio", 0.5)
            .setAttribute("note", "Grüße ☃")
            .startSpan();
    Span inner;
    try (Scope scope = outer.makeCurrent()) {
      outer.addEvent("cache.miss", Attributes.of(AttributeKey.longKey("attempt"), 2L));
      inner = tracer.spanBuilder("charge").setSpanKind(SpanKind.CLIENT).startSpan();
      inner.recordException(new IllegalStateException("card declined"));
      inner.setStatus(StatusCode.ERROR, "card declined");
      inner.end();
    }
    outer.end();
    return Map.of("checkout", ids(outer), "charge", ids(inner));
  }

  /** So many root spans, numbered by an attribute. */
  private Object many(int count, String operation) {
    List<Object> told = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Span span = tracer.spanBuilder(operation).setNoParent().setAttribute("number", i).startSpan();
      span.end();
      told.add(ids(span));
    }
    return told;
  }

  /** Send what is there; whether that was done in time, be it taken or refused. */
  private Object flush() {
    CompletableResultCode result = sdk.getSdkTracerProvider().forceFlush().join(PATIENCE_S, TimeUnit.SECONDS);
    return result.isSuccess();
  }

  private Object run(JsonArray line) {
    switch (line.get(0).getAsString()) {
      case "checkout":
        return checkout();
      case "many":
        return many(line.get(1).getAsInt(), line.get(2).getAsString());
      case "flush":
        return flush();
      default:
        throw new IllegalArgumentException(line.toString());
    }
  }

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Program program = new Program();
    String line;
    while ((line = lines.readLine()) != null) {
      Map<String, Object> reply;
      try {
        reply = Map.of("answer", program.run(JsonParser.parseString(line).getAsJsonArray()));
      } catch (RuntimeException error) {
        reply = Map.of("failed", error.toString());
      }
      out.println(new Gson().toJson(reply));
    }
    program.sdk.close();
  }
}
