"""The Helm chart: whether it is in order and says what the plain manifests say.

usage: chart.py check | golden
       chart.py install | upgrade | uninstall NAMESPACE [VALUES]     by KUBECONFIG, for tests

golden writes what tests/chart/values.yaml makes to tests/chart/golden.yaml, which check
compares. Helm itself is in the package helm-python-sdk: no helm program is needed.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import helm_python as helm
import yaml

ROOT = pathlib.Path(__file__).parent.parent
PLAIN = ROOT / "deployments"
CHART = PLAIN / "helm/pipeops-agent"
VALUES = ROOT / "tests/chart/values.yaml"
GOLDEN = ROOT / "tests/chart/golden.yaml"
NAME, NAMESPACE = "pipeops-agent", "pipeops-system"

# What the schema must refuse: a secret among them, and names that are not there.
WRONG = [
    {"env": {"PIPEOPS_TOKEN": "secret"}},
    {"env": {"PIPEOPS_API_TOKEN": "secret"}},
    {"rbac": {"level": "everything"}},
    {"rbac": {"namespaces": ["Not A Name"]}},
    {"image": {"digest": "latest"}},
    {"image": {"repository": "pipeops/agent:1.0"}},
    {"port": 0},
    {"replicas": 2},
    {"monitoring": {"namespace": "Not A Name"}},
    {"tls": {"key": "secret"}},
    {"apiTokens": {"tokens": "secret"}},
    # Two servers on one port, and what stands there without its value.
    {"port": 8443, "tls": {"enabled": True}},
    {"env": None},
    {"image": None},
    {"rbac": {"level": None}},
]
# Names, and such in their place as YAML takes for something else, or as the manifests have elsewhere.
ODD = {
    "the-release": "123",
    "the-namespace": "team-8080",
    "the-secret": "1e3",
    "the-certificate": "pipeops-agent-api-tokens",
    "the-tokens": "null",
    "the-watchers": "0x10",
}
# Values, and the plain files that say the same.
EQUAL = [
    ({}, ["rbac-standard.yaml", "network-policies.yaml"]),
    ({"rbac": {"level": "read-only"}, "networkPolicies": False}, []),
    ({"rbac": {"level": "minimal"}, "networkPolicies": False}, ["rbac-minimal.yaml"]),
    ({"rbac": {"level": "full"}, "networkPolicies": False}, ["rbac-full.yaml"]),
    (
        {"monitoring": {"operator": True}},
        [
            "rbac-standard.yaml",
            "network-policies.yaml",
            "monitoring/network-policy.yaml",
            "monitoring/operator.yaml",
        ],
    ),
    (
        {"rbac": {"level": "read-only"}, "tls": {"enabled": True}},
        ["network-policies.yaml", "components/tls"],
    ),
    (
        {
            "rbac": {"level": "read-only"},
            "networkPolicies": False,
            "apiTokens": {"secretName": "pipeops-agent-api-tokens"},
        },
        ["components/api-tokens"],
    ),
]


def main(verb, *arguments):
    if verb == "check":
        sys.exit("\n".join(problems()) or 0)
    elif verb == "golden":
        GOLDEN.write_text(golden())
    else:
        release(verb, *arguments)


def problems():
    report = helm.lint(CHART, strict=True, namespace=NAMESPACE)
    for message in report["messages"]:
        # The first of these severities is for information: that icons are recommended.
        if message["severity"] > 1:
            yield f"lint: {message['path']}: {message['error']}"
    yield from report["errors"]
    with archive() as chart:
        if chart.version != chart.metadata["appVersion"]:
            yield "version and appVersion differ"
        yield from k3s(chart)
        yield from monitoring(chart)
        yield from policy(chart)
        yield from odd(chart)
        yield from shared(chart)
        chart.validate_schema({})
        for values in WRONG:
            try:
                chart.validate_schema(values)
                yield f"the schema lets in {values}"
            except helm.HelmValuesError:
                pass
        for values, files in EQUAL:
            yield from differences(values, files, objects(render(chart, values)))
    if GOLDEN.read_text() != golden():
        yield f"{GOLDEN.relative_to(ROOT)} is old: chart.py golden writes it anew"


def differences(values, files, made):
    components = [PLAIN / file for file in files if (PLAIN / file).is_dir()]
    files = [file for file in files if (PLAIN / file).is_file()]
    paths = [PLAIN / file for file in ["agent.yaml", *files]]
    kustomizations = [yaml.safe_load((c / "kustomization.yaml").read_text()) for c in components]
    for component, said in zip(components, kustomizations, strict=True):
        paths += [component / file for file in said.get("resources", [])]
    plain = "---\n".join(path.read_text() for path in paths)
    plain = objects(plain.replace("managed-by: kubectl", "managed-by: Helm"))
    for component, said in zip(components, kustomizations, strict=True):
        for patch in said["patches"]:
            add_to(plain, patch["target"]["kind"], json.loads((component / patch["path"]).read_text()))
    # The namespace is there before a release is.
    del plain[("Namespace", None, NAMESPACE)]
    for key in sorted(made.keys() | plain.keys(), key=str):
        if made.get(key) != plain.get(key):
            yield f"with {values}, {key} is {made.get(key)}\nand not {plain.get(key)}"


# What kustomize does with such a patch: whatever is in it goes to the end of a list.
def add_to(plain, kind, patch):
    for operation in patch:
        there = plain[(kind, NAMESPACE, NAME)]
        *path, end = operation["path"].strip("/").split("/")
        assert (operation["op"], end) == ("add", "-"), operation
        for part in path:
            there = there[int(part) if part.isdigit() else part]
        there.append(operation["value"])


def objects(text):
    made = [made for made in yaml.safe_load_all(text) if made]
    named = {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in made}
    assert len(named) == len(made), "each object once"
    return named


def render(chart, values, name=NAME, namespace=NAMESPACE):
    made = chart.render(values, name=name, namespace=namespace)
    return made[f"{NAME}/templates/manifests.yaml"].lstrip("\n")


# k3s asks for the chart by its file, and gives it values; its namespace is that of the manifests.
def k3s(chart):
    text = (PLAIN / "k3s/helmchart.yaml").read_text().replace("managed-by: k3s", "managed-by: kubectl")
    namespace, release = yaml.safe_load_all(text)
    if namespace != objects((PLAIN / "agent.yaml").read_text())[("Namespace", None, NAMESPACE)]:
        yield "k3s/helmchart.yaml has another namespace than agent.yaml"
    spec = release["spec"]
    if (release["metadata"]["name"], spec["targetNamespace"]) != (NAME, NAMESPACE):
        yield "k3s/helmchart.yaml installs elsewhere"
    if not spec["chart"].endswith(f"/{NAME}-{chart.version}.tgz"):
        yield f"k3s/helmchart.yaml asks for {spec['chart']}"
    values = yaml.safe_load(spec["valuesContent"])
    made = objects(render(chart, values))[("Deployment", NAMESPACE, NAME)]
    component = yaml.safe_load((PLAIN / "components/k3s/kustomization.yaml").read_text())
    patch = yaml.safe_load(component["patches"][0]["patch"])
    added = [operation["value"] for operation in patch]
    if made["spec"]["template"]["spec"]["tolerations"][-len(added) :] != added:
        yield "k3s/helmchart.yaml tolerates other things than components/k3s"


# What the component does, beside its network policy.
def monitoring(chart):
    component = yaml.safe_load((PLAIN / "monitoring/kustomization.yaml").read_text())
    made = objects(render(chart, {"monitoring": {"annotations": True, "dashboard": True}}))
    pod = made[("Deployment", NAMESPACE, NAME)]["spec"]["template"]
    annotations, variable = yaml.safe_load(component["patches"][0]["patch"])
    if pod["metadata"]["annotations"] != annotations["value"]:
        yield "monitoring.annotations makes other annotations than monitoring/kustomization.yaml"
    if pod["spec"]["containers"][0]["env"][-1] != variable["value"]:
        yield "monitoring.annotations sets another variable than monitoring/kustomization.yaml"
    if ("NetworkPolicy", NAMESPACE, "pipeops-agent-monitoring") not in made:
        yield "monitoring.annotations lets nobody in"
    generated = component["configMapGenerator"][0]
    dashboard = made[("ConfigMap", NAMESPACE, generated["name"])]
    if dashboard["data"] != {"dashboard.json": (PLAIN / "monitoring/dashboard.json").read_text()}:
        yield "monitoring.dashboard has another dashboard than monitoring/"
    labels = generated["options"]["labels"] | {"app.kubernetes.io/managed-by": "Helm"}
    if dashboard["metadata"]["labels"] != labels:
        yield "monitoring.dashboard has other labels than monitoring/kustomization.yaml"


# The agent reads the policy when it starts: another one makes another pod.
def policy(chart):
    made = [objects(render(chart, {"policy": {"read_only": only}})) for only in (True, False)]
    said = made[0][("ConfigMap", NAMESPACE, "pipeops-agent-policy")]["data"]
    if yaml.safe_load(said["policy.yaml"]) != {"read_only": True}:
        yield f"policy: {said}"
    file = made[0][("ConfigMap", NAMESPACE, "pipeops-agent-config")]["data"]["policy_file"]
    if file != "/etc/pipeops-agent/policy.yaml":
        yield f"policy: the agent looks for {file}"
    pods = [objects[("Deployment", NAMESPACE, NAME)]["spec"]["template"] for objects in made]
    if pods[0] == pods[1]:
        yield "policy: a change makes no new pod"


# A value is what it is, whatever its words.
def odd(chart):
    plain, made = named(chart, {name: name for name in ODD}), named(chart, ODD)
    if made != renamed(plain):
        yield f"with {ODD}: {made}\nand not {renamed(plain)}"
    made = objects(render(chart, {"env": {"PIPEOPS_STATE_SIZE": 16777216, "PIPEOPS_HOSTS": 'a"b\n: {'}}))
    variables = made[("Deployment", NAMESPACE, NAME)]["spec"]["template"]["spec"]["containers"][0]["env"]
    values = [variable.get("value") for variable in variables[-2:]]
    if values != ['a"b\n: {', "16777216"]:
        yield f"env: {variables[-2:]}"


# Who forgets to say a namespace cuts nobody off from the network.
def shared(chart):
    for namespace, denies in ((NAMESPACE, True), ("default", False), ("kube-system", False)):
        made = objects(render(chart, {}, namespace=namespace))
        chosen = {key[2]: made[key]["spec"]["podSelector"] for key in made if key[0] == "NetworkPolicy"}
        if ({} in chosen.values()) != denies or not chosen["pipeops-agent"]:
            yield f"network policies in {namespace}: {chosen}"


def named(chart, names):
    values = {
        "port": 9090,
        "secretName": names["the-secret"],
        "tls": {"enabled": True, "secretName": names["the-certificate"]},
        "apiTokens": {"secretName": names["the-tokens"]},
        "policy": {"read_only": True},
        "monitoring": {"annotations": True, "operator": True, "namespace": names["the-watchers"]},
    }
    text = render(chart, values, name=names["the-release"], namespace=names["the-namespace"])
    return list(yaml.safe_load_all(text))


def renamed(there):
    if isinstance(there, dict):
        return {key: renamed(value) for key, value in there.items()}
    if isinstance(there, list):
        return [renamed(value) for value in there]
    return ODD.get(there, there)


# As it is carried: in one file, without links.
def archive():
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "chart.tgz"
        subprocess.run([ROOT / "build/chart.sh", file], check=True, stdout=subprocess.DEVNULL)
        return helm.Chart.load_archive(file.read_bytes())


def golden():
    with helm.Chart.load(CHART) as chart:
        return render(chart, yaml.safe_load(VALUES.read_text()))


def release(verb, namespace, values="{}"):
    with helm.Config(namespace=namespace) as config:
        if verb == "uninstall":
            config.uninstall(NAME, timeout=60, wait="watcher")
            return
        change = {"install": config.install, "upgrade": config.upgrade}[verb]
        change(CHART, NAME, json.loads(values), namespace=namespace, timeout=90, wait="watcher")


if __name__ == "__main__":
    main(*sys.argv[1:])
