"""A small shop, as the official OpenTelemetry SDK for Python tells of it: the source of shop.jsonl.

    squall sink --http 127.0.0.1:4318 --record shop.jsonl &
    python shop.py http://127.0.0.1:4318

Orders come for two seconds. Batches are flushed often, so that traces are spread over several requests: a
parent ends after its children, and so comes in a later one.
"""

import logging
import sys
import time

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

ORDERS = 20


def main():
    endpoint = sys.argv[1]
    resource = Resource({"service.name": "shop", "service.version": "1.4.2"})

    tracing = TracerProvider(resource=resource)
    spans = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    tracing.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=150))
    tracer = tracing.get_tracer("shop", "1.0")

    metrics = OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics")
    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=500)
    metering = MeterProvider(resource=resource, metric_readers=[reader])
    meter = metering.get_meter("shop")
    orders = meter.create_counter("shop.orders", unit="{order}", description="Orders by outcome")
    open_orders = meter.create_up_down_counter("shop.orders.open", unit="{order}")
    duration = meter.create_histogram("shop.order.duration", unit="s")

    logs = LoggerProvider(resource=resource)
    exporter = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs")
    logs.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=300))
    logger = logging.getLogger("shop")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(logger_provider=logs))

    before = None
    for number in range(ORDERS):
        start = time.monotonic()
        links = [Link(before, {"why": "same basket"})] if before and number % 4 == 0 else []
        open_orders.add(1)
        with tracer.start_as_current_span(
            "POST /orders", kind=SpanKind.SERVER, attributes={"order.id": number}, links=links
        ) as order:
            before = order.get_span_context()
            with tracer.start_as_current_span("SELECT stock", kind=SpanKind.CLIENT) as query:
                query.set_attribute("db.system.name", "postgresql")
                time.sleep(0.02)
            with tracer.start_as_current_span("charge", attributes={"cards": ["visa", "amex"]}) as charge:
                charge.add_event("retried", {"attempt": 2})
                time.sleep(0.06)
                failed = number % 7 == 6
                if failed:
                    charge.set_status(Status(StatusCode.ERROR, "card declined"))
                    logger.error("order %d: card declined", number, extra={"order.id": number})
                else:
                    logger.info("order %d: charged", number, extra={"order.id": number})
            time.sleep(0.02)
        open_orders.add(-1)
        orders.add(1, {"outcome": "declined" if failed else "charged"})
        duration.record(time.monotonic() - start)
    for provider in (tracing, metering, logs):
        provider.shutdown()


main()
