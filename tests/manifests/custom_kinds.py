"""The kinds that operators add to a cluster, as far as we use them; anything else is a fault.

Written after their CustomResourceDefinitions. docs/kubernetes.md says against which full
definitions our objects were held once.
"""

from typing import Annotated, Literal

import msgspec

Labels = dict[str, str]
Whole = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """No field but those that are named."""


class Metadata(Strict):
    name: str
    namespace: str = ""
    labels: Labels = {}
    annotations: Labels = {}


class Kind(Strict):
    api_version: str
    kind: str
    metadata: Metadata


class Selector(Strict):
    match_labels: Labels


# --- KEDA --------------------------------------------------------------------------------------


class ScaleTarget(Strict):
    name: str


class Reference(Strict):
    name: str


class Policy(Strict):
    type: Literal["Percent", "Pods"]
    value: Whole
    period_seconds: Annotated[int, msgspec.Meta(ge=1, le=1800)]


class ScalingRules(Strict):
    policies: list[Policy]
    stabilization_window_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)]
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"


class Behavior(Strict):
    scale_up: ScalingRules
    scale_down: ScalingRules


class ScalerConfig(Strict):
    behavior: Behavior


class Advanced(Strict):
    horizontal_pod_autoscaler_config: ScalerConfig


class Trigger(Strict):
    type: Literal["rabbitmq", "prometheus", "cpu"]
    name: str
    metadata: dict[str, str]
    metric_type: Literal["AverageValue", "Value", "Utilization"] = "AverageValue"
    authentication_ref: Reference | None = None


class ScaledObjectSpec(Strict):
    scale_target_ref: ScaleTarget
    triggers: list[Trigger]
    polling_interval: Whole
    min_replica_count: Whole
    max_replica_count: Whole
    advanced: Advanced


class ScaledObject(Kind):
    spec: ScaledObjectSpec


class SecretTarget(Strict):
    parameter: str
    name: str
    key: str


class TriggerAuthenticationSpec(Strict):
    secret_target_ref: list[SecretTarget]


class TriggerAuthentication(Kind):
    spec: TriggerAuthenticationSpec


# --- the Prometheus operator -------------------------------------------------------------------


class Relabeling(Strict):
    target_label: str
    replacement: str


class MetricsEndpoint(Strict):
    port: str
    path: str
    interval: Seconds
    scrape_timeout: Seconds = "10s"
    params: dict[str, list[str]] = {}
    relabelings: list[Relabeling] = []


class PodMonitorSpec(Strict):
    selector: Selector
    pod_metrics_endpoints: list[MetricsEndpoint]
    job_label: str = ""


class PodMonitor(Kind):
    spec: PodMonitorSpec


class Rule(Strict):
    expr: str | int
    record: str = ""
    alert: str = ""
    for_: str = msgspec.field(name="for", default="")
    keep_firing_for: str = msgspec.field(name="keep_firing_for", default="")
    labels: Labels = {}
    annotations: Labels = {}


class RuleGroup(Strict):
    name: str
    rules: list[Rule]
    interval: str = ""


class PrometheusRuleSpec(Strict):
    groups: list[RuleGroup]


class PrometheusRule(Kind):
    spec: PrometheusRuleSpec


# --- the Gateway API ---------------------------------------------------------------------------


class Parent(Strict):
    name: str
    namespace: str
    section_name: str = ""


class Path(Strict):
    type: Literal["Exact", "PathPrefix"]
    value: Annotated[str, msgspec.Meta(pattern="^/")]


class Match(Strict):
    path: Path


class Backend(Strict):
    name: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Timeouts(Strict):
    request: Seconds


class RouteRule(Strict):
    matches: Annotated[list[Match], msgspec.Meta(max_length=64)]
    backend_refs: list[Backend]
    timeouts: Timeouts


class HTTPRouteSpec(Strict):
    parent_refs: list[Parent]
    hostnames: list[str]
    rules: list[RouteRule]


class HTTPRoute(Kind):
    spec: HTTPRouteSpec


# --- the RabbitMQ cluster operator -------------------------------------------------------------


class RabbitConfig(Strict):
    additional_config: Annotated[str, msgspec.Meta(max_length=2000)]
    additional_plugins: list[str] = []


class Persistence(Strict):
    storage: str


class RabbitmqClusterSpec(Strict):
    replicas: Annotated[int, msgspec.Meta(ge=0)]
    resources: dict[str, dict[str, str]]
    persistence: Persistence
    termination_grace_period_seconds: Whole
    rabbitmq: RabbitConfig
    affinity: dict[str, object]
    override: dict[str, object]
    image: str = ""


class RabbitmqCluster(Kind):
    spec: RabbitmqClusterSpec


KINDS: dict[tuple[str, str], type[Kind]] = {
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): HTTPRoute,
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObject,
    ("keda.sh/v1alpha1", "TriggerAuthentication"): TriggerAuthentication,
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
    ("rabbitmq.com/v1beta1", "RabbitmqCluster"): RabbitmqCluster,
}
