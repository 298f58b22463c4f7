"""A Flask service with OpenTelemetry: `flask --app shop run`. Where it reports is in the usual OTEL_… variables."""

from flask import Flask, request
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

LIMIT = 1000


def reporting():
    """A tracer provider that reports to where OTEL_EXPORTER_OTLP_ENDPOINT and its kin point."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def create_app(provider=None):
    """The service; tests give it a provider of their own."""
    provider = provider or reporting()
    tracer = provider.get_tracer("shop")
    app = Flask("shop")
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)

    @app.post("/checkout")
    def checkout():
        amount = int(request.form["amount"])
        with tracer.start_as_current_span("charge", attributes={"amount": amount}) as charge:
            if amount > LIMIT:
                charge.set_status(Status(StatusCode.ERROR, "declined"))
                return "declined", 502
        return "thank you"

    return app
