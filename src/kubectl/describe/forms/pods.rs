//! Pods, what controllers make them of, and their containers.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    (
        "name",
        "\
:metadata.name Name
:metadata.namespace Namespace",
    ),
    (
        "labels",
        "\
~metadata.labels Labels|{k}={v}
@annotations Annotations",
    ),
    ("created", ":metadata.creationTimestamp:t CreationTimestamp"),
    ("controller", "+controller Controlled By"),
    (
        "Pod",
        "\
>name
+spec.priority Priority
+spec.priorityClassName Priority Class Name
+spec.runtimeClassName Runtime Class Name
+spec.serviceAccountName Service Account
!spec.nodeName Node:\t<none>
?spec.nodeName Node:\t{spec.nodeName}/{status.hostIP}
+status.startTime:t Start Time
>labels
?terminating Status:\tTerminating (lasts {terminating:a})
?terminating Termination Grace Period:\t{metadata.deletionGracePeriodSeconds}s
!terminating :status.phase Status
+status.reason Reason
+status.message Message
+spec.securityContext.seccompProfile.type SeccompProfile
+spec.securityContext.seccompProfile.localhostProfile LocalhostProfile
:status.podIP IP
!status.podIPs IPs:\t<none>
?status.podIPs IPs:
*status.podIPs   IP:\t{ip}
>controller
+status.nominatedNodeName NominatedNodeName
?spec.resources Resources:
?spec.resources.limits   Limits:
*spec.resources.limits     {k}:\t{v}
?spec.resources.requests   Requests:
*spec.resources.requests     {k}:\t{v}
?spec.initContainers @containers Init Containers|spec.initContainers|status.initContainerStatuses
@containers Containers|spec.containers|status.containerStatuses
?spec.ephemeralContainers @containers Ephemeral Containers|spec.ephemeralContainers|status.ephemeralContainerStatuses
?spec.readinessGates Readiness Gates:
?spec.readinessGates   Type\tStatus
*spec.readinessGates   {conditionType} \t{conditionType:g}\x20
?status.conditions Conditions:
?status.conditions   Type\tStatus
*status.conditions   {type} \t{status}\x20
@volumes
:status.qosClass QoS Class
~spec.nodeSelector Node-Selectors|{k}={v}
~spec.tolerations^key Tolerations|{key}{value/=%}{effect/:%}{:o}{tolerationSeconds/ for %s}
?spec.topologySpreadConstraints >spread
?spec.workloadRef >workload",
    ),
    (
        "template",
        "\
Pod Template:
~metadata.labels   Labels|{k}={v}
?metadata.annotations @annotations   Annotations
+spec.serviceAccountName   Service Account
?spec.initContainers @containers Init Containers|spec.initContainers|
@containers Containers|spec.containers|
@volumes
?spec.topologySpreadConstraints >spread
+spec.priorityClassName   Priority Class Name
~spec.nodeSelector   Node-Selectors|{k}={v}
~spec.tolerations^key   Tolerations|{key}{value/=%}{effect/:%}{:o}{tolerationSeconds/ for %s}
?spec.workloadRef >workload",
    ),
    (
        "spread",
        "\
~spec.topologySpreadConstraints^topologyKey {^}Topology Spread Constraints|\
{topologyKey}:{whenUnsatisfiable} when max skew {maxSkew} is exceeded{labelSelector:S/ for selector %}",
    ),
    (
        "workload",
        "\
{^}WorkloadRef:
:spec.workloadRef.name   Name
:spec.workloadRef.podGroup   PodGroup
+spec.workloadRef.podGroupReplicaKey   PodGroupReplicaKey",
    ),
    (
        "container",
        "  {-}{name}:
?status :status.containerID     Container ID
:image     Image
?status :status.imageID     Image ID
    Port{ports:z}:\t{ports:C=<none>}
    Host Port{ports:z}:\t{ports:H=<none>}
+securityContext.seccompProfile.type     SeccompProfile
+securityContext.seccompProfile.localhostProfile       LocalhostProfile
?command     Command:
*command       {:i}
?args     Args:
*args       {:i}
?status .status.state >state
?status.lastState.terminated     Last State:\tTerminated
?status.lastState.terminated .status.lastState.terminated >terminated
?status :status.ready:B     Ready
?status :status.restartCount=0     Restart Count
?resources.limits     Limits:
*resources.limits       {k}:\t{v}
?resources.requests     Requests:
*resources.requests       {k}:\t{v}
+livenessProbe:p     Liveness
+readinessProbe:p     Readiness
+startupProbe:p     Startup
?envFrom     Environment Variables from:
*envFrom >envFrom
!env     Environment:\t<none>
?env     Environment:
*env >env
!volumeMounts     Mounts:\t<none>
?volumeMounts     Mounts:
*volumeMounts^mountPath       {mountPath} from {name} ({readOnly:r}{subPath:q/,path=%})
?volumeDevices ?volumeMounts     Devices:
?volumeDevices !volumeMounts     Devices:\t<none>
*volumeDevices^devicePath       {devicePath} from {name}",
    ),
    (
        "envFrom",
        "\
?configMapRef       {configMapRef.name}\tConfigMap{prefix/ with prefix '%'}\tOptional: {configMapRef.optional=false}
?secretRef       {secretRef.name}\tSecret{prefix/ with prefix '%'}\tOptional: {secretRef.optional=false}",
    ),
    (
        "env",
        "\
!valueFrom       {name}:\t{value:e}
?valueFrom.fieldRef       {name}:\t{field} ({valueFrom.fieldRef.apiVersion}:{valueFrom.fieldRef.fieldPath})
?valueFrom.resourceFieldRef       {name}:\t{field} ({valueFrom.resourceFieldRef.resource})
?valueFrom.secretKeyRef       {name}:\t<set to the key '{valueFrom.secretKeyRef.key}' in secret '{valueFrom.secretKeyRef.name}'>\tOptional: {valueFrom.secretKeyRef.optional=false}
?valueFrom.configMapKeyRef       {name}:\t<set to the key '{valueFrom.configMapKeyRef.key}' of config map '{valueFrom.configMapKeyRef.name}'>\tOptional: {valueFrom.configMapKeyRef.optional=false}",
    ),
    (
        "state",
        "\
?running     State:\tRunning
?running :running.startedAt:t       Started
?terminated     State:\tTerminated
?terminated .terminated >terminated
!running !terminated     State:\tWaiting
+waiting.reason       Reason",
    ),
    (
        "terminated",
        "\
+reason       Reason
+message       Message
:exitCode=0       Exit Code
+signal       Signal
:startedAt:t       Started
:finishedAt:t       Finished",
    ),
];
