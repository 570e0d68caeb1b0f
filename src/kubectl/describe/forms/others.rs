//! Kinds of storage, the network, scheduling and rights.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    (
        "PersistentVolume",
        "\
:metadata.name Name
>labels
:metadata.finalizers=[] Finalizers
>class
Claim:\t{spec.claimRef.namespace}{spec.claimRef.name//%}
:spec.persistentVolumeReclaimPolicy Reclaim Policy
:spec.accessModes:A Access Modes
+spec.volumeMode VolumeMode
:spec.capacity.storage=0 Capacity
!spec.nodeAffinity.required Node Affinity:\t<none>
?spec.nodeAffinity.required Node Affinity:\t
?spec.nodeAffinity.required   Required Terms:\t
*spec.nodeAffinity.required.nodeSelectorTerms ~matchExpressions     Term {k}|{key} {operator:l}{values:;/ [%]}
:status.message Message
Source:
@source",
    ),
    (
        "class",
        "\
::c StorageClass
?metadata.deletionTimestamp Status:\tTerminating (lasts {metadata.deletionTimestamp:a})
!metadata.deletionTimestamp :status.phase Status",
    ),
    (
        "PersistentVolumeClaim",
        "\
>name
>class
:spec.volumeName Volume
>labels
:metadata.finalizers=[] Finalizers
!spec.volumeName Capacity:\t
?spec.volumeName :status.capacity.storage=0 Capacity
!spec.volumeName Access Modes:\t
?spec.volumeName :status.accessModes:A Access Modes
+spec.volumeMode VolumeMode
?spec.dataSource DataSource:
.spec.dataSource >source
~users Used By|{}
?status.conditions Conditions:
?status.conditions   Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage
?status.conditions   ----\t------\t-----------------\t------------------\t------\t-------
*status.conditions   {type} \t{status} \t{lastProbeTime:t} \t{lastTransitionTime:t} \t{reason} \t{message}",
    ),
    (
        "source",
        "\
+apiGroup   APIGroup
+kind   Kind
+name   Name",
    ),
    (
        "claimTemplate",
        "\
::c     StorageClass
:spec.volumeName     Volume
!metadata.labels     Labels:\t    <none>
?metadata.labels ~metadata.labels     Labels|    {k}={v}
!metadata.annotations     Annotations:\t    <none>
?metadata.annotations @annotations     Annotations
    Capacity:\t
    Access Modes:\t
+spec.volumeMode     VolumeMode",
    ),
    (
        "StorageClass",
        "\
:metadata.name Name
:metadata.annotations:D IsDefaultClass
:metadata.annotations:m Annotations
:provisioner Provisioner
:parameters:m Parameters
:allowVolumeExpansion:B=<unset> AllowVolumeExpansion
!mountOptions MountOptions:\t<none>
?mountOptions MountOptions:
*mountOptions   {}
+reclaimPolicy ReclaimPolicy
+volumeBindingMode VolumeBindingMode
?allowedTopologies AllowedTopologies:\t
*allowedTopologies ~matchLabelExpressions   Term {k}|{key} in{values:;/ [%]}",
    ),
    (
        "VolumeAttributesClass",
        "\
:metadata.name Name
:metadata.annotations:m Annotations
:driverName DriverName
:parameters:m Parameters",
    ),
    (
        "CSINode",
        "\
:metadata.name Name
>labels
>created
Spec:
?spec.drivers   Drivers:
*spec.drivers >driver",
    ),
    (
        "driver",
        "    {name}:
:nodeID       Node ID
?allocatable.count       Allocatables:
+allocatable.count         Count
+topologyKeys       Topology Keys",
    ),
    (
        "Endpoints",
        "\
>name
>labels
Subsets:
*subsets >subset",
    ),
    (
        "subset",
        "\
:addresses:I=<none>   Addresses
:notReadyAddresses:I=<none>   NotReadyAddresses
?ports   Ports:
?ports     Name\tPort\tProtocol
?ports     ----\t----\t--------
*ports     {name=<unset>}\t{port}\t{protocol}

",
    ),
    (
        "EndpointSlice",
        "\
>name
>labels
:addressType AddressType
!ports Ports: <unset>
?ports Ports:
?ports   Name\tPort\tProtocol
?ports   ----\t----\t--------
*ports   {name=<unset>}\t{port=<unset>}\t{protocol}
!endpoints Endpoints: <none>
?endpoints Endpoints:
*endpoints >endpoint",
    ),
    (
        "endpoint",
        "  - Addresses:\t{addresses:;=<none>}
    Conditions:
:conditions.ready=<unset>       Ready
:hostname=<unset>     Hostname
?targetRef     TargetRef:\t{targetRef.kind}/{targetRef.name}
:nodeName=<unset>     NodeName
:zone=<unset>     Zone",
    ),
    (
        "Ingress",
        "\
:metadata.name Name
~metadata.labels Labels|{k}={v}
:metadata.namespace Namespace
:addresses Address
:spec.ingressClassName=<none> Ingress Class
:backend=<default> Default backend
?spec.tls TLS:
*spec.tls >tls
Rules:
  Host\tPath\tBackends
  ----\t----\t--------
*spec.rules ?http >rule
!routed   *\t*\t{backend=<default>}
@annotations Annotations",
    ),
    (
        "tls",
        "\
?secretName   {secretName} terminates {hosts:,}
!secretName   SNI routes {hosts:,}",
    ),
    (
        "rule",
        "  {host=*}\t
*http.paths     \t{path} \t{told}",
    ),
    (
        "IngressClass",
        "\
:metadata.name Name
>labels
:spec.controller Controller
?spec.parameters Parameters:
.spec.parameters >source",
    ),
    (
        "ServiceCIDR",
        "\
:metadata.name Name
>labels
:spec.cidrs:; CIDRs
?status.conditions Status:
?status.conditions Conditions:
>transitions",
    ),
    (
        "IPAddress",
        "\
:metadata.name Name
>labels
?spec.parentRef Parent Reference:
?spec.parentRef :spec.parentRef.group   Group
?spec.parentRef :spec.parentRef.resource   Resource
?spec.parentRef :spec.parentRef.namespace   Namespace
?spec.parentRef :spec.parentRef.name   Name",
    ),
    (
        "PodDisruptionBudget",
        "\
>name
+spec.minAvailable Min available
!spec.minAvailable +spec.maxUnavailable Max unavailable
:spec.selector:U Selector
Status:
:status.disruptionsAllowed=0     Allowed disruptions
:status.currentHealthy=0     Current
:status.desiredHealthy=0     Desired
:status.expectedPods=0     Total",
    ),
    (
        "PriorityClass",
        "\
:metadata.name Name
:value=0 Value
:globalDefault=false GlobalDefault
:preemptionPolicy PreemptionPolicy
:description Description
:metadata.annotations:m Annotations",
    ),
    (
        "binding",
        "\
:metadata.name Name
>labels
Role:
:roleRef.kind   Kind
:roleRef.name   Name
Subjects:
  Kind\tName\tNamespace
  ----\t----\t---------
*subjects   {kind}\t{name}\t{namespace}",
    ),
    (
        "role",
        "\
:metadata.name Name
>labels
PolicyRule:
  Resources\tNon-Resource URLs\tResource Names\tVerbs
  ---------\t-----------------\t--------------\t-----
*rules   {}",
    ),
    (
        "NetworkPolicy",
        "\
>name
:metadata.creationTimestamp:T Created on
>labels
Spec:
!spec.podSelector   PodSelector:     <none> (Allowing the specific traffic to all pods in this namespace)
?spec.podSelector   PodSelector:     {spec.podSelector:S}
!ingress   Not affecting ingress traffic
?ingress   Allowing ingress traffic:
?ingress !spec.ingress     <none> (Selected pods are isolated for ingress connectivity)
?ingress *spec.ingress >from
!egress   Not affecting egress traffic
?egress   Allowing egress traffic:
?egress !spec.egress     <none> (Selected pods are isolated for egress connectivity)
?egress *spec.egress >to
  Policy Types: {spec.policyTypes:;=<none>}",
    ),
    (
        "from",
        "\
>through
!from     From: <any> (traffic not restricted by source)
*from >fromPeer
?more     ----------",
    ),
    (
        "to",
        "\
>through
!to     To: <any> (traffic not restricted by destination)
*to >toPeer
?more     ----------",
    ),
    ("fromPeer", "    From:\n>peer"),
    ("toPeer", "    To:\n>peer"),
    (
        "through",
        "\
!ports     To Port: <any> (traffic allowed to all ports)
*ports     To Port{endPort/ Range}: {port}{endPort/-%}/{protocol=TCP}",
    ),
    (
        "peer",
        "\
&namespaceSelector       NamespaceSelector: {namespaceSelector:S}
&podSelector       PodSelector: {podSelector:S}
&ipBlock       IPBlock:
&ipBlock         CIDR: {ipBlock.cidr}
&ipBlock         Except: {ipBlock.except:;}",
    ),
    (
        "projected",
        "\
&secret :secret.name     SecretName
&secret :secret.optional=false     Optional
&downwardAPI     DownwardAPI:\ttrue
&configMap :configMap.name     ConfigMapName
&configMap :configMap.optional=false     Optional
&serviceAccountToken :serviceAccountToken.expirationSeconds     TokenExpirationSeconds",
    ),
    (
        "metric",
        "\
?resource .resource >ofResource
?containerResource .containerResource >ofResource
?pods .pods   \"{metric.name}\" on pods:\t{now.averageValue=<unknown>} / {target.averageValue}
?object .object >ofObject
?external .external >ofOther",
    ),
    (
        "ofResource",
        "\
?target.averageValue   resource {name}{container/ of container \"%\"} on pods:\t{now.averageValue=<unknown>} / {target.averageValue}
!target.averageValue   resource {name}{container/ of container \"%\"} on pods  (as a percentage of request):\t\
{now.averageUtilization:%=<unknown>}{now.averageUtilization/ (}{now.averageValue}{now.averageUtilization/)} / \
{target.averageUtilization:%=<auto>}",
    ),
    (
        "ofObject",
        "\
?target.averageValue   \"{metric.name}\" on {describedObject.kind}/{describedObject.name} (target average value):\t\
{now.averageValue=<unknown>} / {target.averageValue}
?target.value   \"{metric.name}\" on {describedObject.kind}/{describedObject.name} (target value):\t\
{now.value=<unknown>} / {target.value}",
    ),
    (
        "ofOther",
        "\
?target.averageValue   \"{metric.name}\" (target average value):\t{now.averageValue=<unknown>} / {target.averageValue}
?target.value   \"{metric.name}\" (target value):\t{now.value=<unknown>} / {target.value}",
    ),
    (
        "HorizontalPodAutoscaler",
        "\
>name
>labels
>created
Reference:\t{spec.scaleTargetRef.kind}/{spec.scaleTargetRef.name}
Metrics:\t( current / target )
*spec.metrics >metric
:spec.minReplicas=<unset> Min replicas
:spec.maxReplicas=0 Max replicas
?spec.behavior Behavior:
?spec.behavior.scaleUp   Scale Up:
.spec.behavior.scaleUp >scaling
?spec.behavior.scaleDown   Scale Down:
.spec.behavior.scaleDown >scaling
{spec.scaleTargetRef.kind} pods:\t{status.currentReplicas=0} current / {status.desiredReplicas=0} desired
?status.conditions Conditions:
?status.conditions   Type\tStatus\tReason\tMessage
?status.conditions   ----\t------\t------\t-------
*status.conditions   {type}\t{status}\t{reason}\t{message}",
    ),
    (
        "scaling",
        "\
?stabilizationWindowSeconds     Stabilization Window: {stabilizationWindowSeconds} seconds
?policies     Select Policy: {selectPolicy=Max}
?policies     Policies:
*policies       - Type: {type}\tValue: {value=0}\tPeriod: {periodSeconds=0} seconds",
    ),
];
