"""The plain Faust agent of the comparison: each event decoded, tested and answered by Python."""

from __future__ import annotations

import os

import faust

app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['CEP_BROKERS']}",
    store="memory://",
    topic_disable_leader=True,
    topic_allow_declare=False,
    web_enabled=False,
    stream_wait_empty=False,
    # What is committed is what is measured: every three seconds, as by default, is seldom.
    broker_commit_interval=0.25,
    consumer_auto_offset_reset="earliest",
    datadir=os.environ["BENCH_FOLDER"],
)
events = app.topic(os.environ["BENCH_TOPIC"], value_serializer="json", key_type=bytes)
alerts = app.topic(os.environ["CEP_ALERTS"], value_serializer="json")


@app.agent(events, concurrency=1)
async def detect(stream: faust.Stream) -> None:
    """One event in a thousand is worth an alert."""
    async for event in stream:
        if event["type"] == "A" and event["v"] == 7:
            await alerts.send(value={"k": event["k"], "sent": event["sent"]})
