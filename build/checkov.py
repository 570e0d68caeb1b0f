"""Checks manifests with Checkov: what fails must be accepted below with a reason, and
what is accepted must still fail.

usage: checkov.py MANIFEST...     with checkov in PATH
"""

import json
import os
import subprocess
import sys

AGENT, FULL = "Deployment.pipeops-system.pipeops-agent", "pipeops-agent-full"
OPT_IN = "full access is what this file is for; it is applied by nobody who does not want it"
EXAMPLE = "the namespace that the minimal level names until another is named"
ACCEPTED = {
    ("CKV_K8S_15", AGENT): "edge clusters may be offline: an image that is there is not pulled again",
    ("CKV_K8S_35", AGENT): "each key of the Secret is optional, while a file that is missing is a mistake",
    ("CKV_K8S_40", AGENT): "uid 1000 is that of the image; nothing of the host is mounted",
    ("CKV_K8S_43", AGENT): "no digest is known before the image of a release exists",
    ("CKV_K8S_21", "RoleBinding.default.pipeops-agent-config"): EXAMPLE,
    ("CKV_K8S_21", "RoleBinding.default.pipeops-agent-exec-logs"): EXAMPLE,
    ("CKV_K8S_21", "RoleBinding.default.pipeops-agent-workloads"): EXAMPLE,
    ("CKV_K8S_49", f"ClusterRole.default.{FULL}"): OPT_IN,
    ("CKV_K8S_155", f"ClusterRole.default.{FULL}"): OPT_IN,
    ("CKV2_K8S_2", f"ClusterRoleBinding.default.{FULL}"): OPT_IN,
    ("CKV2_K8S_4", f"ClusterRoleBinding.default.{FULL}"): OPT_IN,
    ("CKV2_K8S_5", f"ClusterRoleBinding.default.{FULL}"): OPT_IN,
}


def main(*files):
    named = [word for file in files for word in ("--file", file)]
    # Nothing is fetched or sent.
    options = ["--framework", "kubernetes", "--skip-download", "--compact", "--output", "json"]
    run = subprocess.run(
        ["checkov", *options, *named],
        env=os.environ | {"LOG_LEVEL": "ERROR"},
        stdout=subprocess.PIPE,
        check=False,
    )
    report = json.loads(run.stdout)
    if report["summary"]["parsing_errors"] or report["summary"]["passed"] == 0:
        sys.exit(f"not read: {report['summary']}")
    failed = {
        (check["check_id"], check["resource"]): f"{check['check_name']} ({check['file_path']})"
        for check in report["results"]["failed_checks"]
    }
    problems = [f"{key}: {failed[key]}" for key in failed.keys() - ACCEPTED.keys()]
    problems += [f"{key}: passes, so it need not be accepted" for key in ACCEPTED.keys() - failed.keys()]
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
