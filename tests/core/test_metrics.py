"""What a hub counts, read by prometheus-client's parser and by an exporter of OpenTelemetry's."""

import asyncio
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from session_plugin import LinkRefused, hookimpl
from session_plugin.metrics import opentelemetry, prometheus
from session_plugin.metrics.families import FAMILIES, HISTOGRAMS

MAY_BE_LABELS = {"bot", "channel", "role", "outcome", "cache", "plugin", "hook", "le"}


class Scrape:
    """What Prometheus reads of hubs."""

    def __init__(self, *hubs):
        registry = CollectorRegistry(auto_describe=False)
        registry.register(prometheus(*hubs))
        self.text = generate_latest(registry).decode()
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def value(self, name, **labels):
        found = [
            sample.value
            for sample in self.samples
            if sample.name == f"session_plugin_{name}" and labels.items() <= sample.labels.items()
        ]
        assert len(found) < 2, found
        return found[0] if found else None


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def tracer_provider(spans):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    yield provider
    provider.shutdown()


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def meter_provider(reader):
    provider = MeterProvider(metric_readers=[reader])
    yield provider
    provider.shutdown()


def reported(reader):
    """Return the data points of each metric that was reported, by its name."""
    data = reader.get_metrics_data()
    return {
        metric.name: list(metric.data.data_points)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


async def test_messages_are_counted_by_what_became_of_them(new_hub, talk):
    hub, ann = new_hub(record_when=lambda chat: chat.kind == "direct"), talk.account("ann")
    said = talk.said(ann, "hi")
    for event in (said, said, talk.answered(ann, "hello"), talk.said(talk.group(), "all")):
        await hub.record(event)
    scrape = Scrape(hub)
    counted = {
        (sample.labels["role"], sample.labels["outcome"]): sample.value
        for sample in scrape.samples
        if sample.name == "session_plugin_messages_total"
    }
    assert counted == {
        ("user", "stored"): 1,
        ("user", "duplicate"): 1,
        ("assistant", "stored"): 1,
        ("user", "refused"): 1,
    }


async def test_commits_and_reads_are_timed(new_hub, talk):
    hub, ann = new_hub(upkeep_minutes=None, store_patience=30), talk.account("ann")
    recorded = await hub.record(talk.said(ann, "hi"))
    await hub.settle()
    before = Scrape(hub)
    await asyncio.gather(*(hub.record(talk.said(ann, "hi")) for _ in range(20)))
    await recorded.session.history()
    after = Scrape(hub)
    commits = after.value("commit_duration_seconds_count") - before.value(
        "commit_duration_seconds_count"
    )
    operations = after.value("commit_operations_sum") - before.value("commit_operations_sum")
    assert 1 <= commits <= 20
    assert operations == 20
    assert after.value("commit_duration_seconds_sum") > 0
    assert after.value("commit_duration_seconds_bucket", le="+Inf") == after.value(
        "commit_duration_seconds_count"
    )
    reads = "read_duration_seconds_count"
    assert after.value(reads) == before.value(reads) + 1
    assert after.value("database_writable") == 1


async def test_counts_go_on_when_the_database_is_opened_again(new_hub, talk):
    hub = new_hub()
    for _ in range(2):
        await hub.record(talk.said(talk.account("ann"), "hi"))
        await hub.close()
        scrape = Scrape(hub)
    assert scrape.value("commit_operations_count") >= 2
    assert scrape.value("database_writable") == 0


async def test_hooks_are_timed_by_plugin_and_hook(new_hub, talk):
    class Broken:
        @hookimpl
        def session_on_message(self, event):
            raise ValueError

        @hookimpl
        async def session_on_edit(self, event):
            await asyncio.sleep(0.01)

    hub, ann = new_hub(), talk.account("ann")
    hub.register(Broken(), "broken")
    said = talk.said(ann, "hi")
    await hub.record(said)
    await hub.edit(talk.said(ann, "bye", message_id=said.message_id))
    await hub.settle()
    scrape = Scrape(hub)
    message = {"plugin": "broken", "hook": "session_on_message"}
    edit = {"plugin": "broken", "hook": "session_on_edit"}
    assert scrape.value("hook_calls_total", **message) == 1
    assert scrape.value("hook_failures_total", **message) == 1
    assert scrape.value("hook_failures_total", **edit) == 0
    assert scrape.value("hook_duration_seconds_total", **edit) >= 0.01


async def test_consolidations_are_counted_by_outcome(new_hub, talk):
    answers = ["", "a summary"]

    async def summarize(messages, previous):
        return answers.pop(0)

    hub, ann = new_hub(summarize=summarize, consolidation_threshold=4), talk.account("ann")
    for _ in range(5):
        recorded = await hub.record(talk.said(ann, "something that was said at some length"))
    await hub.settle()
    session = await recorded.session.info()
    assert await hub.consolidate(session.session_id) is not None
    assert await hub.undo_consolidation(session.session_id)
    scrape = Scrape(hub)
    for outcome in ("failed", "stored", "undone"):
        assert scrape.value("consolidations_total", outcome=outcome) == 1, outcome


async def test_look_ups_of_the_tokens_of_a_session_are_counted(new_hub, talk):
    hub, ann = new_hub(consolidation_tokens=1000), talk.account("ann")
    for _ in range(3):
        await hub.record(talk.said(ann, "hi"))
        await hub.settle()
    scrape = Scrape(hub)
    assert scrape.value("cache_lookups_total", cache="session_tokens", outcome="miss") == 1
    assert scrape.value("cache_lookups_total", cache="session_tokens", outcome="hit") == 2


async def test_links_and_forgettings_are_counted(new_hub, talk, link):
    hub = new_hub()
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    for account in (ann, too):
        await hub.record(talk.said(account, "hi"))
    await link(hub, ann, too)
    await hub.unlink(too)
    with pytest.raises(LinkRefused):
        await hub.redeem_link(too, "AAAA-AAAA")
    await hub.request_link(ann)
    await hub.cancel_link(ann)
    await hub.forget(ann, at_once=True)
    await hub.forget(talk.account("nobody"))
    scrape = Scrape(hub)
    links = {
        sample.labels["outcome"]: sample.value
        for sample in scrape.samples
        if sample.name == "session_plugin_links_total"
    }
    assert links == {
        "requested": 2,
        "redeemed": 1,
        "confirmed": 1,
        "linked": 1,
        "unlinked": 1,
        "refused": 1,
        "cancelled": 1,
    }
    assert scrape.value("forgettings_total") == 1
    assert scrape.value("pending_erasures") == 0


@pytest.mark.plain("sealed, nobody has to wait for the file")
async def test_erasures_that_wait_are_shown(new_hub, talk, database):
    hub = new_hub(erasure_minutes=60)
    for name in ("ann", "bob"):
        await hub.record(talk.said(talk.account(name), "hi"))
        receipt = await hub.forget(talk.account(name))
    assert Scrape(hub).value("pending_erasures") == int(receipt.is_pending)
    assert receipt.is_pending == ("://" not in database)


async def test_what_waits_for_a_locked_database_is_shown(new_hub, talk, database, hold):
    hub, ann = new_hub(store_patience=0.2), talk.account("ann")
    await hub.status()  # opens it, however long that takes
    with hold(database):
        await hub.record(talk.said(ann, "hi"))
        scrape = Scrape(hub)
    assert (scrape.value("waiting"), scrape.value("timed_out_total")) == (1, 1)


async def test_no_label_and_no_value_names_a_person_a_chat_or_what_they_said(
    new_hub, talk, link, event_log
):
    hub = new_hub(event_log)
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    for account in (ann, too):
        await hub.record(talk.said(account, "zanzibar", author_name="Annabel"))
    await hub.record(talk.said(talk.group("a-group"), "zanzibar", author=ann))
    await link(hub, ann, too)
    await hub.settle()
    session = await hub.session_of(talk.direct(ann), ann).info()
    user = await hub.identity_of(ann)
    scrape = Scrape(hub)
    assert {label for sample in scrape.samples for label in sample.labels} <= MAY_BE_LABELS
    secrets = (
        *(ann.channel_user_id, too.channel_user_id, "direct-of", "a-group"),
        *("Annabel", "zanzibar", session.session_id, user.user_id),
    )
    assert [word for word in secrets if word in scrape.text] == []


async def test_every_metric_is_scraped_and_has_a_sentence(new_hub, talk):
    hub = new_hub()
    await hub.record(talk.said(talk.account("ann"), "hi"))
    families = {family.name: family for family in Scrape(hub).families}
    assert len(families) == len(FAMILIES) + len(HISTOGRAMS)
    assert all(name.startswith("session_plugin_") for name in families)
    assert all(family.documentation.endswith(".") for family in families.values())


def test_the_page_explains_every_metric(new_hub):
    page = (Path(__file__).parents[2] / "docs" / "watching.md").read_text()
    scraped = {metric.name: metric.type for metric in prometheus(new_hub()).describe()}
    shown = {
        name.removeprefix("session_plugin_") + ("_total" if kind == "counter" else "")
        for name, kind in scraped.items()
    }
    assert [name for name in shown if f"`{name}`" not in page] == []


async def test_a_scrape_asks_the_database_nothing(new_hub, talk):
    hub = new_hub()
    await hub.record(talk.said(talk.account("ann"), "hi"))
    first, second = Scrape(hub), Scrape(hub)
    reads = "read_duration_seconds_count"
    assert second.value(reads) == first.value(reads)
    await hub.close()
    assert Scrape(hub).value("messages_total") == 1


async def test_hubs_of_one_process_share_a_collector(new_hub, new_databases, talk):
    first, second = new_hub(bot="first"), new_hub(path=new_databases(), bot="second")
    await second.record(talk.said(talk.account("ann"), "hi"))
    scrape = Scrape(first, second)
    assert scrape.value("messages_total", bot="second") == 1
    assert scrape.value("waiting", bot="first") == 0


def test_hubs_that_cannot_be_told_apart_are_refused(new_hub):
    with pytest.raises(ValueError, match=r"differ in bot=.*\['', ''\]"):
        prometheus(new_hub(), new_hub())
    with pytest.raises(ValueError, match="at least one"):
        prometheus()


def test_without_the_packages_it_says_what_to_install(new_hub, monkeypatch):
    for package, module, report in (
        ("prometheus_client", "scraping", prometheus),
        ("opentelemetry", "telemetry", opentelemetry),
    ):
        monkeypatch.delitem(sys.modules, f"session_plugin.metrics.{module}", raising=False)
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(
            ImportError, match=rf"pip install 'session-plugin\[{report.__name__}\]'"
        ):
            report(new_hub())


async def test_opentelemetry_is_given_the_same_counts(new_hub, talk, reader, meter_provider):
    hub, ann = new_hub(bot="nora"), talk.account("ann")
    opentelemetry(hub, meter_provider=meter_provider)
    said = talk.said(ann, "hi")
    for event in (said, said):
        recorded = await hub.record(event)
    await recorded.session.history()
    points = reported(reader)
    counted = {
        point.attributes["outcome"]: point.value for point in points["session_plugin.messages"]
    }
    assert counted == {"stored": 1, "duplicate": 1}
    assert points["session_plugin.waiting"][0].attributes == {"session_plugin.bot": "nora"}
    scrape = Scrape(hub)
    (commits,) = points["session_plugin.commit_duration"]
    assert commits.count == scrape.value("commit_duration_seconds_count")
    assert commits.sum == pytest.approx(scrape.value("commit_duration_seconds_sum"))
    names = {f"session_plugin.{one.name}" for one in (*FAMILIES, *HISTOGRAMS)}
    assert points.keys() <= names
    assert "session_plugin.read_duration" in points


async def test_spans_name_the_session_and_no_person(new_hub, talk, spans, tracer_provider):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    opentelemetry(hub, tracer_provider=tracer_provider)
    with tracer_provider.get_tracer("bot").start_as_current_span("handler") as handler:
        for _ in range(5):
            recorded = await hub.record(talk.said(ann, "zanzibar"))
        await recorded.session.history()
    await hub.settle()
    session = await recorded.session.info()
    by_name = {span.name: span for span in spans.get_finished_spans()}
    for name in ("record", "read", "consolidate"):
        span = by_name[f"session_plugin.{name}"]
        assert span.attributes["gen_ai.conversation.id"] == session.session_id
        assert ann.channel_user_id not in span.to_json()
        assert "zanzibar" not in span.to_json()
    assert by_name["session_plugin.record"].attributes["session_plugin.outcome"] == "stored"
    assert by_name["session_plugin.read"].attributes["session_plugin.operation"] == "read_live"
    assert by_name["session_plugin.record"].parent.span_id == handler.get_span_context().span_id


async def test_a_span_of_what_fails_has_the_kind_of_error_and_not_its_words(
    new_hub, talk, spans, tracer_provider
):
    hub, ann, bob = new_hub(), talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "hi"))
    opentelemetry(hub, tracer_provider=tracer_provider)
    with pytest.raises(ValueError, match="direct chat"):
        await hub.record(talk.said(talk.direct(ann), "hi", author=bob))
    (span,) = [one for one in spans.get_finished_spans() if one.name == "session_plugin.record"]
    assert span.attributes["error.type"] == "ValueError"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert span.events == ()


async def test_what_is_not_sampled_looks_nothing_up(new_hub, talk):
    hub = new_hub()
    opentelemetry(hub, tracer_provider=TracerProvider(sampler=ALWAYS_OFF))
    await hub.record(talk.said(talk.account("ann"), "hi"))
    before = Scrape(hub).value("read_duration_seconds_count")
    await hub.record(talk.said(talk.account("ann"), "hi"))
    assert Scrape(hub).value("read_duration_seconds_count") == before


async def test_what_is_stopped_reports_nothing_more(
    new_hub, talk, reader, meter_provider, spans, tracer_provider
):
    hub, ann = new_hub(), talk.account("ann")
    telemetry = opentelemetry(hub, meter_provider=meter_provider, tracer_provider=tracer_provider)
    with pytest.raises(ValueError, match="reports to OpenTelemetry already"):
        opentelemetry(hub, meter_provider=meter_provider)
    await hub.record(talk.said(ann, "hi"))
    telemetry.stop()
    telemetry.stop()
    reported(reader)
    spans.clear()
    await hub.record(talk.said(ann, "hi"))
    assert reported(reader).get("session_plugin.messages", []) == []
    assert spans.get_finished_spans() == ()
    opentelemetry(hub, tracer_provider=tracer_provider).stop()


async def test_an_exporter_that_fails_stops_nothing(new_hub, talk, caplog):
    class BrokenProvider(MeterProvider):
        def get_meter(self, *args, **kwargs):
            meter = super().get_meter(*args, **kwargs)
            meter.create_histogram = lambda *args, **kwargs: None
            return meter

    hub = new_hub()
    opentelemetry(hub, meter_provider=BrokenProvider())
    for _ in range(3):
        assert (await hub.record(talk.said(talk.account("ann"), "hi"))).is_stored
    assert "an exporter failed" in caplog.text
