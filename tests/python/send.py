"""Sends known numbers of spans, data points and log records through the official SDK.

Usage: send.py PROTOCOL COMPRESSION ADDRESS, where PROTOCOL is grpc or http, COMPRESSION is none or gzip.
"""

import logging
import sys

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

SPANS = 300
LOG_RECORDS = 40
SERIES = 3


def exporters(protocol, compression, address):
    if protocol == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        chosen = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
        settings = {"endpoint": address, "insecure": True, "compression": chosen[compression]}
        return (
            OTLPSpanExporter(**settings),
            OTLPMetricExporter(**settings),
            OTLPLogExporter(**settings),
        )

    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    chosen = {"none": Compression.NoCompression, "gzip": Compression.Gzip}[compression]
    base = f"http://{address}/v1"
    return (
        OTLPSpanExporter(endpoint=f"{base}/traces", compression=chosen),
        OTLPMetricExporter(endpoint=f"{base}/metrics", compression=chosen),
        OTLPLogExporter(endpoint=f"{base}/logs", compression=chosen),
    )


def main():
    protocol, compression, address = sys.argv[1:]
    resource = Resource.create({"service.name": f"python-{protocol}-{compression}"})
    spans, metrics, logs = exporters(protocol, compression, address)

    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(spans))
    tracer = tracing.get_tracer("squall-test", "1.0")
    for index in range(SPANS // 2):
        with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
            parent.add_event("an event", {"index": index})
            with tracer.start_as_current_span("child", attributes={"list": ["a", "b"]}) as child:
                child.set_status(Status(StatusCode.ERROR, "on purpose"))
    tracing.shutdown()

    # One collection only: the one of the shutdown.
    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=3_600_000)
    metering = MeterProvider(resource=resource, metric_readers=[reader])
    meter = metering.get_meter("squall-test")
    counter = meter.create_counter("requests", unit="1")
    histogram = meter.create_histogram("duration", unit="s")
    for series in range(SERIES):
        counter.add(1.5, {"series": series})
        histogram.record(0.25, {"series": series})
    metering.shutdown()

    logging_provider = LoggerProvider(resource=resource)
    logging_provider.add_log_record_processor(BatchLogRecordProcessor(logs))
    logger = logging.getLogger("squall-test")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(logger_provider=logging_provider))
    for index in range(LOG_RECORDS):
        logger.warning("record %d", index, extra={"index": index, "flag": True})
    logging_provider.shutdown()


main()
