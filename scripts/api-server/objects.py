"""Sorts what Helm rendered into what a bare API server can judge.

objects.py FOLDER <RENDERED writes into FOLDER:
  objects.yaml      every object of Kubernetes' own kinds, as Helm wrote it
  pods.json         the pod of each workload's template
  needs.json        what those pods refer to and a cluster would have: accounts, priorities, runtime classes
  privileged.json   the first pod, privileged: the server must refuse it
  misspelled.json   the first pod, with a field that does not exist: the server must refuse it
and prints the kinds that it left out, because their definitions come with other products.
"""

import copy
import json
import pathlib
import re
import sys

import yaml

FOREIGN_GROUPS = {"monitoring.coreos.com", "keda.sh"}
WORKLOADS = {"StatefulSet", "Deployment", "DaemonSet", "Job"}


def write_list(path, items):
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def pod(workload):
    template = copy.deepcopy(workload["spec"]["template"])
    metadata = template.get("metadata", {})
    metadata["name"] = f"{workload['metadata']['name']}-{workload['kind'].lower()}"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def needs(spec):
    if "serviceAccountName" in spec:
        yield "v1", "ServiceAccount", spec["serviceAccountName"]
    if "priorityClassName" in spec:
        yield "scheduling.k8s.io/v1", "PriorityClass", spec["priorityClassName"]
    if "runtimeClassName" in spec:
        yield "node.k8s.io/v1", "RuntimeClass", spec["runtimeClassName"]


def need(api_version, kind, name):
    rest = {"PriorityClass": {"value": 1}, "RuntimeClass": {"handler": "runc"}}.get(kind, {})
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}


def main():
    folder = pathlib.Path(sys.argv[1])
    texts, pods, left_out = [], [], set()
    # The text is kept as it is: a key that stands twice is for the server to find.
    for text in re.split(r"^---\s*$", sys.stdin.read(), flags=re.MULTILINE):
        found = yaml.safe_load(text)
        if found is None:
            continue
        if found["apiVersion"].split("/")[0] in FOREIGN_GROUPS:
            left_out.add(found["kind"])
            continue
        texts.append(text)
        if found["kind"] in WORKLOADS:
            pods.append(pod(found))

    (folder / "objects.yaml").write_text("---\n".join(texts))
    write_list(folder / "pods.json", pods)
    wanted = sorted({each for pod in pods for each in needs(pod["spec"])})
    write_list(folder / "needs.json", [need(*each) for each in wanted])

    privileged, misspelled = copy.deepcopy(pods[0]), copy.deepcopy(pods[0])
    container = privileged["spec"]["containers"][0]
    container["securityContext"] = {"privileged": True}
    misspelled["spec"]["restartPolice"] = "Always"
    (folder / "privileged.json").write_text(json.dumps(privileged))
    (folder / "misspelled.json").write_text(json.dumps(misspelled))
    print(" ".join(sorted(left_out)))


main()
