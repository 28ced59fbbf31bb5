"""How a live worker is set up: brokers and topics, where state is kept, what is promised.

    cep.yaml `live:`  ──▶ LiveSettings ──▶ overridden by CEP_BROKERS, CEP_GROUP, … ──▶ the worker

A name in the environment is that of the key in capitals behind `CEP_`. Client settings of Kafka stand behind
`CEP_KAFKA_`, dots as underscores: `CEP_KAFKA_SASL_PASSWORD` is `sasl.password`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Final, Literal, get_args
from urllib.parse import unquote

from cep.errors import InputError
from cep.values import value

Start = Literal["earliest", "latest"]
Mode = Literal["batch", "agent"]
Guarantee = Literal["exactly_once", "at_least_once", "at_most_once"]
LogFormat = Literal["text", "json"]
RulesFrom = Literal["files", "topic"]

STARTS: Final[tuple[Start, ...]] = get_args(Start)
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
GUARANTEES: Final[tuple[Guarantee, ...]] = get_args(Guarantee)
LOG_FORMATS: Final[tuple[LogFormat, ...]] = get_args(LogFormat)
RULES_FROM: Final[tuple[RulesFrom, ...]] = get_args(RulesFrom)

AGENT_KAFKA: Final = (
    "security.protocol",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
)
"""Client settings that the agents understand too; Faust has a client of its own."""

_ENV: Final = "CEP_"
_ENV_KAFKA: Final = "CEP_KAFKA_"
_SECRET: Final = re.compile(r"password|secret|\.key\.pem|jaas|token", re.IGNORECASE)
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)([^:@/]*):([^@/]*)@")


@value
class LiveSettings:
    """The block `live:` of the project file.

    `topics` are pairs: a topic, and the name of the input that says how its records are read; empty names the
    input whose `files` fit the topic's name. `kafka` are settings handed to the Kafka clients as they are.
    """

    brokers: str = "localhost:9092"
    group: str = "cep"
    topics: tuple[tuple[str, str], ...] = ()
    alerts: str = "cep.alerts"
    shadow_alerts: str = ""
    """Alerts of rules that run as shadows; empty is `alerts` with `.shadow` behind it."""
    dead_letters: str = "cep.dead-letters"
    late: str = "cep.late"
    rules_from: RulesFrom = "files"
    """`files` are read once, at the start; the `topic` is followed."""
    rules_topic: str = "cep.rules"
    warm_up_records: int = 50_000
    """So many records of each topic a new version of a rule reads again, shared by a worker's partitions."""
    silences: str = "cep.silences"
    state: str = "memory:"
    mode: Mode = "batch"
    """`batch` reads in batches of its own, `agent` through plain Faust agents."""
    guarantee: Guarantee | Literal[""] = ""
    """How often an alert comes; empty is what the mode does best."""
    start: Start = "earliest"
    instance: str = ""
    """A stable name of this worker: restarts under it are quick and cause no rebalance."""
    web: str = "127.0.0.1:6066"
    log_format: LogFormat = "text"
    batch_records: int = 20_000
    """The most records of one transaction."""
    batch_wait_ms: int = 20
    """How long a batch waits for more records once it has one."""
    state_every_ms: int = 1000
    """How long state may stay behind what is committed, unless to put it down takes long; 0: never."""
    wait_for_broker_s: int = 60
    """How long to go on trying when no broker answers at the start."""
    stuck_after_s: int = 120
    """The worker ends when records wait and nothing was committed for so long."""
    by: str = ""
    """The key whose rules this worker runs, where rules have several; fields with commas between them."""
    kafka: tuple[tuple[str, str], ...] = ()

    @property
    def written(self) -> tuple[str, str, str, str]:
        """Topics of alerts, dead letters, late events, and alerts of shadows."""
        shadows = self.shadow_alerts or f"{self.alerts}.shadow"
        return self.alerts, self.dead_letters, self.late, shadows

    @property
    def promise(self) -> Guarantee:
        """How often an alert comes."""
        return self.guarantee or ("exactly_once" if self.mode == "batch" else "at_least_once")


KEYS: Final = tuple(field.name for field in fields(LiveSettings))
NUMBERS: Final[Mapping[str, int]] = {
    "batch_records": 1,
    "batch_wait_ms": 0,
    "state_every_ms": 0,
    "wait_for_broker_s": 0,
    "stuck_after_s": 1,
    "warm_up_records": 0,
}
"""Keys that hold a whole number, with the least that makes sense."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "mode": MODES,
    "guarantee": GUARANTEES,
    "start": STARTS,
    "log_format": LOG_FORMATS,
    "rules_from": RULES_FROM,
}


def with_environment(settings: LiveSettings, environment: Mapping[str, str]) -> LiveSettings:
    """The settings with what the environment says instead; InputError names a variable that makes no sense.

    >>> with_environment(LiveSettings(), {"CEP_GROUP": "fraud", "CEP_KAFKA_SASL_PASSWORD": "x"}).kafka
    (('sasl.password', 'x'),)
    """
    changed: dict[str, object] = {}
    kafka = dict(settings.kafka)
    for name, text in sorted(environment.items()):
        key = name.removeprefix(_ENV).lower()
        if name.startswith(_ENV_KAFKA):
            kafka[name.removeprefix(_ENV_KAFKA).lower().replace("_", ".")] = text
        elif name.startswith(_ENV) and key in KEYS:
            changed[key] = _value(name, key, text)
    return replace(settings, kafka=tuple(sorted(kafka.items())), **changed)  # type: ignore[arg-type]


def _value(name: str, key: str, text: str) -> object:
    if key in NUMBERS:
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < NUMBERS[key]:
            raise InputError(f"{name}={text}: a whole number of {NUMBERS[key]} or more is needed")
        return int(text)
    if key in CHOICES and text not in CHOICES[key]:
        raise InputError(f"{name}={text}: one of {', '.join(CHOICES[key])}")
    if key == "topics":
        pairs = (item.strip().partition("=") for item in text.split(",") if item.strip())
        return tuple((topic, entry) for topic, _, entry in pairs)
    return text


def without_secrets(settings: LiveSettings) -> LiveSettings:
    """The settings as they may be shown and logged.

    >>> without_secrets(LiveSettings(state="rediss://cep:pw@host:6379/0")).state
    'rediss://cep:***@host:6379/0'
    """
    kafka = ((name, "***" if _SECRET.search(name) else value) for name, value in settings.kafka)
    return replace(settings, state=_PASSWORD_IN_URL.sub(r"\1:***@", settings.state), kafka=tuple(kafka))


def secrets_of(settings: LiveSettings) -> frozenset[str]:
    """What must be neither shown nor logged.

    >>> sorted(secrets_of(LiveSettings(state="redis://cep:p%40ss@host/0")))
    ['p%40ss', 'p@ss']
    """
    found = {value for name, value in settings.kafka if _SECRET.search(name)}
    for _, password in _PASSWORD_IN_URL.findall(settings.state):
        found |= {password, unquote(password)}
    return frozenset(found - {""})


def checked(settings: LiveSettings) -> LiveSettings:
    """The same settings; InputError if they contradict each other."""
    if not settings.topics:
        raise InputError("there are no topics to read\n  in cep.yaml: live: {topics: {payments: events}}")
    out = (*settings.written, settings.silences, settings.rules_topic)
    read = [topic for topic, _ in settings.topics]
    for topic in out:
        if topic in read:
            raise InputError(f"the topic {topic} is read and written: its alerts would feed on themselves")
    if len(set(read)) < len(read):
        raise InputError("a topic is named twice in `topics`")
    if settings.mode == "agent" and settings.promise != "at_least_once":
        raise InputError(f"`guarantee: {settings.guarantee}` needs `mode: batch`: agents give at least once")
    port = settings.web.rpartition(":")[2]
    if settings.web and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65_536):
        raise InputError(f"web: {settings.web}: HOST:PORT is needed, such as 127.0.0.1:6066")
    odd = [name for name, _ in settings.kafka if name not in AGENT_KAFKA]
    if settings.mode == "agent" and odd:
        raise InputError(
            f"kafka: {odd[0]}: in `mode: agent` only TLS and SASL can be set: {', '.join(AGENT_KAFKA)}"
        )
    return settings
