"""A program of your own as squall's client, in Python with the official SDK.

    pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
    squall run scenarios/command-python.yaml

It knows nothing of squall but the line that it prints. Where to send, its SDK reads from the environment.
Its arguments: how many spans to make, and how many a second.
"""

import logging
import signal
import sys
import time

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SPANS_PER_REQUEST = 3


def main():
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    spans_per_second = float(sys.argv[2]) if len(sys.argv) > 2 else 1000.0

    tracing = TracerProvider()
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracing)
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logger = logging.getLogger("shop")
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(logger_provider=logs))
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
    metrics.set_meter_provider(meters)

    tracer = trace.get_tracer("command_client")
    served = metrics.get_meter("command_client").create_counter("requests.served")

    # Asked to end, it makes nothing more, and sends what it has.
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    made = 0
    begun = time.monotonic()
    for request in range(spans // SPANS_PER_REQUEST):
        due = begun + request * SPANS_PER_REQUEST / spans_per_second
        time.sleep(max(0.0, due - time.monotonic()))
        if asked:
            break
        with tracer.start_as_current_span("GET /cart") as server:
            server.set_attribute("request", request)
            for name in ("query", "render"):
                with tracer.start_as_current_span(name):
                    pass
        logger.info("served request %d", request)
        served.add(1)
        made += 1

    # What the queues still hold goes out first: losses are to be the pipeline's.
    tracing.shutdown()
    logs.shutdown()
    meters.shutdown()
    # Data points are made by a timer, and nobody counts them here: they stay unknown.
    print(f"squall: made spans={made * SPANS_PER_REQUEST} log_records={made}", flush=True)


if __name__ == "__main__":
    main()
