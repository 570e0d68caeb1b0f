//! Kinds of the core, of workloads and of batches.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    (
        "Deployment",
        "\
>name
>created
>labels
:spec.selector:s Selector
Replicas:\t{spec.replicas=0} desired | {status.updatedReplicas=0} updated | {status.replicas=0} total | \
{status.availableReplicas=0} available | {status.unavailableReplicas=0} unavailable
:spec.strategy.type StrategyType
:spec.minReadySeconds=0 MinReadySeconds
?spec.strategy.rollingUpdate RollingUpdateStrategy:\t{spec.strategy.rollingUpdate.maxUnavailable} max unavailable, \
{spec.strategy.rollingUpdate.maxSurge} max surge
@template spec.template
>conditions
+oldSets OldReplicaSets
+newSet NewReplicaSet",
    ),
    (
        "ReplicaSet",
        "\
>name
:spec.selector:S Selector
>labels
>controller
Replicas:\t{status.replicas=0} current / {spec.replicas=0} desired
>counts
@template spec.template
>conditions",
    ),
    (
        "ReplicationController",
        "\
>name
:spec.selector:m Selector
>labels
Replicas:\t{status.replicas=0} current / {spec.replicas=0} desired
>counts
@template spec.template
>conditions",
    ),
    (
        "StatefulSet",
        "\
>name
>created
:spec.selector:s Selector
>labels
Replicas:\t{spec.replicas=0} desired | {status.replicas=0} total
:spec.updateStrategy.type Update Strategy
+spec.updateStrategy.rollingUpdate.partition   Partition
?spec.updateStrategy.rollingUpdate.partition +spec.updateStrategy.rollingUpdate.maxUnavailable   MaxUnavailable
>counts
@template spec.template
!spec.volumeClaimTemplates Volume Claims:\t<none>
?spec.volumeClaimTemplates Volume Claims:
*spec.volumeClaimTemplates >claim",
    ),
    (
        "counts",
        "\
?noCounts Pods Status:\terror in fetching pods: {noCounts}
?counts Pods Status:\t{counts.0} Running / {counts.1} Waiting / {counts.2} Succeeded / {counts.3} Failed",
    ),
    (
        "claim",
        "\
:metadata.name   Name
::c   StorageClass
~metadata.labels   Labels|{k}={v}
~metadata.annotations   Annotations|{k}={v}
:spec.resources.requests.storage=<default>   Capacity
:spec.accessModes=[]   Access Modes",
    ),
    (
        "DaemonSet",
        "\
>name
:spec.selector:s Selector
:spec.template.spec.nodeSelector:m Node-Selector
>labels
Desired Number of Nodes Scheduled: {status.desiredNumberScheduled=0}
Current Number of Nodes Scheduled: {status.currentNumberScheduled=0}
Number of Nodes Scheduled with Up-to-date Pods: {status.updatedNumberScheduled=0}
Number of Nodes Scheduled with Available Pods: {status.numberAvailable=0}
Number of Nodes Misscheduled: {status.numberMisscheduled=0}
>counts
@template spec.template",
    ),
    (
        "Job",
        "\
>name
:spec.selector:s Selector
>labels
>controller
+spec.parallelism Parallelism
:spec.completions=<unset> Completions
+spec.completionMode Completion Mode
+spec.suspend Suspend
+spec.backoffLimit Backoff Limit
+spec.ttlSecondsAfterFinished TTL Seconds After Finished
+status.startTime:t Start Time
+status.completionTime:t Completed At
+lasted Duration
?spec.activeDeadlineSeconds Active Deadline Seconds:\t{spec.activeDeadlineSeconds}s
Pods Statuses:\t{status.active=0} Active{status.ready/ (% Ready)} / {status.succeeded=0} Succeeded / {status.failed=0} Failed
+indexes Completed Indexes
@template spec.template",
    ),
    (
        "CronJob",
        "\
>name
>labels
:spec.schedule Schedule
:spec.concurrencyPolicy Concurrency Policy
:spec.suspend:B=<unset> Suspend
:spec.successfulJobsHistoryLimit=<unset> Successful Job History Limit
:spec.failedJobsHistoryLimit=<unset> Failed Job History Limit
?spec.startingDeadlineSeconds Starting Deadline Seconds:\t{spec.startingDeadlineSeconds}s
!spec.startingDeadlineSeconds Starting Deadline Seconds:\t<unset>
:spec.jobTemplate.spec.selector:s=<unset> Selector
:spec.jobTemplate.spec.parallelism=<unset> Parallelism
:spec.jobTemplate.spec.completions=<unset> Completions
?spec.jobTemplate.spec.activeDeadlineSeconds Active Deadline Seconds:\t{spec.jobTemplate.spec.activeDeadlineSeconds}s
@template spec.jobTemplate.spec.template
:status.lastScheduleTime:t=<unset> Last Schedule Time
:status.active:N=<none> Active Jobs",
    ),
    (
        "conditions",
        "\
?status.conditions Conditions:
?status.conditions   Type\tStatus\tReason
?status.conditions   ----\t------\t------
*status.conditions   {type} \t{status}\t{reason}",
    ),
    (
        "Service",
        "\
>name
>labels
:spec.selector:m Selector
:spec.type Type
+spec.ipFamilyPolicy IP Family Policy
:spec.ipFamilies:,=<none> IP Families
:spec.clusterIP IP
:spec.clusterIPs:,=<none> IPs
+spec.externalIPs:, External IPs
+spec.loadBalancerIP Desired LoadBalancer IP
+spec.externalName External Name
+status.loadBalancer.ingress:L LoadBalancer Ingress
*spec.ports >port
:spec.sessionAffinity Session Affinity
+spec.externalTrafficPolicy External Traffic Policy
+spec.internalTrafficPolicy Internal Traffic Policy
+spec.healthCheckNodePort HealthCheck NodePort
+spec.loadBalancerSourceRanges:, LoadBalancer Source Ranges
+spec.trafficDistribution Traffic Distribution",
    ),
    (
        "port",
        "\
Port:\t{name=<unset>}\t{port=0}/{protocol}
TargetPort:\t{targetPort=0}/{protocol}
?nodePort NodePort:\t{name=<unset>}\t{nodePort}/{protocol}
:endpoints Endpoints",
    ),
    (
        "Node",
        "\
:metadata.name Name
:roles Roles
>labels
>created
~spec.taints^effect,key Taints|{key}{value/=%}:{effect}
:spec.unschedulable=false Unschedulable
?noLease Lease:\tFailed to get lease: {noLease}
?lease Lease:
?lease :lease.holderIdentity=<unset>   HolderIdentity
?lease :lease.acquireTime:t=<unset>   AcquireTime
?lease :lease.renewTime:t=<unset>   RenewTime
?status.conditions Conditions:
?status.conditions   Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage
?status.conditions   ----\t------\t-----------------\t------------------\t------\t-------
*status.conditions   {type} \t{status} \t{lastHeartbeatTime:t} \t{lastTransitionTime:t} \t{reason} \t{message}
Addresses:
*status.addresses   {type}:\t{address}
?status.capacity Capacity:
*status.capacity   {k}:\t{v}
?status.allocatable Allocatable:
*status.allocatable   {k}:\t{v}
System Info:
:status.nodeInfo.machineID   Machine ID
:status.nodeInfo.systemUUID   System UUID
:status.nodeInfo.bootID   Boot ID
:status.nodeInfo.kernelVersion   Kernel Version
:status.nodeInfo.osImage   OS Image
:status.nodeInfo.operatingSystem   Operating System
:status.nodeInfo.architecture   Architecture
:status.nodeInfo.containerRuntimeVersion   Container Runtime Version
:status.nodeInfo.kubeletVersion   Kubelet Version
:status.nodeInfo.kubeProxyVersion   Kube-Proxy Version
+spec.podCIDR PodCIDR
+spec.podCIDRs:, PodCIDRs
+spec.providerID ProviderID
!counted Pods:\tnot authorized
?counted >allocated",
    ),
    (
        "allocated",
        "\
Non-terminated Pods:\t({counted} in total)
  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge
  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---
*pods   {}
Allocated resources:
  (Total limits may be over 100 percent, i.e., overcommitted.)
  Resource\tRequests\tLimits
  --------\t--------\t------
*allocated   {}",
    ),
    (
        "Namespace",
        "\
:metadata.name Name
>labels
:status.phase Status
?status.conditions Conditions:
>transitions

!quotas No resource quota.
?quotas Resource Quotas
*quotas >quota

!limits No LimitRange resource.
?limits Resource Limits
?limits  Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio
?limits  ----\t--------\t---\t---\t---------------\t-------------\t-----------------------
*limits @limits",
    ),
    (
        "transitions",
        "\
?status.conditions   Type\tStatus\tLastTransitionTime\tReason\tMessage
?status.conditions   ----\t------\t------------------\t------\t-------
*status.conditions   {type}\t{status}\t{lastTransitionTime:t}\t{reason}\t{message}",
    ),
    (
        "quota",
        "\
:metadata.name   Name
+scopes   Scopes
*help   * {}
  Resource\tUsed\tHard
  --------\t---\t---
*lines   {}",
    ),
    (
        "ResourceQuota",
        "\
>name
+scopes Scopes
*help  * {}
Resource\tUsed\tHard
--------\t----\t----
*lines {}",
    ),
    (
        "Terminating",
        "Matches all pods that have an active deadline. These pods have a limited lifespan on a \
         node before being actively terminated by the system.",
    ),
    (
        "NotTerminating",
        "Matches all pods that do not have an active deadline. These pods usually include long \
         running pods whose container command is not expected to terminate.",
    ),
    (
        "BestEffort",
        "Matches all pods that do not have resource requirements set. These pods have a best \
         effort quality of service.",
    ),
    (
        "NotBestEffort",
        "Matches all pods that have at least one resource requirement set. These pods have a \
         burstable or guaranteed quality of service.",
    ),
    (
        "LimitRange",
        "\
>name
Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio
----\t--------\t---\t---\t---------------\t-------------\t-----------------------
@limits",
    ),
    (
        "ConfigMap",
        "\
>name
>labels

Data
====
*data >datum

BinaryData
====
*binaryData {k}: {v:b} bytes

",
    ),
    ("datum", "{k}:\n----\n{v}\n\n"),
    (
        "Secret",
        "\
>name
>labels

Type:\t{type}

Data
====
*data {k}:\t{v}",
    ),
    (
        "ServiceAccount",
        "\
>name
>labels
~imagePullSecrets Image pull secrets|{name}",
    ),
];
