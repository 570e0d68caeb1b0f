# The records of control plane and agent in words. Nothing here is made up: what a record does
# not have is "unknown".

def known: if . == null then "unknown" else tostring end;
def mb: if . == null then "unknown" else "\(. / 1e5 | round / 10) MB" end;
def things(what): "\(known) \(what)\(if . == 1 then "" else "s" end)";
def pod_name: "\(.namespace)/\(.name)";

# Of GET /agents, one agent.

def registration:
  .registration.cluster
  | "cluster \(.name) (\(.uid)), Kubernetes \(.version | known), \(.node_count | things("node"))";

def heartbeat:
  .heartbeat.metadata as {$health, $counts}
  | "beat \(.heartbeats) acknowledged: cluster \($health), \($counts.nodes_ready | known) of \($counts.nodes | things("node")) ready, \($counts.pods_running | known) of \($counts.pods | things("pod")) running";

def status:
  .status.metrics
  | "status \($number) acknowledged: "
    + if .cpu_millis == null then "no figures of CPU and memory yet"
      else "CPU \(.cpu_usage | known) % (\(.cpu_millis) millicores), memory \(.memory_usage | known) % (\(.memory_bytes | mb))" end
    + ", \(.node_count | things("node")), \(.pod_count | things("pod"))";

def has_usage:
  .status.metrics | .cpu_millis > 0 and .cpu_usage != null and .memory_bytes > 0 and .memory_usage > 0;

# More pods are counted than before, and the status names this one.
def has_pod:
  .heartbeat.metadata.counts.pods > $before and any(.status.pods[]?; pod_name == $pod);

def farewell: "beat \(.heartbeats) said it is \(.heartbeat.status | known)";

# Of the agent's own API.

def footprint:
  "\(.memory.resident_bytes | mb) of memory (at most \(.memory.resident_peak_bytes | mb)), \(.threads | things("thread")), \(.cpu.seconds | known) s of CPU";

def readiness:
  [.checks | to_entries[] | select(.value.ok | not) | "\(.key): \(.value.detail)"]
  | if length > 0 then "not ready: \(join("; "))" else "ready: Kubernetes and the control plane are reached" end;

def pod_change:
  select(.kind == "pod")
  | "pod \(pod_name) \({added: "appeared", modified: "changed", deleted: "is gone"}[.what]): \(.summary)";

# Of GET /agents/ID/commands, one command.

def text(data; encoding): if encoding == "base64" then data | @base64d else data end | rtrimstr("\n");

# What came after the first chunks, which are told already. What is short comes with the result.
def command_output(told):
  if (.chunks | length) > 0 then .chunks[told:][] | text(.data; .encoding)
  else .result | select(.output) | text(.output; .output_encoding) end;

def command_end: .result | select(. != null) | "\(.metadata.outcome), exit code \(.exit_code)";

def has_answer: .result.exit_code == 0 and .result.metadata.outcome == "completed";

# Of kubectl.

def node:
  "\(.metadata.name) with Kubernetes \(.status.nodeInfo.kubeletVersion), \(.status.capacity.cpu) CPUs, \(.status.capacity.memory) of memory";
